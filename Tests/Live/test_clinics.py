"""Other clinics: every command, query and subscription with ids that are not mine."""

import asyncio
import json

import pytest
import story
from aura_client import TABLES, Client
from database import Database

COMMANDS = {
    "scanCustomer": {"scanResults": {}, "consent": {"version": "1", "channel": "in_person"}},
    "sendProposal": {"plan": {"totalSt": 100}}, "scheduleAppointment": {"scheduledTime": 2**41}, "checkIn": {},
    "confirmPayment": {"amount": 5000, "paymentMethod": "CASH"},
    "startTreatment": {}, "completeTreatment": {}, "sendFollowUp": {}, "closeCase": {},
    "reassign": {"beauticianId": "STAFF"}, "noShow": {}, "abortTreatment": {"reason": "x"},
    "cancel": {"reason": "x"}, "reopen": {}, "correct": {}, "startCycle": {},
    "transition": {"toStage": "scanned", "metadata": {"scanResults": {}}}, "createTask": {"type": "customer_follow_up"},
}
ON_TASKS = {"startTask": {}, "completeTask": {}, "updateTask": {"notes": "x"}, "claimTask": {}}
ON_STAFF = {"setDuty": {"duty": "off"}, "changeRole": {"role": "clinic_owner"}, "revokeMembership": {"reason": "x"}}
NOWHERE = "0190c0de-0000-7000-8000-000000000000"


@pytest.fixture
def foreign(server):
    """Rows of the other clinic, and what its people see of it."""

    async def make():
        async with await Client.open(server, "owner@other.aura") as owner:
            workflow = await story.lead(owner)
            task = await story.task(owner, workflow)
            return workflow, task, owner.staff

    return asyncio.run(make())


async def test_every_command_in_a_clinic_that_is_not_mine_is_forbidden_whether_it_exists_or_not(server, foreign):
    workflow, task, staff = foreign
    database = Database(server.data)
    head = database.head(server.other_clinic)
    for who in ("owner", "sales", "beautician"):
        async with await Client.open(server, who) as client:
            for clinic in (server.other_clinic, NOWHERE):
                calls = [(name, {"workflowId": workflow, **args}) for name, args in COMMANDS.items()]
                calls += [(name, {"taskId": task, **args}) for name, args in ON_TASKS.items()]
                calls += [(name, {"staffId": staff, **args}) for name, args in ON_STAFF.items()]
                calls += [("initialize", story.lead_args())]
                if who != "owner":
                    calls = calls[::5]
                for name, args in calls:
                    args = json.loads(json.dumps(args).replace("STAFF", staff))
                    error = await client.refused(name, args, clinic=clinic)
                    assert error["code"] == "forbidden", (who, name, clinic == NOWHERE, error)
    assert database.head(server.other_clinic) == head


async def test_every_command_on_another_clinics_row_in_my_clinic_is_not_found(server, foreign):
    workflow, task, staff = foreign
    database = Database(server.data)
    before = [database.head(server.other_clinic), database.head(database.value(
        "SELECT id FROM clinics WHERE clinic_code='BKK01'"))]
    async with await Client.open(server, "owner") as client:
        calls = [(name, {"workflowId": workflow, **args}) for name, args in COMMANDS.items()]
        calls += [(name, {"taskId": task, **args}) for name, args in ON_TASKS.items()]
        calls += [(name, {"staffId": staff, **args}) for name, args in ON_STAFF.items()]
        for name, args in calls:
            args = json.loads(json.dumps(args).replace("STAFF", client.staff))
            error = await client.refused(name, args)
            assert error["code"] == "not_found", (name, error)
            nowhere = {k: NOWHERE if k in ("workflowId", "taskId", "staffId") else v for k, v in args.items()}
            other = await client.refused(name, nowhere)
            assert other["code"] == "not_found", (name, other)
            identity = next(v for k, v in args.items() if k in ("workflowId", "taskId", "staffId"))
            assert json.dumps(error["details"]).replace(identity, NOWHERE) == json.dumps(other["details"]), name
    assert [database.head(server.other_clinic), before[1]] == before


async def test_references_to_another_clinics_people_inside_arguments_are_refused(server, foreign):
    workflow, task, staff = foreign
    database = Database(server.data)
    treatment = database.value("SELECT id FROM treatments WHERE clinic_id=? LIMIT 1", server.other_clinic)
    async with await Client.open(server, "owner") as owner:
        mine = await story.lead(owner)
        for name, args in (
            ("initialize", story.lead_args(salesId=staff)),
            ("confirmPayment", story.payment_args(mine, staff)),
            ("confirmPayment", {"workflowId": mine, "amount": 5000, "paymentMethod": "CASH", "treatmentId": treatment}),
            ("reassign", {"workflowId": mine, "beauticianId": staff}),
            ("reassign", {"workflowId": mine, "salesId": staff}),
            ("createTask", story.task_args(mine, assignedTo=staff)),
        ):
            error = await owner.refused(name, args)
            assert error["code"] in ("not_found", "bad_request"), (name, error)


async def test_queries_and_subscriptions_of_other_clinics_are_refused_and_bring_no_event(server, foreign):
    workflow, _, _ = foreign
    async with await Client.open(server, "owner") as client, \
            await Client.open(server, "owner@other.aura") as other:
        for clinic in (server.other_clinic, NOWHERE):
            for name, args in (("workflowHistory", {"workflowId": workflow}), ("clinicWorkflows", {}),
                               ("myTasks", {}), ("staff", {}), ("treatments", {})):
                answer = await client.query(name, args, clinic)
                error = answer if answer["type"] == "error" else answer["error"]
                assert error["code"] == "forbidden", (name, answer)
            for topics in (["task_queue"], list(TABLES), ["presence"]):
                answer = await client.request(
                    {"type": "subscribe", "clinic": clinic, "topics": topics, "cursor": None}, "subscribed")
                assert answer["type"] == "error" and answer["code"] == "forbidden", answer
        answer = await client.query("workflowHistory", {"workflowId": workflow})
        error = answer if answer["type"] == "error" else answer["error"]
        assert error["code"] == "not_found"
        mine = await client.subscribe(list(TABLES))
        hole = await client.subscribe(["workflow_states", "task_queue"], {"workflow_id": workflow})
        assert not any(hole.tables.values())
        await story.lead(other, "ความลับ")
        await client.ping()
        assert mine.commits == {} and hole.commits == {}


async def test_a_person_of_two_clinics_gets_each_for_itself(own_server):
    async with await Client.open(own_server, "sales") as both, await Client.open(own_server, "owner@other.aura") as other:
        clinics = {m["clinic"]: m for m in both.user["memberships"]}
        assert set(clinics) == {both.clinic, own_server.other_clinic} or len(clinics) == 2
        home = next(c for c in clinics if c != own_server.other_clinic)
        a = await both.subscribe(["customers"], clinic=home)
        b = await both.subscribe(["customers"], clinic=own_server.other_clinic)
        assert a.stream != b.stream
        await story.lead(other)
        await both.ping()
        assert len(b.commits) == 1 and a.commits == {}
        await story.lead(both, clinic=home)
        assert len(b.commits) == 1 and len(a.commits) == 1
