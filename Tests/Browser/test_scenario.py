"""From a lead to a completed treatment, on two screens that are never reloaded (the specification's scenario 1)."""

import re

from playwright.sync_api import expect

from steps import card, confirm_payment, never_reloaded, new_lead, stage


def test_sales_confirms_and_the_beautician_has_the_task_at_once(hub, sign_in, artifacts):
    sales = sign_in("sales", size="desk")
    beautician = sign_in("beautician", "th", "tablet")
    customer = "แพรวา ทองดี"

    new_lead(sales, customer, "081 555 0101", allergies="Lidocaine")
    sales.screenshot(path=artifacts / "scenario-1-lead.png")

    confirm_payment(sales, hub.staff("beautician"))
    stage(sales, "treatment_scheduled")

    task = card(beautician, customer)
    expect(task).to_be_visible()
    expect(task).to_have_attribute("data-status", "pending")
    expect(task).to_contain_text("Lidocaine")
    sales.screenshot(path=artifacts / "scenario-2-paid.png")
    beautician.screenshot(path=artifacts / "scenario-3-task.png")

    task.locator("button.primary").click()
    expect(task).to_have_attribute("data-status", "in_progress")
    expect(task.locator("[role=timer]")).to_have_text(re.compile(r"^\d\d:\d\d$"))
    stage(sales, "in_treatment")
    beautician.screenshot(path=artifacts / "scenario-4-running.png")

    task.locator("button.primary").click()
    beautician.fill("#complete-notes", "ผิวแดงเล็กน้อย <b>นัดดูอีก 3 วัน</b>")
    beautician.click("complete-dialog button[type=submit]")
    expect(task).to_have_count(0)
    stage(sales, "treatment_completed")

    beautician.click(".done summary")
    expect(beautician.locator(".done li").first).to_contain_text(customer)
    timeline = sales.locator("case-timeline")
    for action in ["initialize", "confirm_payment", "schedule_appointment", "start_treatment", "complete_treatment"]:
        expect(timeline.locator(f"[data-action={action}]")).to_have_count(1)
    expect(timeline.locator("[data-action=confirm_payment]")).to_contain_text("฿5,000 · PromptPay")
    expect(timeline.locator("[data-action=complete_treatment] blockquote")).to_have_text("ผิวแดงเล็กน้อย <b>นัดดูอีก 3 วัน</b>")
    expect(timeline.locator("[data-action=start_treatment]")).to_contain_text("นภัสสร")
    sales.screenshot(path=artifacts / "scenario-5-completed.png")
    never_reloaded(sales, beautician)


def test_the_same_lead_again_opens_the_case_that_is_there(hub, sign_in):
    with hub.as_("sales") as script:
        workflow = script.lead("วิภา แสนสุข", "0815550102")
    sales = sign_in("sales")
    sales.click(".new")
    sales.fill("#lead-name", "คุณวิภา แสนสุข")
    sales.fill("#lead-phone", "+66 81 555 0102")
    expect(sales.locator("lead-dialog .notice")).to_contain_text("วิภา แสนสุข")
    sales.click("lead-dialog button[type=submit]")
    expect(sales.locator(f"[data-open-case='{workflow}']")).to_be_visible()
    never_reloaded(sales)


def test_a_wrong_amount_is_explained_where_it_was_typed(hub, sign_in):
    with hub.as_("sales") as script:
        workflow = script.lead("ราคา ผิด", "0815550103")
    sales = sign_in("sales")
    sales.click(f"[data-case='{workflow}']")
    sales.click("[data-act=pay]")
    sales.click("payment-dialog button[type=submit]")
    expect(sales.locator("#pay-treatment-error")).to_be_visible()
    value = sales.locator("#pay-treatment option", has_text="Hydra Facial").get_attribute("value")
    sales.select_option("#pay-treatment", value)
    sales.fill("#pay-amount", "4,500")
    sales.locator("payment-dialog input[value=later]").check(force=True)
    sales.click("payment-dialog button[type=submit]")
    expect(sales.locator("payment-dialog [role=alert]")).to_have_text("The amount is not the price (฿5,000).")
    sales.fill("#pay-amount", "5000")
    sales.click("payment-dialog button[type=submit]")
    expect(sales.locator("payment-dialog dialog")).not_to_be_visible()
    stage(sales, "payment_confirmed")


