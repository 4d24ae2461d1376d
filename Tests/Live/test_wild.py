"""Commands as nobody means them: wrong kinds, absurd sizes, any order, any role. The rows must stay a clinic's."""

import asyncio
import copy
import random

import pytest
import story
from aura_client import TABLES, Client
from database import Database

STEP = ["workflowId", "notes", "reason", "deviceSeq", "clientTime"]
TASK = ["taskId", "notes", "deviceSeq", "clientTime"]
ARGUMENTS = {
    "initialize": ["customer", "salesId", "treatmentId", "scanId", "notes"],
    "scanCustomer": [*STEP, "scanResults", "consent"],
    "sendProposal": [*STEP, "plan"],
    "confirmPayment": [*STEP, "amount", "paymentMethod", "treatmentId", "treatmentName", "beauticianId", "scheduledTime",
                       "room", "priority", "override"],
    "scheduleAppointment": [*STEP, "scheduledTime", "beauticianId", "durationMinutes", "treatmentId", "room", "priority",
                            "override"],
    "startTreatment": [*STEP, "takeover", "beauticianId", "consent"],
    "completeTreatment": [*STEP, "checklist"],
    "sendFollowUp": [*STEP, "channel"],
    "reassign": [*STEP, "salesId", "beauticianId", "override"],
    "cancel": [*STEP, "settlement"],
    "startCycle": [*STEP, "treatmentId"],
    "transition": ["workflowId", "toStage", "metadata"],
    "createTask": ["workflowId", "type", "assignedTo", "title", "description", "priority", "dueDate", "estimatedMinutes",
                   "taskData", "dedupeKey"],
    "startTask": [*TASK, "takeover", "consent"], "completeTask": TASK, "claimTask": TASK,
    "updateTask": [*TASK, "status", "priority", "dueDate", "description", "assignedTo", "reason"],
    "setDuty": ["staffId", "duty"], "addMember": ["userId", "role", "frontDesk", "skills"],
    "changeRole": ["staffId", "role", "frontDesk", "skills"],
    "markNotificationRead": ["notificationId"], "markAllNotificationsRead": [],
} | {name: STEP for name in ("checkIn", "closeCase", "noShow", "abortTreatment", "reopen", "correct")}
NAMES = list(ARGUMENTS)
ABSURD = [
    None, True, False, 0, -1, 1, 2**31, 2**53, 2**63 - 1, -(2**63), 1.5, -0.0, 1e308, 5e-324, "", " ", "x", "a" * 20_000, "ก" * 7000,
    "\u202e\u200b\ufeff", "😀" * 300, "00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
    "2026-02-31", "2026-02-30T25:61:61Z", "null", "me", "'; --", "%s%n", "../../x", [], {}, [[]], [None], [1, "a", {}],
    {"a": {"b": {"c": []}}}, {"": ""}, {"th": "x", "en": "y"}, ["a"] * 500, {str(n): n for n in range(300)},
]
# What leads on from a stage, so that a random day is not only refusals.
NEXT = {
    "lead_created": ["scanCustomer", "confirmPayment"], "scanned": ["sendProposal", "confirmPayment"],
    "proposal_sent": ["confirmPayment"], "payment_confirmed": ["scheduleAppointment", "startTreatment"],
    "treatment_scheduled": ["startTreatment", "startTreatment", "checkIn", "scheduleAppointment", "reassign"],
    "in_treatment": ["completeTreatment", "completeTreatment", "abortTreatment", "reassign"],
    "treatment_completed": ["sendFollowUp", "correct"], "follow_up": ["closeCase", "startCycle"],
    "completed": ["reopen", "startCycle"],
}
KNOWN_CODES = {
    "bad_request", "forbidden", "not_found", "invalid_transition", "stale_version", "task_already_started", "duplicate",
    "consent_required", "slot_taken", "amount_mismatch", "too_late", "coupon_unavailable", "insufficient_points",
}


def code_of(answer):
    return answer["code"] if answer["type"] == "error" else answer["error"]["code"]


@pytest.fixture
def wild(new_server):
    return new_server("--commands-per-second", 5000)


