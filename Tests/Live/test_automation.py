"""Rules of a clinic over the wire: in the commit that sets them off, across a kill, tried on a day; and the bell."""

import asyncio

import story
from aura_client import Client
from database import Database

DONE = "treatment_completed"


async def rule(owner, name, stage, target, data, **more):
    """Saves a rule. Returns its id."""
    result = await owner.do("createAutomationRule", {
        "name": name, "triggerStage": stage, "targetAction": target, "targetData": data, **more})
    return result["ruleId"]


async def treat(sales, tablet):
    """A case from its lead to the end of its treatment. Returns its id."""
    workflow = await story.ready(sales, tablet.staff)
    await tablet.do("startTreatment", {"workflowId": workflow})
    await tablet.do("completeTreatment", {"workflowId": workflow})
    return workflow


async def test_what_a_rule_does_is_in_the_commit_that_set_it_off(new_server):
    server = new_server()
    async with await Client.open(server, "owner") as owner, await Client.open(server, "sales") as sales, \
            await Client.open(server, "beautician") as tablet:
        call = await rule(owner, "call", DONE, "create_task", {
            "type": "review_request", "assignTo": "sales", "title": {"th": "โทรหา {customerName}", "en": "Call {customerName}"}})
        never = await rule(owner, "never", DONE, "add_tag", {"tag": "gold"},
                           conditions={"field": "tier", "op": "gte", "value": "gold"})
        desk = await sales.subscribe(["task_queue", "workflow_states"])
        workflow = await treat(sales, tablet)
        await sales.ping()
        task = next(iter(desk.find("task_queue", workflow_id=workflow, task_type="review_request")))
        assert task["assigned_to"] == sales.staff
        assert task["task_data"]["rule_id"] == call
        assert task["dedupe_key"].startswith(f"rule:{call}:{workflow}:")
        together = [commit for commit in desk.commits.values()
                    if any(change.get("row", {}).get("id") == task["id"] for change in commit["changes"])]
        assert together[0]["cause"]["command"] == "completeTreatment"
        assert any(change.get("row", {}).get("current_stage") == DONE for change in together[0]["changes"])

        runs = (await owner.ask("automationRuns", {"workflowId": workflow}))["runs"]
        # The demo clinic's own rules have a word as well.
        assert {run["ruleId"]: run["outcome"] for run in runs if run["ruleId"] in (call, never)} == {
            call: "matched", never: "skipped"}
        assert (await sales.query("automationRuns", {}))["error"]["code"] == "forbidden"
        tried = await owner.ask("dryRunAutomation", {"ruleId": never})
        assert tried["counts"]["skipped"] >= 1 and tried["todaysFields"] == ["tier"]
        listed = await owner.ask("automationRules", {})
        assert [entry["rule_name"] for entry in listed["rules"]][-2:] == ["call", "never"]
        assert all(entry["problem"] is None for entry in listed["rules"])


async def test_a_delay_outlives_a_kill_and_is_over_once(new_server):
    server = new_server()
    async with await Client.open(server, "owner") as owner, await Client.open(server, "sales") as sales:
        later = await rule(owner, "later", "lead_created", "add_tag", {"tag": "later"}, delayMinutes=600)
        workflow = await story.lead(sales)
        customer = Database(server.data).value("SELECT customer_id FROM workflow_states WHERE id = ?", workflow)
    server.kill()
    with Database(server.data).writing() as connection:
        at = story.now() - 1
        moved = connection.execute(
            "UPDATE sys_timers SET due = ?, not_before = ? WHERE kind = 'automation' AND dedupe LIKE ?",
            (at, at, f"rule:{later}:%"))
        assert moved.rowcount == 1
    for _ in range(2):
        server.start()
        async with await Client.open(server, "sales") as sales:
            screen = await sales.subscribe(["customers"])
            await screen.until(lambda held: held.row("customers", customer)["tags"] == ["later"])
        server.kill()
    database = Database(server.data)
    said = database.value(
        "SELECT COUNT(*) FROM sys_audit WHERE kind = 'automation' AND json_extract(detail, '$.outcome') = 'matched'"
        " AND json_extract(detail, '$.rule') = ?", later)
    assert said == 1


async def test_a_bell_is_the_same_on_every_device(new_server):
    server = new_server()
    async with await Client.open(server, "owner") as owner, await Client.open(server, "sales") as phone, \
            await Client.open(server, "sales") as tablet:
        screens = [await device.subscribe(["notifications"]) for device in (phone, tablet)]

        async def unread():
            counts = []
            for device, screen in zip((phone, tablet), screens, strict=True):
                await device.ping()
                counts.append(sum(not row["is_read"] for row in screen.rows("notifications")))
                counts.append((await device.ask("unreadCount", {}))["unread"])
            assert len(set(counts)) == 1, counts
            return counts[0]

        await phone.do("markAllNotificationsRead", {})
        assert await unread() == 0
        for number in range(3):
            sent = await owner.do("sendNotification", {
                "role": "sales_staff", "title": f"{number}", "message": {"th": "ก", "en": "a"}, "dedupeKey": f"{number}"})
            assert sent["sent"] >= 1
        assert (await owner.do("sendNotification", {"role": "all", "title": "0", "message": "b", "dedupeKey": "0"}))["already"] >= 1
        assert await unread() == 3
        mine = sorted((row for row in screens[0].rows("notifications") if not row["is_read"]), key=lambda row: row["id"])
        await asyncio.gather(
            phone.do("markNotificationRead", {"notificationId": mine[0]["id"]}),
            tablet.do("dismissNotification", {"notificationId": mine[1]["id"]}))
        assert await unread() == 1
        # What came after the newest that the phone has seen stays unread.
        seen = mine[1]["id"]
        assert (await phone.do("markAllNotificationsRead", {"upTo": seen}))["updatedCount"] == 0
        assert (await phone.do("markAllNotificationsRead", {"upTo": mine[2]["id"]}))["updatedCount"] == 1
        assert await unread() == 0
        for screen in screens:
            Database(server.data).compare(screen, "notifications", "user_id=?", phone.user["id"])
