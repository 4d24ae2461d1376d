"""The pages in a real browser against a real hub on a free port, with a demo clinic in a temporary folder."""

import json
import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from hub import Hub, Proxy

ROOT = Path(__file__).resolve().parents[2]
SIZES = {"phone": (390, 844), "tablet": (1024, 768), "desk": (1440, 900)}
LOCALES = {"th": "th-TH", "en": "en-GB"}
# A loaded machine is slow; what must be fast is measured elsewhere.
PATIENCE_MS = 20_000

expect.set_options(timeout=PATIENCE_MS)


def binary() -> Path:
    named = os.environ.get("AURA_BINARY")
    for candidate in ([Path(named)] if named else [ROOT / ".build/debug/aura", ROOT / ".build/release/aura"]):
        if candidate.exists():
            return candidate
    pytest.exit("no aura binary: run `swift build` first, or set AURA_BINARY", 2)


@pytest.fixture(scope="session")
def artifacts() -> Path:
    folder = Path(os.environ.get("AURA_ARTIFACTS") or tempfile.mkdtemp(prefix="aura-screens-")) / "screens"
    folder.mkdir(parents=True, exist_ok=True)
    print(f"screenshots: {folder}")
    return folder


@pytest.fixture(scope="module")
def hub():
    """A fresh hub for each file of tests."""
    folder = Path(tempfile.mkdtemp(prefix="aura-browser-"))
    hub = Hub(binary(), ROOT / "public", folder)
    try:
        hub.start()
        yield hub
    finally:
        hub.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("AURA_CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, hub):
    """Makes pages, each in a browser context of its own, that tolerate no error of script, policy or network."""
    contexts, complaints = [], []

    def open_page(language="en", size="tablet", setup=None, **options):
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height}, locale=LOCALES[language], timezone_id="Europe/Berlin", **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
        page.on("console", lambda message: complain(complaints, message))
        page.on("dialog", lambda dialog: (complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        if setup:
            setup(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def complain(complaints, message):
    if message.type != "error":
        return
    # Nobody signed in yet, a wrong password, a form that lacks something, a hub that is away: the browser logs them, the
    # pages expect them.
    if re.search(r"status of 4(01|22)|net::ERR_|WebSocket connection to", message.text):
        return
    complaints.append(f"console: {message.text}")


@pytest.fixture
def sign_in(open_page, hub):
    """Opens a desk as somebody: `sign_in("sales")` → the page of the sales desk, live."""

    def sign_in(who, language="en", size="tablet", base=None, desk=None, **options):
        page = open_page(language, size, **options)
        page.goto(f"{base or hub.url}/")
        page.fill("#email", f"{who}@demo.aura")
        page.fill("#password", hub.password)
        page.press("#password", "Enter")
        if desk:
            page.click(f"a.desk[href^='/{desk}/']")
        page.wait_for_url(re.compile(r"/(sales|beautician)/"))
        expect(page.locator(".light")).to_have_attribute("data-state", "live")
        expect(page.locator("main h1")).to_be_visible()
        # Whoever reloads loses this mark.
        page.evaluate("window.neverReloaded = true")
        return page

    return sign_in


@pytest.fixture
def proxy(hub):
    proxy = Proxy(hub.port)
    yield proxy
    proxy.close()


@pytest.fixture(scope="session")
def schema():
    return json.loads((ROOT / "public/protocol/aura.v1.schema.json").read_text())