async def test_no_argument_of_any_kind_makes_an_internal_error(wild, seed):
    generator = random.Random(seed)
    async with await Client.open(wild, "owner") as owner, await Client.open(wild, "sales") as sales:
        owner.is_checked = False
        workflow = await story.lead(sales)
        task = await story.task(sales, workflow)
        staff = Database(wild.data).read("SELECT id FROM clinic_staff WHERE role='clinic_staff'")[0]["id"]
        good = {
            "workflowId": workflow, "taskId": task, "beauticianId": staff, "assignedTo": staff, "staffId": staff,
            "amount": 5000, "paymentMethod": "CASH", "type": "customer_follow_up", "toStage": "scanned", "override": True,
            "scanResults": {"a": 1}, "plan": {"totalSt": 500}, "duty": "on", "role": "clinic_staff", "status": "pending",
            "consent": {}, "metadata": {}, "reason": "ทดสอบ", "title": "x", "priority": "high", "takeover": True,
            "estimatedMinutes": 10, "durationMinutes": 30, "treatmentName": "Hydra Facial", "channel": "line",
        }
        taken = {}
        for _ in range(1000):
            name = generator.choice(NAMES)
            args = {key: copy.deepcopy(good[key]) for key in ARGUMENTS[name] if key in good and generator.random() < 0.9}
            if name == "initialize":
                args["customer"] = story.person()
            if "scheduledTime" in ARGUMENTS[name]:
                args["scheduledTime"] = story.next_slot()
            for _ in range(generator.choice([0, 1, 1, 2])):
                inside = [value for value in args.values() if isinstance(value, dict)]
                place = generator.choice(inside) if inside and generator.random() < 0.3 else args
                place[generator.choice([*ARGUMENTS[name], *place, "extra"])] = copy.deepcopy(generator.choice(ABSURD))
            if name in ("changeRole", "setDuty", "addMember") and args.get("staffId") == staff:
                # Staff stay who they are: later commands need them.
                args["staffId"] = generator.choice(ABSURD)
            answer = await owner.command(name, args)
            if answer["type"] == "ack" and answer["ok"]:
                taken[name] = taken.get(name, 0) + 1
                continue
            assert code_of(answer) in KNOWN_CODES, (name, args, answer)
        print("taken:", taken)
        await owner.ping()
        for name in ("workflowHistory", "clinicWorkflows", "myTasks", "staff", "treatments", "me"):
            for _ in range(40):
                args = {generator.choice(["workflowId", "limit", "stage", "status", "assigned", "search", "after", "pool",
                                          "includeInactive"]): generator.choice(ABSURD) for _ in range(2)}
                answer = await owner.query(name, args)
                if answer["type"] == "error" or not answer["ok"]:
                    assert code_of(answer) in KNOWN_CODES, (name, args, answer)
    Database(wild.data).integrity()


@pytest.mark.seconds(120)
async def test_a_random_day_leaves_every_screen_equal_and_every_case_whole(wild, seed):
    """Five people do what they are offered and what they are not, at once; then the books are read."""
    generator = random.Random(seed)
    people = {name: await Client.open(wild, name) for name in ("owner", "admin", "sales", "beautician", "beautician2")}
    for twin in ("admin", "beautician2"):
        people[twin].is_checked = False
    screens = {name: await client.subscribe(list(TABLES)) for name, client in people.items()}
    tables = [client.staff for client in people.values()]
    workflows = []

    def invent(who):
        name = generator.choice(NAMES)
        args = {}
        if workflows:
            args["workflowId"] = generator.choice(workflows[-6:])
            known = screens[who].row("workflow_states", args["workflowId"])
            if generator.random() < 0.65 and known:
                name = generator.choice(NEXT[known["current_stage"]])
        if name in ("addMember", "changeRole") or name == "cancel" and generator.random() < 0.8:
            name = "updateTask"
        if name == "initialize":
            return name, story.lead_args()
        if name in ("setDuty", "markNotificationRead", "markAllNotificationsRead") or "Task" in name and name != "createTask":
            args = {}
        if name == "setDuty":
            return name, {"duty": generator.choice(["on", "break", "on"])}
        if name.startswith("mark"):
            bell = screens[who].rows("notifications")
            return name, {} if name.endswith("Read") and "All" in name or not bell else {
                "notificationId": generator.choice(bell)["id"]}
        if "Task" in name and name != "createTask":
            known = screens["owner"].rows("task_queue")
            args["taskId"] = generator.choice(known)["id"]
            if name == "updateTask":
                args["status"] = generator.choice(["pending", "in_progress", "completed", "cancelled"])
            return name, args
        if name == "scanCustomer":
            args |= {"scanResults": {"n": 1}, "consent": {"version": "1", "channel": "in_person"}}
        elif name == "sendProposal":
            args["plan"] = {"totalSt": 500000}
        elif name == "confirmPayment":
            args |= {"amount": 5000, "paymentMethod": "CARD", "treatmentName": "Hydra Facial"}
            if generator.random() < 0.7:
                args |= {"beauticianId": generator.choice(tables[3:]), "scheduledTime": story.next_slot()}
        elif name == "scheduleAppointment":
            args |= {"scheduledTime": story.next_slot(), "beauticianId": generator.choice(tables[3:])}
        elif name == "reassign":
            args |= {"beauticianId": generator.choice(tables[3:]), "reason": "x"}
        elif name == "transition":
            args |= {"toStage": generator.choice(["scanned", "in_treatment", "follow_up", "completed"]), "metadata": {}}
        elif name == "createTask":
            args |= {"type": "customer_follow_up"}
        elif name == "startTreatment":
            args |= {"takeover": generator.random() < 0.5}
        elif name == "cancel":
            args |= {"reason": "x", "settlement": "refund"}
        elif name in ("abortTreatment", "reopen", "correct", "noShow"):
            args["reason"] = "x"
        return name, args

    done = {}

    async def work(who):
        client = people[who]
        for _ in range(70):
            await asyncio.sleep(0.01)
            name, args = invent(who)
            if who in ("sales", "owner") and (len(workflows) < 2 or generator.random() < 0.05):
                name, args = "initialize", story.lead_args()
            answer = await client.command(name, args)
            if answer["type"] == "ack" and answer["ok"]:
                done[name] = done.get(name, 0) + 1
                if name in ("initialize", "startCycle"):
                    workflows.append(answer["result"]["workflowId"])
            else:
                assert code_of(answer) in KNOWN_CODES, (name, args, answer)

    await asyncio.gather(*[work(who) for who in people])
    print("done:", dict(sorted(done.items())))
    database = Database(wild.data)
    clinic = people["owner"].clinic
    for name, client in people.items():
        await client.ping()
        for table in TABLES:
            if table == "notifications":
                database.compare(screens[name], table, "user_id=?", client.user["id"])
            elif table != "workflow_events" or name in ("owner", "admin"):
                database.compare(screens[name], table)
        await client.close()
    database.check_log(clinic)
    database.integrity()
    whole(database)


