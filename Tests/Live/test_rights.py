"""What a role does not see or do, and how fast a right ends."""

import asyncio
import json
import re
import time

import pytest
import story
from aura_client import Client
from database import Database, copy_row
from raw_socket import said_hello

NOWHERE = "0190c0de-0000-7000-8000-000000000000"


# What a role does not see


async def test_a_beautician_never_sees_the_money_of_a_sale(server):
    async with await Client.open(server, "beautician") as tablet, await Client.open(server, "owner") as owner:
        replica = await tablet.subscribe(
            ["pos_transactions", "workflow_events", "workflow_actions", "workflow_states", "task_queue", "notifications"])
        workflow = await story.lead(owner)
        await owner.do("confirmPayment", story.payment_args(
            workflow, tablet.staff, amount=7654, override=True, reason="ราคาพิเศษ"))
        await tablet.ping()
        assert replica.commits
        shown = json.dumps(list(replica.commits.values())) + json.dumps(replica.tables)
        # Not as a part of an id or a time.
        found = re.search(r"(?<![0-9a-f])(7654(00)?|7,654)(?![0-9a-f])", shown)
        assert not found, shown[found.start() - 200:found.end() + 200]


async def test_everyone_sees_only_their_own_bell(server):
    async with await Client.open(server, "beautician") as tablet, await Client.open(server, "sales") as sales, \
            await Client.open(server, "owner") as owner:
        replicas = [(c, await c.subscribe(["notifications"])) for c in (tablet, sales, owner)]
        await story.ready(sales, tablet.staff)
        for client, replica in replicas:
            await client.ping()
            assert all(row["user_id"] == client.user["id"] for row in replica.rows("notifications"))
            Database(server.data).compare(replica, "notifications", "user_id=?", client.user["id"])


@pytest.mark.parametrize("who, name, args", [
    ("beautician", "initialize", {"customerData": {"name": "a", "phone": "0810000000"}}),
    ("beautician", "addMember", {"userId": NOWHERE, "role": "clinic_owner"}),
    ("sales", "changeRole", {"staffId": "ME", "role": "clinic_owner"}),
    ("beautician", "changeRole", {"staffId": "ME", "role": "clinic_owner"}),
    ("sales", "revokeMembership", {"staffId": "ME"}),
    ("admin", "changeRole", {"staffId": "ME", "role": "clinic_owner"}),
    ("beautician", "confirmPayment", {"workflowId": NOWHERE, "amount": 5000, "paymentMethod": "CASH"}),
    ("sales", "startTreatment", {"workflowId": NOWHERE}),
])
async def test_what_a_role_may_not_do_is_forbidden(server, who, name, args):
    async with await Client.open(server, who) as client:
        args = json.loads(json.dumps(args).replace("ME", client.staff))
        assert (await client.refused(name, args))["code"] == "forbidden"


async def test_the_client_cannot_be_the_system(server):
    async with await Client.open(server, "owner") as owner:
        for name in ("fire", "task_escalation", "close_case", "taskEscalation", "system"):
            error = await owner.refused(name, {})
            assert error["code"] == "unknown_command", (name, error)


# Rights that end


