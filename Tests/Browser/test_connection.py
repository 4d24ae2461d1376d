"""The pulled cable, the dead line, the hub's word against the tap's."""

import json
import re

from playwright.sync_api import expect

from steps import card, light, never_reloaded


def scheduled(hub, name, phone, start_in_hours):
    """A paid case of the first beautician, some hours ahead, far from the demo's own."""
    with hub.as_("owner") as script:
        treatments = script.query("treatments")["treatments"]
        hydra = next(each for each in treatments if each["names"]["en"] == "Hydra Facial")
        workflow = script.command("initialize", customer={"name": name, "phone": phone}, salesId=hub.staff("sales"))["workflowId"]
        start = script.query("workflowHistory", workflowId=workflow)["workflow"]["created_at"] + start_in_hours * 3_600_000
        script.command(
            "confirmPayment", workflowId=workflow, amountSt=hydra["price_st"], paymentMethod="CASH", treatmentId=hydra["id"],
            beauticianId=hub.staff("beautician"), scheduledTime=start)
    return workflow


def actions(hub, workflow):
    with hub.as_("owner") as script:
        return [action["type"] for action in script.query("workflowHistory", workflowId=workflow)["actions"]]


def test_a_tap_without_connection_is_kept_and_happens_once(hub, sign_in, proxy, artifacts):
    workflow = scheduled(hub, "สายหลุด หนึ่ง", "0815550201", 30)
    page = sign_in("beautician", base=proxy.url, setup=lambda page: page.clock.install())
    task = card(page, "สายหลุด หนึ่ง")
    expect(task).to_be_visible()

    proxy.cut()
    light(page, "reconnecting")
    page.clock.fast_forward(11_000)
    light(page, "stale")
    expect(page.locator(".light")).to_contain_text("Stale since")
    expect(page.locator(".light-banner")).to_contain_text("Your taps are kept")
    task.locator("button.primary").click()
    expect(task).to_contain_text("Kept here, sent when the connection is back")
    expect(task).to_have_attribute("data-status", "pending")
    expect(page.locator(".light-banner")).to_contain_text("1 waiting to be sent")
    page.screenshot(path=artifacts / "offline-stale.png")
    assert "start_treatment" not in actions(hub, workflow)

    proxy.restore()
    page.evaluate("dispatchEvent(new Event('online'))")
    light(page, "live")
    expect(task).to_have_attribute("data-status", "in_progress")
    expect(task.locator(".task-pending")).to_have_count(0)
    assert actions(hub, workflow).count("start_treatment") == 1
    never_reloaded(page)


def test_a_tap_survives_a_closed_page(hub, sign_in, proxy):
    workflow = scheduled(hub, "สายหลุด สอง", "0815550202", 40)
    page = sign_in("beautician", base=proxy.url)
    task = card(page, "สายหลุด สอง")
    expect(task).to_be_visible()
    proxy.cut()
    light(page, "reconnecting")
    task.locator("button.primary").click()
    expect(task.locator(".task-pending")).to_be_visible()
    address = page.url
    page.goto("about:blank")
    proxy.restore()
    page.goto(address)
    expect(card(page, "สายหลุด สอง")).to_have_attribute("data-status", "in_progress")
    assert actions(hub, workflow).count("start_treatment") == 1


def test_a_dead_line_is_noticed_although_the_socket_looks_open(hub, sign_in, proxy):
    workflow = scheduled(hub, "สายเงียบ", "0815550203", 50)
    page = sign_in("beautician", base=proxy.url, setup=lambda page: page.clock.install())
    task = card(page, "สายเงียบ")
    expect(task).to_be_visible()
    proxy.hold()
    task.locator("button.primary").click()
    light(page, "live")
    # No answer within five seconds, then none to the question.
    page.clock.fast_forward(5_100)
    page.clock.fast_forward(5_100)
    light(page, "reconnecting")
    proxy.restore()
    page.evaluate("dispatchEvent(new Event('online'))")
    light(page, "live")
    expect(task).to_have_attribute("data-status", "in_progress")
    assert actions(hub, workflow).count("start_treatment") == 1


def test_what_changed_meanwhile_is_there_after_the_reconnect(hub, sign_in, proxy):
    page = sign_in("sales", base=proxy.url)
    proxy.cut()
    light(page, "reconnecting")
    with hub.as_("sales") as script:
        workflow = script.lead("มาตอนสายหลุด", "0815550204")
    proxy.restore()
    expect(page.locator(f"[data-case='{workflow}']")).to_contain_text("มาตอนสายหลุด")
    never_reloaded(page)


