"""Commands happen once, in order, against the version that was meant; queries read one moment."""

import asyncio
import time
import uuid

import pytest
import story
from aura_client import Broken, Client, new_key
from database import Database
from raw_socket import RawSocket


def sameoutcome(first, second):
    return {k: first.get(k) for k in ("ok", "result", "error", "cursor", "key")} == {
        k: second.get(k) for k in ("ok", "result", "error", "cursor", "key")}


# Once


async def test_the_same_key_again_is_answered_with_the_first_outcome(server, database):
    async with await Client.open(server, "sales") as sales:
        key, args = new_key(), story.lead_args()
        first = await sales.command("initialize", args, key=key)
        head = database.head(sales.clinic)
        second = await sales.command("initialize", args, key=key)
        assert (first["duplicate"], second["duplicate"]) == (False, True)
        assert sameoutcome(first, second)
        assert database.head(sales.clinic) == head
    async with await Client.open(server, "sales") as sales:
        third = await sales.command("initialize", args, key=key)
        assert third["duplicate"] and sameoutcome(first, third)


async def test_a_repeat_is_recognised_whatever_the_order_of_its_members_and_blanks(server):
    with RawSocket(server) as raw:
        clinic = raw.upgraded().hello(server.token("sales"))["user"]["memberships"][0]["clinic"]
        key, name, phone = new_key(), "ก ข", story.person()["phone"]
        raw.send(f'{{"type":"command","id":1,"key":"{key}","clinic":"{clinic}","name":"initialize",'
                 f'"args":{{"customerData":{{"name":"{name}","phone":"{phone}"}}}}}}')
        first = raw.next()
        raw.send(f'{{ "args":{{"customerData":{{"phone":"{phone}","name":"\\u0e01 \\u0e02"}}}}, "id":2,'
                 f'"name":"initialize","clinic":"{clinic}","key":"{key}","type":"command" }}')
        second = raw.next()
    assert first["ok"] and second["ok"], (first, second)
    assert second["duplicate"] and sameoutcome(first, second)


@pytest.mark.parametrize("other", ["args", "name", "expect"])
async def test_the_same_key_with_another_body_is_key_reused(server, other):
    async with await Client.open(server, "sales") as sales:
        workflow = await story.lead(sales)
        key = new_key()
        args = story.task_args(workflow)
        await sales.do("createTask", args, key=key)
        if other == "args":
            error = await sales.refused("createTask", {**args, "title": "อื่น"}, key=key)
        elif other == "name":
            error = await sales.refused("cancel", {"workflowId": workflow, "reason": "x"}, key=key)
        else:
            answer = await sales.command("createTask", args, key=key, expect={f"workflow_states/{workflow}": 99})
            # What is expected is no part of what is done: either reading is honest, doing it again is not.
            assert answer.get("duplicate") or answer["error"]["code"] == "key_reused", answer
            return
        assert error["code"] == "key_reused" and not error["temporary"]
        again = await sales.command("createTask", args, key=key)
        assert again["ok"] and again["duplicate"]


async def test_a_refusal_is_kept_as_an_outcome_too(server):
    async with await Client.open(server, "sales") as sales:
        workflow = await story.lead(sales)
        key, args = new_key(), {"workflowId": workflow}
        first = await sales.command("closeCase", args, key=key)
        assert not first["ok"] and first["error"]["code"] == "invalid_transition", first
        await sales.do("scanCustomer", {"workflowId": workflow, "scanResults": {"a": 1},
                                        "consent": {"version": "1", "channel": "in_person"}})
        second = await sales.command("closeCase", args, key=key)
        assert second["duplicate"] and sameoutcome(first, second)


async def test_the_same_key_sent_ten_times_at_once_happens_once(server, database):
    async with await Client.open(server, "sales") as sales:
        clients = [sales] + [await Client.open(server, "sales") for _ in range(4)]
        key, args = new_key(), story.lead_args("ครั้งเดียว")
        acks = [await client.begin("initialize", args, key=key) for client in clients for _ in range(2)]
        outcomes = [await sales._patiently(ack) for ack in acks]
        assert [o["duplicate"] for o in outcomes].count(False) == 1
        assert all(sameoutcome(outcomes[0], o) for o in outcomes)
        phone = args["customerData"]["phone"]
        rows = [row for row in database.read("SELECT * FROM customers") if (row["phone"] or "").endswith(phone[1:])]
        assert len(rows) == 1
        for client in clients[1:]:
            await client.close()


