"""Snapshots, deltas, filters: what a subscriber holds is the database, at every moment and without a gap."""

import asyncio
import random

import pytest
import story
from aura_client import TABLES, Broken, Client, Replica
from database import Database

CLINIC_TABLES = [table for table in TABLES if table not in ("notifications", "workflow_events")]


async def settle(*replicas):
    """Until every replica has reached the furthest of them: what the server has sent to one, it has sent to all."""
    for replica in replicas:
        await replica._owner.ping()


async def test_a_first_subscription_is_a_snapshot_that_equals_the_database(server, database):
    async with await Client.open(server, "owner") as owner:
        replica = await owner.subscribe(list(TABLES))
        assert (replica.mode, replica.reason) == ("snapshot", "first")
        assert replica.seq <= database.head(owner.clinic)
        for table in CLINIC_TABLES:
            database.compare(replica, table)
        database.compare(replica, "workflow_events")
        database.compare(replica, "notifications", "user_id=?", owner.user["id"])


async def test_what_commits_after_the_snapshot_arrives_as_deltas_and_the_sum_is_the_database(server, database):
    async with await Client.open(server, "owner") as owner, await Client.open(server, "sales") as sales:
        replica = await owner.subscribe(list(TABLES))
        workflow = await story.lead(sales, "สมหญิง ใจดี")
        beautician = (await sales.ask("staff", {}))
        assert beautician is not None
        await settle(replica)
        assert replica.row("workflow_states", workflow)["current_stage"] == "lead_created"
        for table in CLINIC_TABLES:
            database.compare(replica, table)
        database.compare(replica, "notifications", "user_id=?", owner.user["id"])


async def test_no_delta_is_missing_or_twice_when_subscribing_while_others_write(server, database, seed):
    """Thirty-two subscriptions begin at random moments of a stream of commits; each ends as the database."""
    generator = random.Random(seed)
    writers = [await Client.open(server, name) for name in ("sales", "sales", "owner", "admin")]
    readers = [await Client.open(server, "owner") for _ in range(4)]
    workflows = [await story.lead(writers[0]) for _ in range(3)]
    topics = ["task_queue", "workflow_states", "customers"]
    done = False

    async def write(writer):
        count = 0
        while not done:
            await story.task(writer, generator.choice(workflows), f"งาน {count}")
            count += 1
            await asyncio.sleep(0.06)

    async def read(reader):
        replicas = []
        for _ in range(8):
            await asyncio.sleep(generator.random() * 0.15)
            replica = await reader.subscribe(generator.sample(topics, generator.randrange(1, 4)))
            replicas.append(replica)
            if generator.random() < 0.3:
                gone = replicas.pop(generator.randrange(len(replicas)))
                if sum(r.stream == gone.stream for r in replicas) == 0:
                    answer = await reader.request(
                        {"type": "unsubscribe", "stream": gone.stream}, "unsubscribed")
                    assert answer["type"] == "unsubscribed", answer
        return replicas

    writing = [asyncio.create_task(write(writer)) for writer in writers]
    try:
        held = await asyncio.gather(*[read(reader) for reader in readers])
    finally:
        done = True
        await asyncio.gather(*writing)
    for reader, replicas in zip(readers, held):
        await reader.ping()
        for replica in {r.stream: r for r in replicas if r.stream in reader.streams}.values():
            replica = reader.streams[replica.stream]
            for table in replica.tables:
                database.compare(replica, table)
    for client in writers + readers:
        await client.close()


async def test_a_large_snapshot_comes_in_parts_of_one_read_while_others_write(new_server):
    server = new_server()
    async with await Client.open(server, "sales") as sales, await Client.open(server, "owner") as owner:
        workflow = await story.lead(sales)
        text = "ข้อความยาว " * 60
        for n in range(60):
            await story.task(sales, workflow, f"{n}", description=text)
            if n % 15 == 14:
                await asyncio.sleep(1)
        writing = True

        async def write():
            count = 0
            while writing:
                await story.task(sales, workflow, f"during {count}", description=text)
                count += 1
                await asyncio.sleep(0.06)

        writer = asyncio.create_task(write())
        for _ in range(5):
            parts_before = len(owner.received)
            replica = await owner.subscribe(["task_queue"])
            parts = [f for f in list(owner.received)[parts_before:] if f["type"] == "snapshot"]
            assert len(parts) > 1, "more than frame_bytes in one part"
            await owner.request({"type": "unsubscribe", "stream": replica.stream}, "unsubscribed")
        replica = await owner.subscribe(["task_queue", "workflow_states"])
        writing = False
        await writer
        await owner.ping()
        for table in replica.tables:
            Database(server.data).compare(replica, table)


