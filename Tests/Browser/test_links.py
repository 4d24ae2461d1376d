"""The pages behind messages' links in a browser: at three sizes, in two languages, by keyboard and without script."""

import re
import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from conftest import SIZES

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PAGES = ("care", "survey", "offer", "book", "portal", "stop")
LONG = "กมลชนกวรรณ ศรีสุวรรณวัฒนาพาณิชย์กุล ณ อยุธยา-ธนบุรีศรีมหาสมุทร <script>"


@pytest.fixture(scope="module")
def messages(hub):
    """Messages that customers have got, each with all its links: `messages()` → the addresses by page. Without a
    gateway they are scripts of calls, sent at once."""
    with hub.as_("owner") as script:
        for rule in script.query("followUpRules")["rules"]:
            if rule["active"]:
                script.command("updateFollowUpRule", ruleId=rule["id"], active=False)
        script.command(
            "updateFollowUpSettings", baseUrl=f"{hub.url}/m", contactPhone="02 000 0000", contactLine="@aura.demo",
            quietFrom=24, quietTo=0)
        words = {
            "post_treatment": "คุณ{customerName} หลังทำ{treatmentName}ผิวเป็นอย่างไรบ้างคะ {careLink} {surveyLink} {bookingLink} {portalLink} {optOutLink}",
            "upsell_opportunity": "คุณ{customerName} แผนต่อจาก{treatmentName} ลด 20% ถึงสิ้นเดือน: {offerLink} เลิกรับ {optOutLink}",
        }
        for kind, text in words.items():
            script.command(
                "createFollowUpRule", name=kind, type=kind, conditions={"hoursAfter": 0}, channels=["call"],
                words={"th": {"message": text}})
        hydra = next(each for each in script.query("treatments")["treatments"] if each["names"]["en"] == "Hydra Facial")
        made = iter(range(1_000))

        def messages(name="แพรว สุขใจ"):
            workflow = script.command(
                "initialize", salesId=hub.staff("sales"),
                customer={"name": name, "phone": f"0877{next(made):06d}"})
            workflow, customer = workflow["workflowId"], workflow["customerId"]
            # About noon by their clock, so that the hour at which the tests run does not matter.
            offset = 12 - time.gmtime().tm_hour
            script.command(
                "updatePreferences", customerId=customer, marketingOptIn=True, consent={"version": "1"},
                timezone=f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT")
            script.command(
                "confirmPayment", workflowId=workflow, amountSt=hydra["price_st"], paymentMethod="CASH",
                treatmentId=hydra["id"], beauticianId=hub.staff("owner"))
            script.command("startTreatment", workflowId=workflow)
            script.command("completeTreatment", workflowId=workflow)
            links = {}
            for _ in range(200):
                for row in script.query("followUps", workflowId=workflow)["followUps"]:
                    if row["status"] == "sent":
                        links |= {page: address for address, page in re.findall(
                            r"(http://\S+/m/(\w+)/\S+)", row["content"]["message"])}
                if set(PAGES) <= set(links):
                    return links
                time.sleep(0.05)
            raise AssertionError(links)

        yield messages


def fits(page):
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the screen"
    violations = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]}).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in violations] == []
    # Fingers need room: what is pressed is 44 pixels high, within a text as high as its line.
    for target in page.locator("button, summary, header a, footer a, .marks label, input:not([type=radio]), textarea").all():
        if target.is_visible():
            assert target.bounding_box()["height"] >= 44, target.inner_text()


def keep_every_size(page, artifacts, name):
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        fits(page)
        page.screenshot(path=artifacts / f"message-{name}-{size}.png", full_page=True, animations="disabled")
    width, height = SIZES["phone"]
    page.set_viewport_size({"width": width, "height": height})


@pytest.mark.parametrize("language", ["th", "en"])
def test_every_page_reads_at_every_size(open_page, messages, artifacts, language):
    page = open_page(language, "phone")
    links = messages()
    for name in PAGES:
        page.goto(links[name] + f"?lang={language}")
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect(page.locator("h1")).to_have_count(1)
        keep_every_size(page, artifacts, f"{name}-{language}")


def test_a_link_that_leads_nowhere_says_so_in_both_languages(browser, hub, artifacts):
    # The browser logs a page that is not there as an error.
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    assert page.goto(f"{hub.url}/m/care/nothing").status == 404
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator("[lang=en] h2")).to_be_visible()
    keep_every_size(page, artifacts, "missing")
    context.close()


@pytest.mark.parametrize("language", ["th", "en"])
def test_answers_are_confirmed_and_can_be_changed(open_page, messages, artifacts, language):
    page = open_page(language, "phone")
    links = messages(LONG)
    page.goto(links["survey"])
    if language == "en":
        page.click("header a")
    expect(page.locator("html")).to_have_attribute("lang", language)
    page.check("input[value='2']")
    page.fill("textarea", "<b>รอนาน</b>")
    page.click("button")
    expect(page.locator(".done")).to_contain_text("2")
    expect(page.locator("html")).to_have_attribute("lang", language)
    keep_every_size(page, artifacts, f"survey-done-{language}")
    page.click("summary")
    expect(page.locator("input[value='2']")).to_be_checked()
    page.check("input[value='5']")
    keep_every_size(page, artifacts, f"survey-change-{language}")
    page.click("details button")
    expect(page.locator(".done")).to_contain_text("5")

    page.goto(links["offer"] + f"?lang={language}")
    expect(page.locator("blockquote")).to_contain_text(LONG)
    page.fill("#note", "หลัง 5 โมง")
    page.click("button")
    expect(page.locator(".done")).to_be_visible()
    keep_every_size(page, artifacts, f"offer-asked-{language}")

    # From the message's words to its other page.
    page.click("blockquote a")
    expect(page).to_have_url(re.compile(r"/m/stop/"))
    page.click("button")
    expect(page.locator(".done")).to_be_visible()
    keep_every_size(page, artifacts, f"stopped-{language}")
    page.click("button.second")
    expect(page.locator("button:not(.second)")).to_be_visible()
    expect(page.locator(".done")).to_have_count(0)


def test_a_form_without_a_rating_says_what_is_missing(open_page, messages, artifacts):
    page = open_page("en", "phone")
    # An old browser that does not look at `required`.
    page.goto(messages()["survey"] + "?lang=en")
    page.locator("form").evaluate("form => form.noValidate = true")
    page.fill("textarea", "It was fine")
    with page.expect_response(lambda answer: answer.request.method == "POST") as answer:
        page.click("button")
    assert answer.value.status == 422
    expect(page.locator("[role=alert]")).to_be_visible()
    expect(page.locator("textarea")).to_have_value("It was fine")
    assert page.title().startswith("Not sent yet")
    keep_every_size(page, artifacts, "survey-missing-en")


def test_all_of_it_goes_by_keyboard_and_without_script(browser, messages):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    links = messages()
    page.goto(links["survey"])
    # The language, then the marks.
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("good")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".done")).to_contain_text("4")
    page.goto(links["stop"])
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".done")).to_be_visible()
    context.close()
