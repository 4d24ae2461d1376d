"""What a person does on the pages, in the words of the clinic."""

from playwright.sync_api import Page, expect

TREATMENT = "Hydra Facial"


def new_lead(page: Page, name: str, phone: str, **more):
    page.click(".new")
    page.fill("#lead-name", name)
    page.fill("#lead-phone", phone)
    for field, value in more.items():
        page.fill(f"#lead-{field}", value)
    page.click("lead-dialog button[type=submit]")
    expect(page.locator("lead-dialog dialog")).not_to_be_visible()
    expect(page.locator("#case-name")).to_have_text(name)
    stage(page, "lead_created")


def choose_treatment(page: Page, words: str = TREATMENT):
    value = page.locator("#pay-treatment option", has_text=words).get_attribute("value")
    page.select_option("#pay-treatment", value)


def choose_first_free_slot(page: Page):
    page.locator("payment-dialog input[name=pay-slot]:not(:disabled)").first.check(force=True)


def confirm_payment(page: Page, beautician: str):
    page.click("[data-act=pay]")
    expect(page.locator("payment-dialog dialog")).to_be_visible()
    choose_treatment(page)
    expect(page.locator("#pay-amount")).to_have_value("5,000")
    page.locator("payment-dialog input[value=PROMPTPAY]").check(force=True)
    page.locator(f"payment-dialog input[name=pay-who][value='{beautician}']").check(force=True)
    choose_first_free_slot(page)
    page.click("payment-dialog button[type=submit]")
    expect(page.locator("payment-dialog dialog")).not_to_be_visible()


def stage(page: Page, name: str):
    """The open case's badge says this stage."""
    expect(page.locator("[data-badge]")).to_have_attribute("data-badge", name)


def card(page: Page, customer: str):
    """The treatment of a customer on a beautician's page."""
    return page.locator("article.task", has=page.get_by_role("heading", name=customer, exact=True)).filter(
        has=page.locator("button", has_text="Hand over").or_(page.locator("button", has_text="ส่งต่อ")))


def light(page: Page, state: str):
    expect(page.locator(".light")).to_have_attribute("data-state", state)


def never_reloaded(*pages: Page):
    for page in pages:
        assert page.evaluate("window.neverReloaded") is True