def test_a_hub_that_was_killed_is_found_again_with_everything_it_acknowledged(hub, sign_in):
    workflow = scheduled(hub, "ไฟดับ", "0815550206", 70)
    page = sign_in("beautician")
    task = card(page, "ไฟดับ")
    task.locator("button.primary").click()
    expect(task).to_have_attribute("data-status", "in_progress")
    hub.kill()
    light(page, "reconnecting")
    task.locator("button.primary").click()
    page.click("complete-dialog button[type=submit]")
    expect(task).to_contain_text("Kept here")
    hub.start()
    page.evaluate("dispatchEvent(new Event('online'))")
    light(page, "live")
    expect(task).to_have_count(0)
    happened = actions(hub, workflow)
    assert (happened.count("start_treatment"), happened.count("complete_treatment")) == (1, 1)
    never_reloaded(page)


def test_the_token_is_renewed_on_the_open_socket_and_after_its_end(sign_in):
    routes, frames = [], []

    def listen(page):
        def between(route):
            server = route.connect_to_server()
            routes.append(route)
            route.on_message(lambda message: (frames.append(json.loads(message)["type"]), server.send(message)))
            server.on_message(lambda message: (frames.append(json.loads(message)["type"]), route.send(message)))

        page.route_web_socket(re.compile("/ws$"), between)

    page = sign_in("sales", setup=listen)
    # The hub says it a minute before the end of a quarter of an hour; here it is said for it.
    with page.expect_response("**/api/auth/refresh"):
        routes[-1].send(json.dumps({"type": "auth_due", "at": 0}))
    wait_for(page, lambda: "authenticated" in frames)
    assert frames.count("auth") == 1 and frames.count("hello") == 1
    with page.expect_response("**/api/auth/refresh"):
        routes[-1].close(code=4200, reason="token expired")
    wait_for(page, lambda: frames.count("hello") == 2)
    light(page, "live")
    never_reloaded(page)


def wait_for(page, condition):
    for _ in range(200):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it did not happen")


def test_a_tap_that_came_too_late_is_explained(hub, sign_in, proxy, artifacts):
    workflow = scheduled(hub, "สองคนกด", "0815550205", 60)
    page = sign_in("beautician", base=proxy.url)
    task = card(page, "สองคนกด")
    expect(task).to_be_visible()
    proxy.cut()
    light(page, "reconnecting")
    task.locator("button.primary").click()
    expect(task.locator(".task-pending")).to_be_visible()
    with hub.as_("beautician2") as script:
        script.command("startTreatment", workflowId=workflow, takeover=True)
    proxy.restore()
    tray = page.locator("conflict-tray")
    expect(tray).to_contain_text("กมลชนก แสงทอง began this at")
    page.screenshot(path=artifacts / "conflict.png")
    tray.locator("button").click()
    expect(tray.locator(".conflict")).to_have_count(0)
    assert actions(hub, workflow).count("start_treatment") == 1


def test_a_pool_task_goes_to_the_first_hand(hub, sign_in, proxy):
    with hub.as_("owner") as script:
        workflow = script.command(
            "initialize", customer={"name": "งานกองกลาง", "phone": "0815550207"}, salesId=hub.staff("sales"))["workflowId"]
        task = script.command("createTask", workflowId=workflow, type="prepare_treatment")["taskId"]
    slow = sign_in("beautician", base=proxy.url)
    quick = sign_in("beautician2")
    there = f".pool [data-task='{task}'] button"
    expect(slow.locator(there)).to_be_visible()
    proxy.cut()
    light(slow, "reconnecting")
    slow.click(there)
    quick.click(there)
    expect(quick.locator(f".pool [data-task='{task}']")).to_have_count(0)
    expect(quick.locator(f"[data-task='{task}']")).to_be_visible()
    proxy.restore()
    expect(slow.locator("conflict-tray")).to_contain_text("กมลชนก แสงทอง has this now.")
    expect(slow.locator(f"[data-task='{task}']")).to_have_count(0)


def test_a_treatment_is_handed_over(hub, sign_in):
    scheduled(hub, "ส่งต่อ", "0815550208", 80)
    first, second = sign_in("beautician"), sign_in("beautician2")
    card(first, "ส่งต่อ").locator("button", has_text="Hand over").click()
    dialog = first.locator("hand-over-dialog")
    expect(dialog).to_contain_text("online")
    dialog.locator("input[type=radio]").check(force=True)
    dialog.locator("button[type=submit]").click()
    expect(card(second, "ส่งต่อ")).to_be_visible()
    expect(card(first, "ส่งต่อ")).to_have_count(0)


def test_a_revoked_member_sees_nothing_any_more(hub, sign_in):
    page = sign_in("beautician2")
    with hub.as_("owner") as script:
        script.command("revokeMembership", staffId=hub.staff("beautician2"), reason="left the clinic")
    expect(page.locator("main")).to_contain_text("Your access to this clinic has ended")
    expect(page.locator("article.task")).to_have_count(0)