async def test_the_parts_of_an_empty_snapshot_are_one_that_is_last(server):
    async with await Client.open(server, "owner") as owner:
        nobody = "00000000-0000-7000-8000-000000000000"
        replica = await owner.subscribe(["task_queue"], {"workflow_id": nobody})
        assert replica.rows("task_queue") == []
        assert (replica.mode, replica._part) == ("snapshot", 1)


async def test_a_table_that_a_part_has_no_rows_of_is_known_to_be_empty_at_the_end(server):
    async with await Client.open(server, "owner@other.aura") as owner:
        replica = await owner.subscribe(["customer_coupons", "followup_executions", "loyalty_redemptions"])
        assert all(rows == {} for rows in replica.tables.values())


# Whole commits


async def test_a_delta_never_shows_half_of_a_command(server, seed):
    """After every frame: a treatment that runs has a running task, and none that does not."""
    async with await Client.open(server, "owner") as owner, await Client.open(server, "sales") as sales, \
            await Client.open(server, "beautician") as beautician:
        replica = await owner.subscribe(["workflow_states", "task_queue", "workflow_actions"])
        plain = replica.delta
        looked = 0

        def check(frame):
            nonlocal looked
            plain(frame)
            for commit in frame["commits"]:
                cause = commit.get("cause", {}).get("command")
                tables = {change["table"] for change in commit["changes"]}
                if cause in ("startTreatment", "completeTreatment"):
                    assert {"workflow_states", "task_queue", "workflow_actions"} <= tables, (cause, tables)
                    looked += 1
            for workflow in replica.rows("workflow_states"):
                running = replica.find("task_queue", workflow_id=workflow["id"], task_type="perform_treatment",
                                       status="in_progress")
                assert (workflow["current_stage"] == "in_treatment") == (len(running) == 1), workflow

        replica.delta = check
        for _ in range(3):
            workflow = await story.ready(sales, beautician.staff)
            await beautician.do("startTreatment", {"workflowId": workflow})
            await beautician.do("completeTreatment", {"workflowId": workflow})
        await owner.ping()
        assert looked == 6


async def test_a_commit_has_one_sequence_number_and_says_its_cause(server):
    async with await Client.open(server, "sales") as sales, await Client.open(server, "owner") as owner:
        replica = await owner.subscribe(["workflow_states", "customers", "workflow_actions", "loyalty_profiles"])
        ack = await sales.command("initialize", story.lead_args())
        await replica.until_seq(ack["cursor"]["seq"])
        commit = replica.commits[ack["cursor"]["seq"]]
        assert {c["table"] for c in commit["changes"]} == set(replica.tables)
        assert commit["cause"]["command"] == "initialize"
        assert commit["cause"]["key"] == ack["key"]
        assert commit["cause"]["by"] == sales.user["id"]


async def test_a_command_that_is_refused_leaves_no_commit(server, database):
    async with await Client.open(server, "sales") as sales:
        workflow = await story.lead(sales)
        before = database.head(sales.clinic)
        error = await sales.refused("startTreatment", {"workflowId": workflow})
        assert error["code"] in ("forbidden", "invalid_transition")
        assert database.head(sales.clinic) == before


async def test_the_delta_of_a_command_comes_before_its_ack(server):
    """The client itself fails when an acked commit arrives later; here it must have arrived at all."""
    async with await Client.open(server, "owner") as owner:
        replica = await owner.subscribe(["workflow_states", "task_queue", "customers"])
        acks = [await owner.begin("initialize", story.lead_args()) for _ in range(10)]
        for ack in acks:
            frame = await owner._patiently(ack)
            assert frame["cursor"]["seq"] in replica.commits
            assert replica.seq >= frame["cursor"]["seq"]


async def test_a_second_subscription_to_the_same_does_not_double_the_deltas(server):
    async with await Client.open(server, "owner") as owner, await Client.open(server, "sales") as sales:
        one = await owner.subscribe(["customers"])
        two = await owner.subscribe(["customers"])
        await story.lead(sales)
        await owner.ping()
        both = {one.stream, two.stream}
        deltas = [f for f in owner.received if f["type"] == "delta" and f["stream"] in both]
        assert len(deltas) <= len(both)
        assert two.seq >= one.seq