async def test_another_users_key_is_not_mine(server):
    """A key in a delta's cause is no ticket to its outcome."""
    async with await Client.open(server, "sales") as sales, await Client.open(server, "owner") as owner:
        key, args = new_key(), story.lead_args()
        first = await sales.command("initialize", args, key=key)
        other = await owner.command("initialize", args, key=key)
        assert other["type"] == "error" or not other["duplicate"] or not other["ok"], other
        assert (await sales.command("initialize", args, key=key))["result"] == first["result"]


async def test_keys_are_remembered_across_restart_and_kill(new_server):
    server = new_server()
    key, refused, args = new_key(), new_key(), story.lead_args()
    async with await Client.open(server, "sales") as sales:
        first = await sales.command("initialize", args, key=key)
        no = await sales.command("closeCase", {"workflowId": first["result"]["workflowId"]}, key=refused)
        assert not no["ok"]
    for end in (server.kill, server.stop):
        end()
        server.start()
        async with await Client.open(server, "sales") as sales:
            again = await sales.command("initialize", args, key=key)
            assert again["duplicate"] and sameoutcome(first, again)
            still = await sales.command(
                "closeCase", {"workflowId": first["result"]["workflowId"]}, key=refused)
            assert still["duplicate"] and sameoutcome(no, still)
            error = await sales.refused("initialize", story.lead_args(), key=key)
            assert error["code"] == "key_reused"


async def test_a_temporary_refusal_is_not_kept(server):
    """Too many at once: what was refused for that goes through later under the same key."""
    async with await Client.open(server, "sales") as sales:
        workflow = await story.lead(sales)
        flood = []
        for n in range(80):
            key = new_key()
            flood.append((key, await sales.begin("createTask", story.task_args(workflow, f"{n}"), key=key)))
        refused = []
        for n, (key, future) in enumerate(flood):
            answer = await sales._patiently(future)
            error = answer if answer["type"] == "error" else answer.get("error")
            if error:
                assert error["code"] in ("rate_limited", "overloaded") and error["temporary"], error
                refused.append((n, key))
        assert refused, "no limit was reached"
        await asyncio.sleep(2.1)
        for n, key in refused[:5]:
            ack = await sales.command("createTask", story.task_args(workflow, f"{n}"), key=key)
            assert ack["ok"] and not ack["duplicate"], ack


# Expect


async def test_a_version_that_is_no_longer_true_refuses_and_says_the_true_one_and_whose_it_is(server):
    async with await Client.open(server, "sales") as sales, await Client.open(server, "owner") as owner:
        replica = await sales.subscribe(["workflow_states", "task_queue"])
        workflow = await story.lead(sales)
        await sales.ping()
        seen = replica.row("workflow_states", workflow)["version"]
        row = f"workflow_states/{workflow}"
        await owner.do("scanCustomer", {
            "workflowId": workflow, "scanResults": {"a": 1}, "consent": {"version": "1", "channel": "in_person"}},
            expect={row: seen})
        await sales.ping()
        current = replica.row("workflow_states", workflow)["version"]
        assert current > seen
        error = await sales.refused("createTask", story.task_args(workflow), expect={row: seen})
        assert error["code"] == "stale_version" and not error["temporary"]
        text = str(error["details"])
        assert str(current) in text and owner.user["id"] in text, error
        assert (await sales.command("createTask", story.task_args(workflow), expect={row: current}))["ok"]


async def test_expecting_a_row_that_is_not_there_or_another_clinics_tells_nothing(server):
    async with await Client.open(server, "sales") as sales:
        workflow = await story.lead(sales)
        theirs = Database(server.data).value(
            "SELECT id FROM treatments WHERE clinic_id=? LIMIT 1", server.other_clinic)
        errors = []
        for identity in (theirs, str(uuid.uuid4())):
            errors.append(await sales.refused(
                "createTask", story.task_args(workflow), expect={f"treatments/{identity}": 1}))
        assert errors[0]["code"] == errors[1]["code"] and errors[0]["code"] in ("not_found", "stale_version")
        assert str(errors[0].get("details")).replace(theirs, "") == str(errors[1].get("details")).replace(
            str(uuid.UUID(int=0)), "") or "version" not in str(errors[0].get("details"))


async def test_all_or_nothing_of_several_expectations(server, database):
    async with await Client.open(server, "sales") as sales:
        one, two = await story.lead(sales), await story.lead(sales)
        head = database.head(sales.clinic)
        error = await sales.refused("createTask", story.task_args(one), expect={
            f"workflow_states/{one}": 1, f"workflow_states/{two}": 5})
        assert error["code"] == "stale_version"
        assert database.head(sales.clinic) == head


