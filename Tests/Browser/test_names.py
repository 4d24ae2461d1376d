"""A customer may be called anything."""

import pytest
from playwright.sync_api import expect

from steps import card, confirm_payment, new_lead, stage

NAMES = ["<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "{name} & \"คุณ\" ${1+1}"]


@pytest.mark.parametrize("number", range(len(NAMES)))
def test_markup_in_a_name_is_only_a_name(hub, sign_in, artifacts, number):
    name = NAMES[number]
    sales = sign_in("sales", "en", "desk")
    beautician = sign_in("beautician", "en", "tablet")
    new_lead(sales, name, f"08155503{number:02d}", allergies=name)
    confirm_payment(sales, hub.staff("beautician"))
    stage(sales, "treatment_scheduled")
    task = card(beautician, name)
    expect(task.locator("h3")).to_have_text(name)
    expect(task).to_contain_text(f"Allergy: {name}")
    beautician.locator("aura-bell summary").click()
    expect(beautician.locator("aura-bell .notices")).to_contain_text(name)
    beautician.keyboard.press("Escape")
    task.locator("button", has_text="Hand over").click()
    expect(beautician.locator("hand-over-dialog")).to_contain_text(name)
    beautician.screenshot(path=artifacts / f"name-{number}.png")
    beautician.keyboard.press("Escape")
    for page in (sales, beautician):
        assert page.locator("body img, body script").count() == 0
    # The address book hint, too.
    sales.click(".new")
    sales.fill("#lead-phone", f"08155503{number:02d}")
    expect(sales.locator("lead-dialog .notice")).to_contain_text(name)