async def test_a_revoked_member_gets_nothing_of_that_commit_or_later_and_is_closed_within_a_second(own_server):
    server = own_server
    async with await Client.open(server, "beautician") as tablet, await Client.open(server, "owner") as owner, \
            await Client.open(server, "sales") as sales:
        home = owner.clinic
        replica = await tablet.subscribe(["task_queue", "clinic_staff", "customers"])
        workflow = await story.lead(sales, clinic=home)
        await tablet.ping()
        last = replica.seq
        writing = [await sales.begin("initialize", story.lead_args(), clinic=home) for _ in range(5)]
        ack = await owner.command("revokeMembership", {"staffId": tablet.staff, "reason": "ลาออก"})
        assert ack["ok"], ack
        began = time.monotonic()
        for _ in range(5):
            writing.append(await sales.begin("initialize", story.lead_args(), clinic=home))
        code = await tablet.ended(3)
        assert time.monotonic() - began < 1.2, "closed within a second"
        assert code == 4003
        revoked = ack["cursor"]["seq"]
        assert max(replica.commits, default=last) < revoked, "saw the commit that revoked it, or a later one"
        purge = await tablet.push("unsubscribed")
        assert (purge["stream"], purge["code"]) == (replica.stream, "access_revoked")
        for future in writing:
            assert (await sales._patiently(future))["ok"]
    assert said_hello(server, server.token("beautician"))[0] == 4003
    status, _, body = server.http("POST", "/api/auth/login", {
        "email": "beautician@demo.aura", "password": server.password})
    assert status in (200, 401, 403)
    if status == 200:
        assert said_hello(server, json.loads(body)["access_token"])[0] == 4003
    pool = Database(server.data).read(
        "SELECT * FROM task_queue WHERE assigned_to=? AND status='pending'", tablet.staff)
    assert pool == [], "pending tasks go back to the pool"
    assert workflow


async def test_commands_already_sent_when_the_right_ends_are_refused_in_the_writer(own_server):
    server = own_server
    async with await Client.open(server, "beautician2") as tablet, await Client.open(server, "owner") as owner:
        revoke = await owner.begin("revokeMembership", {"staffId": tablet.staff})
        late = []
        for n in range(10):
            late.append(await tablet.begin("setDuty", {"duty": "break" if n % 2 else "on"}))
        ack = await owner._patiently(revoke)
        outcomes = await asyncio.gather(*late, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, dict) and outcome.get("ok"):
                assert outcome["cursor"]["seq"] < ack["cursor"]["seq"]
            elif isinstance(outcome, dict):
                error = outcome if outcome["type"] == "error" else outcome["error"]
                assert error["code"] in ("forbidden", "unauthenticated"), outcome
    by = Database(server.data).read(
        "SELECT seq, cause FROM sys_changes WHERE clinic_id=? AND seq>?", owner.clinic, ack["cursor"]["seq"])
    assert all(tablet.user["id"] not in str(row["cause"]) for row in by)


async def test_a_member_revoked_in_one_of_two_clinics_keeps_the_other(own_server):
    server = own_server
    async with await Client.open(server, "sales") as both, await Client.open(server, "owner@other.aura") as other, \
            await Client.open(server, "owner") as owner:
        home = owner.clinic
        theirs = await both.subscribe(["customers"], clinic=server.other_clinic)
        mine = await both.subscribe(["customers"], clinic=home)
        member = next(m for m in both.user["memberships"] if m["clinic"] == server.other_clinic)
        await other.do("revokeMembership", {"staffId": member["staff"], "reason": "ย้าย"})
        purge = await both.push("unsubscribed", 2)
        assert (purge["stream"], purge["code"]) == (theirs.stream, "access_revoked")
        await story.lead(other, "หลังจากนั้น")
        await story.lead(both, clinic=home)
        assert both.is_open and mine.commits and len(theirs.commits) == 0
        answer = await both.request({
            "type": "subscribe", "clinic": server.other_clinic, "topics": ["customers"], "cursor": theirs.cursor},
            "subscribed")
        assert answer["type"] == "error" and answer["code"] == "forbidden"


async def test_a_change_of_role_ends_its_streams_and_a_new_subscription_sees_with_the_new_eyes(own_server):
    server = own_server
    async with await Client.open(server, "beautician") as tablet, await Client.open(server, "owner") as owner:
        replica = await tablet.subscribe(["workflow_states", "pos_transactions"])
        assert "treatment_plan" not in replica.columns.get("workflow_states", ())
        seq = (await owner.command("changeRole", {"staffId": tablet.staff, "role": "sales_staff"}))["cursor"]["seq"]
        changed = await tablet.push("unsubscribed", 2)
        assert (changed["stream"], changed["code"]) == (replica.stream, "scope_changed")
        assert max(replica.commits, default=0) < seq
        again = await tablet.subscribe(None, replica=replica_with(replica))
        assert (again.mode, again.reason) == ("snapshot", "scope")
        workflow = await story.lead(tablet)
        await tablet.ping()
        assert again.row("workflow_states", workflow)
        assert tablet.is_open