async def test_subscribers_of_the_same_are_sent_the_same_bytes(server):
    async with await Client.open(server, "owner") as one, await Client.open(server, "admin") as two, \
            await Client.open(server, "sales") as sales:
        a, b = await one.subscribe(["task_queue"]), await two.subscribe(["task_queue"])
        assert a.cursor["scope"] == b.cursor["scope"], "owner and admin see the same"
        workflow = await story.lead(sales)
        await story.task(sales, workflow)
        await settle(a, b)
        assert a.tables == b.tables and a.commits[a.seq] == b.commits[b.seq]


# Unsubscribe


async def test_after_unsubscribe_nothing_more_comes(server):
    async with await Client.open(server, "owner") as owner, await Client.open(server, "sales") as sales:
        replica = await owner.subscribe(["customers"])
        answer = await owner.request({"type": "unsubscribe", "stream": replica.stream}, "unsubscribed")
        assert answer["stream"] == replica.stream
        await story.lead(sales)
        await owner.ping()
        again = await owner.request({"type": "unsubscribe", "stream": replica.stream}, "unsubscribed")
        assert again["type"] == "error"


# Where


async def test_where_me_shows_ones_own_tasks_and_they_enter_and_leave(server, database):
    async with await Client.open(server, "beautician") as first, await Client.open(server, "beautician2") as second, \
            await Client.open(server, "sales") as sales, await Client.open(server, "owner") as owner:
        mine = await first.subscribe(["task_queue"], {"assigned_to": "me"})
        others = await second.subscribe(["task_queue"], {"assigned_to": "me"})
        assert mine.stream != others.stream or first is not second
        database.compare(mine, "task_queue", "assigned_to=?", first.staff)
        workflow = await story.ready(sales, first.staff)
        perform = (await mine.until(lambda r: r.find(
            "task_queue", workflow_id=workflow, task_type="perform_treatment")))[0]
        assert perform["assigned_to"] == first.staff and perform["status"] == "pending"
        await owner.do("reassign", {
            "workflowId": workflow, "beauticianId": second.staff, "reason": "สลับคิว", "override": True})
        await mine.until(lambda r: r.row("task_queue", perform["id"]) is None)
        moved = await others.until(lambda r: r.row("task_queue", perform["id"]))
        assert moved["version"] > perform["version"]
        await settle(mine, others)
        database.compare(mine, "task_queue", "assigned_to=?", first.staff)
        database.compare(others, "task_queue", "assigned_to=?", second.staff)


async def test_where_with_a_list_holds_for_each_value(server, database):
    async with await Client.open(server, "owner") as owner, await Client.open(server, "sales") as sales:
        replica = await owner.subscribe(
            ["workflow_states"], {"current_stage": ["lead_created", "treatment_scheduled"]})
        workflow = await story.lead(sales)
        await replica.until(lambda r: r.row("workflow_states", workflow))
        await sales.do("scanCustomer", {
            "workflowId": workflow, "scanResults": {"skin": "dry"}, "consent": {"version": "1", "channel": "in_person"}})
        await replica.until(lambda r: r.row("workflow_states", workflow) is None)
        members = await beauticians(owner)
        await story.paid(sales, workflow, members[0])
        back = await replica.until(lambda r: r.row("workflow_states", workflow))
        assert back["current_stage"] == "treatment_scheduled"
        database.compare(
            replica, "workflow_states", "current_stage IN ('lead_created','treatment_scheduled')")


async def beauticians(client):
    replica = await client.subscribe(["clinic_staff"])
    return sorted(row["id"] for row in replica.rows("clinic_staff") if row["role"] == "clinic_staff" and row["is_active"])


async def test_where_null_shows_the_pool(server, database):
    async with await Client.open(server, "owner") as owner, await Client.open(server, "beautician") as beautician:
        pool = await owner.subscribe(["task_queue"], {"assigned_to": None})
        both = await beautician.subscribe(["task_queue"], {"assigned_to": ["me", None], "status": ["pending", "in_progress"]})
        database.compare(pool, "task_queue", "assigned_to IS NULL")
        database.compare(
            both, "task_queue", "(assigned_to=? OR assigned_to IS NULL) AND status IN ('pending','in_progress')",
            beautician.staff)