def test_a_time_that_is_taken_meanwhile_is_taken_in_the_open_dialog_too(hub, sign_in):
    with hub.as_("sales") as script:
        first, second = script.lead("คนแรก", "0815550104"), script.lead("คนที่สอง", "0815550105")
        hydra = next(each for each in script.query("treatments")["treatments"] if each["names"]["en"] == "Hydra Facial")
        sales = sign_in("sales")
        sales.click(f"[data-case='{first}']")
        sales.click("[data-act=pay]")
        sales.select_option("#pay-treatment", hydra["id"])
        sales.locator(f"payment-dialog input[value='{hub.staff('beautician')}']").check(force=True)
        slot = sales.locator("payment-dialog input[name=pay-slot]:not(:disabled)").last
        slot.check(force=True)
        time = slot.get_attribute("value")
        script.command(
            "confirmPayment", workflowId=second, amountSt=hydra["price_st"], paymentMethod="CASH", treatmentId=hydra["id"],
            beauticianId=hub.staff("beautician"), scheduledTime=int(time))
    expect(sales.locator("#pay-slot-error")).to_have_text("This time is taken already. Choose another time or person.")
    taken = sales.locator(f"payment-dialog input[name=pay-slot][value='{time}']")
    expect(taken).to_be_disabled()
    expect(taken).not_to_be_checked()


def test_the_thirty_lines_of_the_documentation_work(hub, sign_in):
    page = sign_in("beautician")
    page.goto(f"{hub.url}/client/")
    html, script = page.locator("#thirty ~ pre").all_inner_texts()[:2]
    assert len(script.strip().splitlines()) <= 30
    # In the place of the documentation itself: a page that the hub did not send may not open its socket.
    page.route("**/client/tasks.js", lambda route: route.fulfill(body=script, content_type="text/javascript"))
    page.evaluate(
        """(html) => {
            document.body.innerHTML = html;
            const script = Object.assign(document.createElement('script'), { type: 'module', src: '/client/tasks.js' });
            document.body.append(script);
        }""", html)
    expect(page.locator("#light")).to_have_text("live")
    expect(page.locator("#list li").first).to_contain_text("pending")


def test_a_wrong_password_says_what_to_do(open_page, hub):
    page = open_page("en")
    page.goto(hub.url)
    page.click("button[type=submit]")
    expect(page.locator(".field-error")).to_be_visible()
    page.fill("#email", "sales@demo.aura")
    page.fill("#password", "not it")
    page.press("#password", "Enter")
    expect(page.locator("[role=alert]")).to_have_text("Email or password is not right. Check both and try again.")


def test_who_has_two_desks_chooses_and_a_desk_sends_back_who_is_not_signed_in(open_page, hub):
    page = open_page("en")
    page.goto(f"{hub.url}/sales/")
    page.wait_for_url(re.compile(r"/\?next="))
    page.fill("#email", "beautician@demo.aura")
    page.fill("#password", hub.password)
    page.press("#password", "Enter")
    page.wait_for_url(re.compile("/beautician/"))
    page.click("summary[aria-label=Account]")
    page.click("text=Sign out")
    page.wait_for_url(re.compile(r":\d+/$"))
    page.fill("#email", "owner@demo.aura")
    page.fill("#password", hub.password)
    page.press("#password", "Enter")
    expect(page.locator("a.desk")).to_have_count(2)
    page.click("a.desk[href^='/sales/']")
    expect(page.locator("main h1")).to_contain_text("Cases")
