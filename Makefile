# `make run` and `make test` do their own set-up; the rest is for whoever works on it.
.DEFAULT_GOAL := help
.PHONY: help setup run build test torture bench sanitize format lint clean

PORT ?= 8080
DATA ?= ./data

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Build for release and serve the demo clinic on 127.0.0.1:8080 (PORT=, DATA=)
	@exec .build/release/aura serve --demo --data "$(DATA)" --port "$(PORT)"

build: ## Install what the build needs and build for release
	@.ci/setup build
	@echo "Building for release (the first time takes some minutes) …"
	@swift build -c release --product aura --quiet

test: ## All tests: Swift, the browser client, the protocol live, the pages in Chromium
	@.ci/test

torture: ## The live tests for long: kill -9 fifty times and a thousand between a gateway's word and the commit, and the waits that take half a minute
	@.ci/setup test
	@swift build --product aura
	AURA_TORTURE_ROUNDS=50 AURA_LONG=1 .venv/bin/python -m pytest --tb=short -p no:cacheprovider Tests/Live

bench: build ## Load on a hub of its own: 1,000 staff at full speed, handoff beside 1,000 and 10,000 idle; then its parts
	@swift build -c release --product aura-bench --quiet
	@.ci/bench

sanitize: ## Swift's tests under ThreadSanitizer, then AddressSanitizer (each builds anew)
	@.ci/setup build
	swift test --sanitize=thread --scratch-path .build-thread
	swift test --sanitize=address --scratch-path .build-address

setup: ## Install what the build and the tests need
	@.ci/setup test

format: ## Rewrite the sources in the project's format
	@swift format --in-place --recursive --parallel Package.swift Sources Tests

lint: ## Say what is not in the project's format
	@swift format lint --strict --recursive --parallel Package.swift Sources Tests

clean: ## Forget builds and the tests' environment; ./data stays
	@rm -rf .build .build-thread .build-address .venv artifacts
