"""What the hub counts: that each number moves with what it counts, and who may read it."""

import asyncio
import json
import re
import sqlite3

import pytest
import story
from aura_client import Client
from aura_server import ROOT, wait_until
from exposition import scrape

OPERATING = ROOT / "public" / "operating"


async def settled(server, condition):
    """The loops say once a second what they hold."""
    for _ in range(200):
        metrics = scrape(server)
        if condition(metrics):
            return metrics
        await asyncio.sleep(0.05)
    raise AssertionError(metrics.samples)


async def test_what_a_day_brings_is_counted(new_server):
    server = new_server("--loops", 2)
    before = scrape(server)
    assert before["aura_build_info", {"version": "0.1.0", "schema": str(int(schema_of(before)))}] == 1
    async with await Client.open(server, "sales") as sales, await Client.open(server, "owner") as owner:
        replica = await owner.subscribe(["workflow_states", "customers"])
        key = "metrics-key-0001"
        workflow = await story.lead(sales, key=key)
        await replica.until(lambda r: r.row("workflow_states", workflow))
        assert (await sales.refused("checkIn", {"workflowId": workflow}))["code"]
        await sales.ask("staff", {})
        await owner.ping()
        metrics = await settled(server, lambda m: m["aura_subscriptions"] == 1 and m["aura_sessions"] == 2)
        assert metrics["aura_connections"] == 2 and metrics["aura_streams"] == 1
        assert metrics["aura_commands_total", {"name": "initialize", "outcome": "ok"}] == 1
        assert metrics.sum("aura_commands_total", name="checkIn") == 1
        assert metrics["aura_commands_total", {"name": "checkIn", "outcome": "ok"}] == 0
        assert metrics["aura_command_to_ack_seconds_count"] == 2
        assert metrics["aura_query_seconds_count"] == metrics["aura_queries_total", {"outcome": "ok"}] == 1
        assert metrics["aura_resumes_total", {"mode": "snapshot", "reason": "first"}] == 1
        assert metrics["aura_deliveries_total"] == 1
        assert metrics["aura_commits_total"] >= 1 and metrics["aura_changes_total"] >= 2
        # Each of two loops writes each commit to its own.
        assert metrics["aura_commit_to_sent_seconds_count"] == 2 * (
            metrics["aura_commits_total"] - before["aura_commits_total"]) + before["aura_commit_to_sent_seconds_count"]
        assert metrics["aura_commit_durable_seconds_sum"] <= metrics["aura_transaction_seconds_sum"]
        assert metrics["aura_commit_durable_seconds_count"] == metrics["aura_transaction_requests_count"]
        assert metrics["aura_frames_received_total"] >= 6 and metrics["aura_sent_bytes_total"] > 500
        assert metrics["aura_database_bytes"] > 100_000 and metrics["process_resident_memory_bytes"] > 1_000_000
        assert metrics["aura_writes_failing"] == 0 and metrics["aura_timers_due_lag_seconds"] >= 0
    metrics = await settled(server, lambda m: m["aura_connections"] == 0)
    assert metrics["aura_connections_closed_total", {"code": "1000"}] == 2
    assert metrics["aura_connections_opened_total"] == 2


def schema_of(metrics):
    return next(dict(labels)["schema"] for name, labels in metrics.samples if name == "aura_build_info")


async def test_a_key_that_comes_again_and_a_cursor_that_goes_on_are_told_apart(new_server):
    server = new_server()
    async with await Client.open(server, "sales") as sales:
        replica = await sales.subscribe(["workflow_states"])
        arguments = story.lead_args()
        for _ in range(2):
            await sales.command("initialize", arguments, key="metrics-key-0002")
    async with await Client.open(server, "sales", [replica]) as sales:
        await sales.ping()
        metrics = scrape(server)
    assert metrics["aura_commands_total", {"name": "initialize", "outcome": "ok"}] == 1
    assert metrics["aura_commands_total", {"name": "initialize", "outcome": "duplicate"}] == 1
    assert metrics["aura_resumes_total", {"mode": "resume", "reason": "cursor"}] == 1


