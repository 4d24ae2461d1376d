"""One person's notices, on the tablet and at the desk at the same time."""

from playwright.sync_api import expect

from steps import confirm_payment, new_lead


def unread(page, number):
    count = page.locator("aura-bell .count")
    if number == 0:
        expect(count).to_have_count(0)
    else:
        expect(count).to_have_text(str(number) if number < 10 else "9+")


def clear(page):
    """All that the demo's history has told is read."""
    page.locator("aura-bell summary").click()
    read_all = page.get_by_role("button", name="Mark all as read")
    if read_all.count():
        read_all.click()
    unread(page, 0)


def test_what_is_read_or_put_away_is_so_on_every_device(hub, sign_in):
    sales = sign_in("sales", "en", "desk")
    tablet = sign_in("beautician", "en", "tablet")
    desk = sign_in("beautician", "en", "desk")
    clear(tablet)
    new_lead(sales, "Bell One", "0817770001")
    confirm_payment(sales, hub.staff("beautician"))
    # The money has come, and the task is hers.
    for page in (tablet, desk):
        unread(page, 2)
    # Put away on one: gone and out of the count on both.
    desk.locator("aura-bell summary").click()
    notices = "aura-bell .notices li:has-text('Bell One')"
    desk.locator(notices).first.get_by_role("button", name="Put away").click()
    for page in (tablet, desk):
        expect(page.locator(notices)).to_have_count(1)
        unread(page, 1)
    tablet.get_by_role("button", name="Mark all as read").click()
    for page in (tablet, desk):
        unread(page, 0)
        expect(page.locator(notices)).to_have_count(1)