# Order


async def test_commands_of_one_connection_are_applied_in_the_order_sent(server, database):
    """A whole case is sent without waiting for one answer: each step needs the one before."""
    async with await Client.open(server, "owner") as owner:
        staff = [row for row in database.read(
            "SELECT * FROM clinic_staff WHERE clinic_id=? AND role='clinic_staff' AND is_active=1", owner.clinic)]
        workflow = await story.lead(owner)
        steps = [
            ("scanCustomer", {"workflowId": workflow, "scanResults": {"a": 1},
                              "consent": {"version": "1", "channel": "in_person"}}),
            ("sendProposal", {"workflowId": workflow, "plan": {"totalSt": 500000}}),
            ("confirmPayment", story.payment_args(workflow, staff[0]["id"])),
            ("startTreatment", {"workflowId": workflow}),
            ("completeTreatment", {"workflowId": workflow}),
            ("sendFollowUp", {"workflowId": workflow}),
            ("closeCase", {"workflowId": workflow}),
        ]
        acks = [await owner.begin(name, args) for name, args in steps]
        outcomes = [await owner._patiently(ack) for ack in acks]
        assert [o["ok"] for o in outcomes] == [True] * len(steps), [o.get("error") for o in outcomes]
        seqs = [o["cursor"]["seq"] for o in outcomes]
        assert seqs == sorted(seqs) and len(set(seqs)) == len(seqs)
        row = database.one("SELECT * FROM workflow_states WHERE id=?", workflow)
        assert (row["current_stage"], row["status"]) == ("completed", "closed")


async def test_commands_out_of_order_are_clear_refusals(server):
    async with await Client.open(server, "owner") as owner:
        workflow = await story.lead(owner)
        for name in ("completeTreatment", "sendFollowUp", "closeCase", "noShow", "abortTreatment", "checkIn", "reopen"):
            error = await owner.refused(name, {"workflowId": workflow, "reason": "ทดสอบ"})
            assert error["code"] == "invalid_transition", (name, error)
            assert error["message"] and error["details"], (name, error)


# Two tablets


async def race(first, second, name, args, other=None):
    one, two = await asyncio.gather(first.begin(name, args), second.begin(name, other or args))
    return await first._patiently(one), await second._patiently(two)


async def test_two_tablets_race_for_one_treatment_and_one_wins(server, database):
    async with await Client.open(server, "beautician") as tablet, await Client.open(server, "beautician2") as other, \
            await Client.open(server, "sales") as sales:
        for _ in range(5):
            workflow = await story.ready(sales, tablet.staff)
            outcomes = await race(
                tablet, other, "startTreatment", {"workflowId": workflow}, {"workflowId": workflow, "takeover": True})
            assert sorted(o["ok"] for o in outcomes) == [False, True], outcomes
            winner = tablet if outcomes[0]["ok"] else other
            loser = next(o for o in outcomes if not o["ok"])
            assert loser["error"]["code"] == "task_already_started"
            assert winner.staff in str(loser["error"]["details"]) or winner.user["id"] in str(
                loser["error"]["details"]), loser
            assert "started_at" in loser["error"]["details"]
            assert database.value(
                "SELECT count(*) FROM workflow_actions WHERE workflow_id=? AND type='start_treatment'", workflow) == 1
            tasks = database.read(
                "SELECT * FROM task_queue WHERE workflow_id=? AND task_type='perform_treatment'", workflow)
            assert [(t["status"], t["started_by"]) for t in tasks] == [("in_progress", winner.staff)]


async def test_the_same_user_on_two_tablets_is_told_that_it_already_runs(server, database):
    async with await Client.open(server, "beautician") as one, await Client.open(server, "beautician") as two, \
            await Client.open(server, "sales") as sales:
        workflow = await story.ready(sales, one.staff)
        outcomes = await race(one, two, "startTreatment", {"workflowId": workflow})
        assert all(o["ok"] for o in outcomes), outcomes
        assert [o["result"].get("already", False) for o in outcomes].count(True) == 1
        assert database.value(
            "SELECT count(*) FROM workflow_actions WHERE workflow_id=? AND type='start_treatment'", workflow) == 1


