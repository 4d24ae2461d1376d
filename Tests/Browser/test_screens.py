"""Every page at three sizes, in two languages, with no data, little and much: fits, reads, passes axe, and is kept to look at."""

import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from conftest import SIZES

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
LONG = "กมลชนกวรรณ ศรีสุวรรณวัฒนาพาณิชย์กุล ณ อยุธยา-ธนบุรีศรีมหาสมุทร"


def without_rows(page):
    """The same hub, but as if its clinic were empty."""

    def empty(route):
        server = route.connect_to_server()

        def pass_on(message):
            frame = json.loads(message)
            if frame["type"] == "snapshot":
                frame["rows"] = {}
            if frame["type"] == "result" and "tasks" in frame.get("data", {}):
                frame["data"]["tasks"] = []
            if frame["type"] != "delta":
                route.send(json.dumps(frame))

        server.on_message(pass_on)

    page.route_web_socket(re.compile("/ws"), empty)


@pytest.fixture(scope="module")
def busy_clinic(hub):
    """A clinic with sixty open cases and a beautician with a dozen of them."""
    with hub.as_("owner") as script:
        treatments = script.query("treatments")["treatments"]
        hydra = next(each for each in treatments if each["names"]["en"] == "Hydra Facial")
        for number in range(60):
            name = LONG if number % 10 == 0 else f"ลูกค้า {number}"
            workflow = script.command(
                "initialize", salesId=hub.staff("sales"), customer={
                    "name": name, "phone": f"0865{number:06d}", **({"allergies": "Lidocaine, ถั่วลิสง, ลาเท็กซ์"} if number % 3 == 0 else {})},
            )["workflowId"]
            if number < 12:
                start = script.query("workflowHistory", workflowId=workflow)["workflow"]["created_at"] + (24 + number) * 3_600_000
                script.command(
                    "confirmPayment", workflowId=workflow, amountSt=hydra["price_st"], paymentMethod="CASH", treatmentId=hydra["id"],
                    beauticianId=hub.staff("beautician"), scheduledTime=start, room=str(number % 4 + 1))


def fits(page):
    """Nothing sticks out sideways, and axe is content."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the screen"
    if page.viewport_size["width"] == SIZES["tablet"][0]:
        # Axe takes long and sees on a tablet what it sees on a desk.
        return
    violations = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]}).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in violations] == []


def keep(page, artifacts, name):
    fits(page)
    # Moving things are still when the picture is taken.
    page.screenshot(path=artifacts / f"{name}.png", animations="disabled")


def keep_every_size(page, artifacts, name):
    """As a tablet that is turned, or a window that is drawn smaller: nothing is loaded anew."""
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        keep(page, artifacts, name.format(size=size))
    width, height = SIZES["desk"]
    page.set_viewport_size({"width": width, "height": height})


@pytest.mark.parametrize("language", ["th", "en"])
class TestScreens:
    def test_sign_in(self, open_page, hub, artifacts, language):
        page = open_page(language)
        page.goto(hub.url)
        expect(page.locator("#email")).to_be_visible()
        keep_every_size(page, artifacts, f"sign-in-{{size}}-{language}")
        page.fill("#email", "owner@demo.aura")
        page.fill("#password", hub.password)
        page.press("#password", "Enter")
        expect(page.locator("a.desk")).to_have_count(2)
        keep_every_size(page, artifacts, f"choose-{{size}}-{language}")

    @pytest.mark.parametrize("who", ["sales", "beautician"])
    def test_no_data(self, sign_in, artifacts, language, who):
        page = sign_in(who, language, setup=without_rows)
        expect(page.locator("main .empty").first).to_be_visible()
        keep_every_size(page, artifacts, f"{who}-{{size}}-{language}-none")

    def test_little_data_sales(self, sign_in, artifacts, language):
        page = sign_in("sales", language, "desk")
        expect(page.locator("case-row").first).to_be_visible()
        keep_every_size(page, artifacts, f"sales-{{size}}-{language}-little")
        page.click(".case[data-stage=in_treatment]")
        expect(page.locator("case-timeline li").first).to_be_visible()
        keep_every_size(page, artifacts, f"case-{{size}}-{language}")
        page.click(".case[data-stage=lead_created]")
        page.click("[data-act=pay]")
        expect(page.locator("payment-dialog dialog")).to_be_visible()
        keep_every_size(page, artifacts, f"payment-{{size}}-{language}")
        page.keyboard.press("Escape")
        page.click(".new")
        page.click("lead-dialog button[type=submit]")
        expect(page.locator("#lead-name-error")).to_be_visible()
        keep_every_size(page, artifacts, f"lead-{{size}}-{language}")

    def test_little_data_beautician(self, sign_in, artifacts, language):
        page = sign_in("beautician", language, "desk")
        expect(page.locator("article.task").first).to_be_visible()
        keep_every_size(page, artifacts, f"beautician-{{size}}-{language}-little")
        page.locator("aura-bell summary").click()
        expect(page.locator("aura-bell .menu-panel")).to_be_visible()
        keep_every_size(page, artifacts, f"bell-{{size}}-{language}")

    @pytest.mark.parametrize("who", ["sales", "beautician"])
    def test_much_data(self, sign_in, busy_clinic, artifacts, language, who):
        page = sign_in(who, language, "desk")
        expect(page.locator("case-row" if who == "sales" else "article.task").nth(10)).to_be_visible()
        keep_every_size(page, artifacts, f"{who}-{{size}}-{language}-much")


@pytest.mark.parametrize("path", ["api/", "client/", "protocol/", "protocol/loyalty.html"])
def test_the_documentation_reads_on_a_phone(open_page, hub, artifacts, path):
    page = open_page("en", "phone")
    page.goto(f"{hub.url}/{path}")
    expect(page.locator("h1")).to_be_visible()
    keep(page, artifacts, f"doc-{path.strip('/').replace('/', '-')}")


@pytest.mark.parametrize("who", ["sales", "beautician"])
def test_the_language_changes_in_place_and_is_remembered(sign_in, who):
    page = sign_in(who, "en")
    heading = page.locator("main h1")
    english = heading.inner_text()
    page.click("button.language")
    expect(page.locator("html")).to_have_attribute("lang", "th")
    expect(heading).not_to_have_text(english)
    assert re.search("[ก-๙]", heading.inner_text())
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "th")
    expect(page.locator(".light")).to_have_text("สด")


def test_times_are_bangkoks_wherever_the_tablet_thinks_it_is(sign_in, hub):
    # The browser of these tests is told that it is in Berlin.
    page = sign_in("sales")
    shown = page.evaluate("async () => (await import('/app/format.js')).clock(Date.UTC(2026, 1, 2, 4, 0))")
    assert shown == "11:00"


def test_who_wants_no_motion_gets_none(sign_in):
    page = sign_in("sales", reduced_motion="reduce")
    page.click(".new")
    moving = page.evaluate(
        "document.getAnimations().filter((each) => each.effect.getComputedTiming().duration > 10).map((each) => each.animationName)")
    assert moving == []