async def test_where_on_a_workflow_reaches_every_table_that_has_one(server, database):
    async with await Client.open(server, "owner") as owner, await Client.open(server, "sales") as sales:
        workflow = await story.lead(sales)
        tables = ["workflow_states", "workflow_actions", "task_queue"]
        replica = await owner.subscribe(tables, {"workflow_id": workflow})
        assert [row["id"] for row in replica.rows("workflow_states")] == [workflow]
        await story.lead(sales)
        await story.task(sales, workflow)
        await owner.ping()
        database.compare(replica, "workflow_states", "id=?", workflow)
        database.compare(replica, "workflow_actions", "workflow_id=?", workflow)
        database.compare(replica, "task_queue", "workflow_id=?", workflow)


async def test_a_commit_that_holds_nothing_for_a_stream_is_not_sent_and_prev_says_so(server):
    async with await Client.open(server, "owner") as owner, await Client.open(server, "sales") as sales:
        mine, other = await story.lead(sales), await story.lead(sales)
        replica = await owner.subscribe(["task_queue"], {"workflow_id": mine})
        before = replica.seq
        for _ in range(3):
            await story.task(sales, other)
        await owner.ping()
        assert replica.commits == {}
        await story.task(sales, mine)
        await replica.until(lambda r: r.commits)
        # `prev` was checked against the cursor by the client: it had not moved.
        assert replica.seq >= before + 4


async def test_filters_with_random_values_agree_with_the_database(server, database, seed):
    """Random filters stand while rows move; at the end each holds exactly what the same condition selects."""
    generator = random.Random(seed)
    async with await Client.open(server, "owner") as owner, await Client.open(server, "sales") as sales, \
            await Client.open(server, "beautician") as beautician, await Client.open(server, "beautician2") as second:
        staff = [beautician.staff, second.staff]
        filters = []
        for _ in range(12):
            where = {}
            if generator.random() < 0.6:
                where["assigned_to"] = generator.sample([*staff, sales.staff, None], generator.randrange(1, 4))
            if generator.random() < 0.7:
                where["status"] = generator.sample(
                    ["pending", "in_progress", "completed", "cancelled"], generator.randrange(1, 4))
            filters.append((where, await owner.subscribe(["task_queue"], where or None)))
        workflows = []
        for _ in range(3):
            workflows.append(await story.ready(sales, generator.choice(staff)))
        for workflow in workflows:
            task = await story.task(sales, workflow)
            await owner.do("startTask", {"taskId": task})
            await owner.do("startTreatment", {"workflowId": workflow})
            await owner.do("completeTask", {"taskId": task, "notes": "เรียบร้อย"})
            if generator.random() < 0.5:
                await owner.do("completeTreatment", {"workflowId": workflow})
            else:
                await owner.do("abortTreatment", {"workflowId": workflow, "reason": "แพ้"})
        await owner.ping()
        for where, replica in filters:
            # Two of the same are one stream, and the later replica holds it.
            replica = owner.streams[replica.stream]
            conditions, values = ["1"], []
            for column, wanted in where.items():
                marks = ",".join("?" for value in wanted if value is not None)
                condition = f"{column} IN ({marks})"
                if None in wanted:
                    condition = f"({condition} OR {column} IS NULL)"
                conditions.append(condition)
                values += [value for value in wanted if value is not None]
            database.compare(replica, "task_queue", " AND ".join(conditions), *values)


# The sequence


async def test_the_sequence_has_no_hole_and_each_client_sees_the_same_order(server, database):
    async with await Client.open(server, "owner") as one, await Client.open(server, "admin") as two, \
            await Client.open(server, "sales") as sales:
        a, b = await one.subscribe(["customers"]), await two.subscribe(["customers"])
        for batch in range(3):
            acks = [await sales.begin("initialize", story.lead_args()) for _ in range(4)]
            seqs = [(await sales._patiently(ack))["cursor"]["seq"] for ack in acks]
            assert seqs == sorted(seqs), "commands of one connection are applied in the order sent"
        await settle(a, b)
        assert list(a.commits) == [seq for seq in b.commits]
        database.check_log(one.clinic)


async def test_the_tests_own_client_notices_a_gap():
    replica = Replica("c", ["task_queue"])
    replica.began({"stream": "s1", "mode": "snapshot", "reason": "first", "oldest": 1,
                   "cursor": {"epoch": "e", "seq": 5, "scope": "x"}})
    replica.snapshot({"stream": "s1", "seq": 5, "part": 0, "last": True, "rows": {}})
    with pytest.raises(Broken):
        replica.delta({"stream": "s1", "prev": 6, "seq": 7, "commits": [{"seq": 7, "at": 1, "changes": [
            {"table": "task_queue", "op": "put", "row": {"id": "a", "version": 1}}]}]})