async def test_starting_the_task_and_the_treatment_is_one_start(server, database):
    async with await Client.open(server, "beautician") as tablet, await Client.open(server, "sales") as sales:
        mine = await tablet.subscribe(["task_queue"], {"assigned_to": "me"})
        workflow = await story.ready(sales, tablet.staff)
        task = (await mine.until(lambda r: r.find(
            "task_queue", workflow_id=workflow, task_type="perform_treatment")))[0]["id"]
        await tablet.do("startTask", {"taskId": task})
        again = await tablet.do("startTreatment", {"workflowId": workflow})
        assert again.get("already") is True
        await tablet.do("completeTreatment", {"workflowId": workflow})
        assert (await tablet.do("completeTask", {"taskId": task})).get("already") is True
        types = [row["type"] for row in database.read(
            "SELECT type FROM workflow_actions WHERE workflow_id=? ORDER BY seq", workflow)]
        assert types.count("start_treatment") == types.count("complete_treatment") == 1


async def test_scenario_one_of_the_domain_runs_to_its_rows(server, database):
    """domain.md §12, scenario 1, steps 1 to 5, as three people's sockets see them."""
    async with await Client.open(server, "sales") as sales, await Client.open(server, "beautician") as tablet, \
            await Client.open(server, "owner") as owner:
        mine = await tablet.subscribe(["task_queue", "workflow_states", "workflow_events", "notifications"],
                                      {"assigned_to": "me"})
        board = await owner.subscribe(["workflow_states", "workflow_actions", "customers"])
        workflow = await story.lead(sales, "คุณเอ")
        await owner.ping()
        assert board.row("workflow_states", workflow)["version"] == 1
        start = story.next_slot()
        began = time.monotonic()
        await story.paid(sales, workflow, tablet.staff, start)
        task = (await mine.until(lambda r: r.find(
            "task_queue", workflow_id=workflow, task_type="perform_treatment")))[0]
        assert time.monotonic() - began < 1, "S target for the beautician's screen"
        assert (task["assigned_to"], task["priority"], task["status"], task["due_date"]) == (
            tablet.staff, "high", "pending", start)
        await mine.until(lambda r: [e for e in r.find("workflow_events", workflow_id=workflow)
                                    if e["event_type"] == "task_assigned"])
        await owner.ping()
        state = board.row("workflow_states", workflow)
        assert (state["current_stage"], state["version"]) == ("treatment_scheduled", 3)
        assert state["assigned_beautician_id"] == tablet.staff
        actions = sorted(board.find("workflow_actions", workflow_id=workflow), key=lambda row: row["seq"])
        assert [a["type"] for a in actions] == ["initialize", "confirm_payment", "schedule_appointment"]
        assert actions[1]["from_stage"] == "lead_created" and actions[1]["to_stage"] == "payment_confirmed"
        sale = database.one("SELECT * FROM pos_transactions WHERE workflow_id=?", workflow)
        assert (sale["total_st"], sale["paid_st"], sale["payment_status"], sale["payment_method"]) == (
            500000, 500000, "paid", "PROMPTPAY")
        await tablet.do("startTreatment", {"workflowId": workflow})
        await owner.ping()
        state = board.row("workflow_states", workflow)
        assert (state["current_stage"], state["version"]) == ("in_treatment", 4)
        await tablet.do("completeTreatment", {"workflowId": workflow, "notes": "ผิวดีขึ้น"})
        await owner.ping()
        state = board.row("workflow_states", workflow)
        assert (state["current_stage"], state["version"]) == ("treatment_completed", 5)
        done = database.one(
            "SELECT * FROM task_queue WHERE workflow_id=? AND task_type='perform_treatment'", workflow)
        assert (done["status"], done["completed_by"], done["started_by"]) == (
            "completed", tablet.staff, tablet.staff)
        history = await owner.ask("workflowHistory", {"workflowId": workflow})
        assert len(str(history)) > 100


# Limits


async def test_the_limit_of_commands_a_second_is_told_and_the_connection_stays(server):
    async with await Client.open(server, "sales") as sales:
        limit = sales.welcome["limits"]["commands_per_second"]
        answers = [await sales.begin("setDuty", {"duty": "on"}) for _ in range(4 * limit)]
        outcomes = [await sales._patiently(a) for a in answers]
        limited = [o for o in outcomes if o["type"] == "error" or not o["ok"]]
        codes = {o["code"] if o["type"] == "error" else o["error"]["code"] for o in limited}
        assert codes <= {"rate_limited", "overloaded"} and "rate_limited" in codes, codes
        for o in limited:
            if o["type"] == "error" and o["code"] == "rate_limited":
                assert 0 < o["retry_ms"] <= 5000
        assert len(outcomes) - len(limited) >= limit // 2
        await asyncio.sleep(1.2)
        assert (await sales.command("setDuty", {"duty": "on"}))["ok"]