def replica_with(replica):
    """The same subscription as a client that keeps its cursor, with new eyes for the columns."""
    replica.columns = {}
    return replica


async def test_two_streams_of_one_connection_both_end_with_the_role(own_server):
    server = own_server
    async with await Client.open(server, "beautician2") as tablet, await Client.open(server, "owner") as owner:
        one, two = await tablet.subscribe(["task_queue"]), await tablet.subscribe(["customers"])
        await owner.do("changeRole", {"staffId": tablet.staff, "role": "clinic_admin"})
        ended = {(await tablet.push("unsubscribed", 2))["stream"] for _ in range(2)}
        assert ended == {one.stream, two.stream}


async def test_a_customer_sees_their_own_and_fewer_columns(own_server):
    server = own_server
    async with await Client.open(server, "sales") as sales:
        home = sales.user["memberships"][0]["clinic"]
        mine = await story.lead(sales, clinic=home)
        await story.lead(sales, clinic=home)
    server.stop()
    database = Database(server.data)
    with database.writing() as connection:
        someone = connection.execute("SELECT * FROM users LIMIT 1").fetchone()
        user = copy_row(connection, "users", someone, email="somchai@customer.example", full_name="สมชาย",
                        is_super_admin=0)
        customer = connection.execute("SELECT customer_id FROM workflow_states WHERE id=?", (mine,)).fetchone()[0]
        connection.execute("UPDATE customers SET user_id=? WHERE id=?", (user, customer))
    server.start()
    async with await Client.open(server, "somchai@customer.example") as client:
        assert [m["role"] for m in client.user["memberships"]] == ["customer"]
        own = await client.subscribe(["workflow_states", "customers", "loyalty_profiles"], clinic=home)
        assert [r["id"] for r in own.rows("workflow_states")] == [mine]
        assert [r["id"] for r in own.rows("customers")] == [customer]
        hidden = {"medical_notes", "allergies", "tags", "metadata", "assigned_sales_id", "scan_results",
                  "treatment_plan", "cancel_reason", "no_show_count"}
        assert not hidden & {c for columns in own.columns.values() for c in columns}
        for topic in ("task_queue", "workflow_events", "workflow_actions", "clinic_staff"):
            answer = await client.request(
                {"type": "subscribe", "clinic": home, "topics": [topic], "cursor": None}, "subscribed")
            assert answer["type"] == "error" and answer["code"] == "forbidden", (topic, answer)
        for name, args in (("staff", {}), ("clinicWorkflows", {}), ("workflowHistory", {"workflowId": mine})):
            answer = await client.query(name, args, home)
            assert answer["type"] == "error" or not answer["ok"], (name, answer)
        for name, args in (("cancel", {"workflowId": mine, "reason": "x"}), ("initialize", story.lead_args()),
                           ("confirmPayment", {"workflowId": mine, "amount": 5000, "paymentMethod": "CASH"})):
            assert (await client.refused(name, args, clinic=home))["code"] == "forbidden", name
        async with await Client.open(server, "sales") as sales:
            await story.lead(sales, clinic=home)
            await client.ping()
            assert own.commits == {}
            await sales.do("scanCustomer", {"workflowId": mine, "scanResults": {"secret": 1},
                                            "consent": {"version": "1", "channel": "in_person"}}, clinic=home)
            await client.ping()
        assert len(own.commits) == 1
        shown = json.dumps(list(own.commits.values()))
        assert "secret" not in shown
        assert own.row("workflow_states", mine)["current_stage"] == "scanned"
