"""Nothing needs a mouse."""

from playwright.sync_api import Page, expect

from steps import card, never_reloaded, stage

TABS_MAX = 80


def tab_to(page: Page, selector: str):
    for _ in range(TABS_MAX):
        if page.evaluate("(selector) => document.activeElement?.matches(selector) ?? false", selector):
            ring = page.evaluate("""() => {
                const on = document.activeElement;
                const face = on.matches('.choice input') ? on.nextElementSibling : on;
                return getComputedStyle(face).outlineStyle;
            }""")
            assert ring != "none", f"no focus to be seen on {selector}"
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} cannot be reached with Tab")


def test_the_whole_way_with_the_keyboard_alone(hub, open_page):
    sales, beautician = (open_page("en", "tablet") for _ in range(2))
    for page, who in ((sales, "sales"), (beautician, "beautician")):
        page.goto(hub.url)
        tab_to(page, "#email")
        page.keyboard.type(f"{who}@demo.aura")
        tab_to(page, "#password")
        page.keyboard.type(hub.password)
        page.keyboard.press("Enter")
        expect(page.locator(".light")).to_have_attribute("data-state", "live")
        page.evaluate("window.neverReloaded = true")

    name = "Keyboard Only"
    sales.keyboard.press("Tab")
    assert sales.evaluate("document.activeElement.className") == "skip"
    tab_to(sales, ".new")
    sales.keyboard.press("Enter")
    expect(sales.locator("#lead-name")).to_be_focused()
    sales.keyboard.type(name)
    tab_to(sales, "#lead-phone")
    sales.keyboard.type("0815550401")
    sales.keyboard.press("Enter")
    stage(sales, "lead_created")
    expect(sales.locator("#case-name")).to_be_focused()

    tab_to(sales, "[data-act=pay]")
    sales.keyboard.press("Enter")
    expect(sales.locator("#pay-treatment")).to_be_focused()
    sales.keyboard.type("Hydra")
    expect(sales.locator("#pay-amount")).to_have_value("5,000")
    tab_to(sales, "input[name=pay-who]")
    while sales.evaluate("document.activeElement.value") != hub.staff("beautician"):
        sales.keyboard.press("ArrowRight")
    tab_to(sales, "input[name=pay-slot]")
    sales.keyboard.press("Space")
    sales.keyboard.press("Enter")
    stage(sales, "treatment_scheduled")
    # The dialog gave the focus back to the page, not to nowhere.
    assert sales.evaluate("document.activeElement !== null")

    task = card(beautician, name)
    expect(task).to_be_visible()
    mine = f"[data-task='{task.get_attribute('data-task')}'] button.primary"
    tab_to(beautician, mine)
    beautician.keyboard.press("Enter")
    expect(task).to_have_attribute("data-status", "in_progress")
    tab_to(beautician, mine)
    beautician.keyboard.press("Enter")
    expect(beautician.locator("#complete-notes")).to_be_focused()
    beautician.keyboard.type("typed")
    tab_to(beautician, "complete-dialog button[type=submit]")
    beautician.keyboard.press("Enter")
    stage(sales, "treatment_completed")
    never_reloaded(sales, beautician)


def test_escape_closes_what_is_open_and_gives_the_focus_back(sign_in):
    page = sign_in("sales")
    tab_to(page, ".new")
    page.keyboard.press("Enter")
    expect(page.locator("lead-dialog dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("lead-dialog dialog")).not_to_be_visible()
    expect(page.locator(".new")).to_be_focused()
    tab_to(page, "aura-bell summary")
    page.keyboard.press("Enter")
    expect(page.locator("aura-bell .menu-panel")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("aura-bell .menu-panel")).not_to_be_visible()
    expect(page.locator("aura-bell summary")).to_be_focused()