def test_a_flood_of_frames_is_closed_4102(server):
    with RawSocket(server) as raw:
        raw.upgraded().hello(server.token("sales"))
        flood = b"".join(RawSocket.frame('{"type":"ping","id":%d}' % n) for n in range(3000))
        try:
            raw.send_bytes(flood)
        except OSError:
            pass
        code, frames = raw.end()
        assert code in (4102, None) and len(frames) < 1000
        if code:
            assert frames[-1]["type"] == "bye" and frames[-1]["code"] == 4102


async def test_more_in_flight_than_allowed_is_told_and_the_connection_stays(server):
    async with await Client.open(server, "owner") as owner:
        limit = owner.welcome["limits"]["in_flight"]
        begun = []
        for _ in range(limit * 4):
            identity = next(owner._ids)
            begun.append(owner._expect(identity, "result"))
            await owner.send({"type": "query", "id": identity, "clinic": owner.clinic, "name": "clinicWorkflows",
                              "args": {}})
        answers = [await owner._patiently(a) for a in begun]
        bad = [a for a in answers if a["type"] == "error"]
        assert all(a["code"] in ("overloaded", "rate_limited") for a in bad), bad
        assert len(answers) == limit * 4
        assert (await owner.query("staff", {}))["ok"]


# Queries


async def test_queries_answer_with_the_sequence_they_read_at(server, database):
    async with await Client.open(server, "sales") as sales:
        workflow = await story.lead(sales, "คำถาม")
        head = database.head(sales.clinic)
        for name, args in (("workflowHistory", {"workflowId": workflow}), ("clinicWorkflows", {}), ("myTasks", {}),
                           ("staff", {})):
            answer = await sales.query(name, args)
            assert answer["ok"] and answer["seq"] >= head, (name, answer)
            assert answer["data"] is not None


async def test_a_query_after_an_ack_sees_what_was_acked(server):
    async with await Client.open(server, "sales") as sales:
        for _ in range(10):
            ack = await sales.command("initialize", story.lead_args())
            answer = await sales.query("workflowHistory", {"workflowId": ack["result"]["workflowId"]})
            assert answer["ok"] and answer["seq"] >= ack["cursor"]["seq"]


async def test_my_tasks_are_mine_in_the_order_of_work(server):
    async with await Client.open(server, "sales") as sales, await Client.open(server, "beautician") as tablet:
        await story.ready(sales, tablet.staff)
        data = await tablet.ask("myTasks", {})
        tasks = data["tasks"] if isinstance(data, dict) else data
        assert tasks and all(t["assigned_to"] in (tablet.staff, None) for t in tasks)
        order = [(-t["priority_rank"], t["due_date"] is None, t["due_date"] or 0) for t in tasks]
        assert order == sorted(order)


@pytest.mark.parametrize("name, args", [
    ("workflowHistory", {}), ("workflowHistory", {"workflowId": "x"}), ("workflowHistory", {"workflowId": None}),
    ("clinicWorkflows", {"limit": -1}), ("clinicWorkflows", {"limit": 10**12}), ("clinicWorkflows", {"limit": "all"}),
    ("clinicWorkflows", {"status": "no_such"}), ("myTasks", {"status": ["x"]}),
])
async def test_a_query_with_bad_arguments_is_bad_request(server, name, args):
    async with await Client.open(server, "owner") as owner:
        answer = await owner.query(name, args)
        if args.get("limit") == 10**12 and answer.get("ok"):
            return
        error = answer if answer["type"] == "error" else answer["error"]
        assert error["code"] == "bad_request", answer


async def test_sql_in_every_text_stays_text(server, database):
    evil = "'; DROP TABLE customers; --"
    async with await Client.open(server, "owner") as owner:
        workflow = await story.lead(owner, evil)
        await story.task(owner, workflow, evil, description=evil)
        answer = await owner.query("clinicWorkflows", {"search": evil})
        assert answer["ok"], answer
        row = database.one("SELECT c.full_name FROM customers c JOIN workflow_states w ON w.customer_id=c.id "
                           "WHERE w.id=?", workflow)
        assert row["full_name"] == evil


async def test_the_tests_own_client_notices_an_ack_before_its_delta(server):
    async with await Client.open(server, "owner") as owner:
        replica = await owner.subscribe(["customers"])
        owner._acked[owner.clinic].add(replica.seq + 1)
        try:
            await owner.command("initialize", story.lead_args())
        except (Broken, ConnectionError):
            pass
        assert isinstance(owner.fault, Broken)
        owner.fault = None