def whole(database):
    """What must be true of every case, whatever was done to it."""
    none = {
        "an open treatment task twice":
            "SELECT workflow_id FROM task_queue WHERE task_type='perform_treatment' AND status IN ('pending','in_progress') "
            "GROUP BY workflow_id HAVING count(*)>1",
        "in treatment without a running task":
            "SELECT id FROM workflow_states w WHERE current_stage='in_treatment' AND status='active' AND 1 <> (SELECT count(*) "
            "FROM task_queue t WHERE t.workflow_id=w.id AND task_type='perform_treatment' AND t.status='in_progress')",
        "a running treatment of a case that is not in treatment":
            "SELECT t.id FROM task_queue t JOIN workflow_states w ON w.id=t.workflow_id WHERE task_type='perform_treatment' "
            "AND t.status='in_progress' AND w.current_stage<>'in_treatment'",
        "a started task without its start, or the other way round":
            "SELECT id FROM task_queue WHERE (status='in_progress') <> (started_at IS NOT NULL AND completed_at IS NULL "
            "AND status<>'cancelled' AND status<>'pending')",
        "a completed task that nobody completed":
            "SELECT id FROM task_queue WHERE status='completed' AND completed_at IS NULL",
        "open tasks of a case that is over":
            "SELECT t.id FROM task_queue t JOIN workflow_states w ON w.id=t.workflow_id WHERE t.status IN "
            "('pending','in_progress') AND w.status='cancelled'",
        "actions with a hole":
            "SELECT workflow_id FROM workflow_actions GROUP BY workflow_id HAVING min(seq)<>1 OR max(seq)<>count(*)",
        "a history that does not join":
            "SELECT a.id FROM workflow_actions a JOIN workflow_actions b ON b.workflow_id=a.workflow_id AND b.seq=a.seq+1 "
            "WHERE b.from_stage IS NOT a.to_stage",
        "a stage that its last action did not lead to":
            "SELECT w.id FROM workflow_states w JOIN workflow_actions a ON a.workflow_id=w.id WHERE a.seq=(SELECT max(seq) "
            "FROM workflow_actions x WHERE x.workflow_id=w.id) AND a.to_stage<>w.current_stage",
        "two open leads of one customer":
            "SELECT customer_id FROM workflow_states WHERE status='active' AND current_stage IN "
            "('lead_created','scanned','proposal_sent') GROUP BY customer_id HAVING count(*)>1",
        "two sales that are paid for one case without a refund":
            "SELECT workflow_id FROM pos_transactions WHERE type='sale' AND payment_status='paid' AND workflow_id IS NOT NULL "
            "GROUP BY workflow_id HAVING count(*)>1",
        "overlapping appointments of one beautician":
            "SELECT a.id FROM workflow_states a JOIN workflow_states b ON a.assigned_beautician_id=b.assigned_beautician_id "
            "AND a.id<b.id AND a.scheduled_start<b.scheduled_end AND b.scheduled_start<a.scheduled_end WHERE a.status='active' "
            "AND b.status='active' AND a.current_stage='treatment_scheduled' AND b.current_stage='treatment_scheduled' "
            # A walk-in begins whenever its beautician begins it; what was begun, undone or reopened keeps that time.
            "AND NOT EXISTS (SELECT 1 FROM workflow_actions x WHERE x.workflow_id IN (a.id,b.id) AND x.type IN "
            "('start_treatment','correct','reopen'))",
        "an event whose seq is no commit":
            "SELECT e.id FROM workflow_events e LEFT JOIN sys_changes c ON c.clinic_id=e.clinic_id AND c.seq=e.seq "
            "WHERE c.seq IS NULL",
        "a duplicated sale number":
            "SELECT transaction_number FROM pos_transactions GROUP BY clinic_id, transaction_number HAVING count(*)>1",
    }
    found = {what: rows for what, sql in none.items() if (rows := database.read(sql))}
    assert not found, found