async def test_a_reader_that_stops_is_seen_with_what_waits_for_it(new_server):
    server = new_server("--commands-per-second", 1000, "--commands-per-user", 1000)
    async with await Client.open(server, "owner", receive_buffer=4096) as stopped, \
            await Client.open(server, "sales") as sales:
        await stopped.subscribe(["workflow_states", "customers", "task_queue", "workflow_events"])
        stopped.stop_reading()
        for _ in range(40):
            for answer in [await sales.begin("initialize", story.lead_args("x" * 200)) for _ in range(30)]:
                await answer
            metrics = scrape(server)
            if metrics["aura_slow_readers"]:
                break
        metrics = await settled(server, lambda m: m["aura_slow_readers"] == 1)
        # Its deltas are made when it takes them: what waits is a frame, not all that it has missed.
        assert metrics["aura_waiting_bytes"] < 1_000_000
        stopped.go_on_reading()
        metrics = await settled(server, lambda m: m["aura_slow_readers"] == 0)
        assert metrics["aura_catch_ups_total"] > 0


def test_the_metrics_are_not_for_the_public(new_server):
    server = new_server("--trusted-proxy", "127.0.0.9")
    assert server.http("GET", "/metrics")[0] == 200
    # Whoever passes it on for somebody else, known as a proxy or not, is not this machine.
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
        status, _, body = server.http("GET", "/metrics", headers={header: "203.0.113.7"})
        assert status == 403 and b"aura_" not in body, header
    assert server.http("POST", "/metrics", {})[0] == 405


def test_a_named_reader_may_read_through_the_proxy(new_server):
    server = new_server("--trusted-proxy", "127.0.0.1", "--metrics-reader", "203.0.113.7")
    assert server.http("GET", "/metrics", headers={"X-Forwarded-For": "203.0.113.7"})[0] == 200
    assert server.http("GET", "/metrics", headers={"X-Forwarded-For": "203.0.113.8"})[0] == 403
    assert server.http("GET", "/metrics", headers={"X-Forwarded-For": "203.0.113.7, 203.0.113.8"})[0] == 403


@pytest.mark.parametrize("file", ["grafana-dashboard.json", "alerts.yml"])
def test_each_metric_that_the_dashboard_and_the_alerts_name_is_there(server, file):
    text = (OPERATING / file).read_text()
    if file.endswith(".json"):
        board = json.loads(text)
        queries = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    else:
        queries = re.findall(r"^\s+expr: (.+)$", text, re.M)
    assert len(queries) >= 8
    metrics = scrape(server)
    known = metrics.names | {
        name + ending for name, kind in metrics.types.items() if kind == "histogram"
        for ending in ("_bucket", "_sum", "_count")}
    named = {name for query in queries for name in re.findall(r"\b(?:aura|process)_[a-z_]+\b", query)}
    assert named <= known, named - known
    assert len(named) >= 8


# Readiness


def test_a_hub_that_commits_is_ready(server):
    status, headers, body = server.http("GET", "/readyz")
    assert (status, json.loads(body)) == (200, {"status": "ready"})
    assert headers["cache-control"] == "no-store"
    assert server.http("HEAD", "/readyz")[0] == 200
    assert server.http("POST", "/readyz", {})[0] == 405


def test_a_hub_that_cannot_write_is_alive_and_not_ready_until_it_can(new_server):
    server = new_server()

    def reason():
        status, _, body = server.http("GET", "/readyz")
        return status == 503 and json.loads(body)["reason"]

    other = sqlite3.connect(server.data / "aura.sqlite3", isolation_level=None)
    try:
        # Another program holds the database, which no hub survives for long, and which ends.
        other.execute("BEGIN IMMEDIATE")
        assert wait_until(reason, 20) in ("the database does not answer", "the database cannot be written")
        assert server.http("GET", "/healthz")[0] == 200
        wait_until(lambda: scrape(server)["aura_writes_failing"] == 1, 20)
    finally:
        other.close()
    wait_until(lambda: server.http("GET", "/readyz")[0] == 200, 20)
    assert scrape(server)["aura_writes_failing"] == 0
    assert scrape(server)["aura_transactions_abandoned_total"] >= 1
