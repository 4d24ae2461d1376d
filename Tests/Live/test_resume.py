"""Coming back: after a second, a restart, a kill; with a cursor that still holds, or one that no longer does."""

import asyncio
import random

import pytest
import story
from aura_client import TABLES, Client, Replica
from database import Database

TOPICS = ["task_queue", "workflow_states", "customers", "workflow_actions"]


async def write_some(server, count=5):
    async with await Client.open(server, "sales") as sales:
        for n in range(count):
            workflow = await story.lead(sales)
            await story.task(sales, workflow, f"{n}")


def equal_to_database(server, *replicas):
    database = Database(server.data)
    for replica in replicas:
        for table in replica.tables:
            database.compare(replica, table)


async def test_a_client_that_comes_back_resumes_and_misses_nothing(server):
    replica = Replica(None, TOPICS)
    async with await Client.open(server, "owner") as owner:
        replica.clinic = owner.clinic
        await owner.subscribe(None, replica=replica)
    await write_some(server)
    async with await Client.open(server, "owner", [replica]) as owner:
        assert replica.mode == "resume"
        await owner.ping()
        equal_to_database(server, replica)


async def test_a_client_that_vanished_in_the_middle_resumes_where_it_stood(server, seed):
    generator = random.Random(seed)
    async with await Client.open(server, "owner") as owner:
        clinic = owner.clinic
    replica = Replica(clinic, TOPICS)
    writing = asyncio.create_task(write_some(server, 8))
    for _ in range(6):
        client = await Client.open(server, "owner", [replica])
        await asyncio.sleep(generator.random() * 0.1)
        client.vanish()
        await asyncio.gather(client._task, return_exceptions=True)
        client.raise_fault()
    await writing
    async with await Client.open(server, "owner", [replica]) as owner:
        assert replica.mode == "resume"
        await owner.ping()
        equal_to_database(server, replica)


async def test_a_resume_at_the_head_sends_nothing(server):
    async with await Client.open(server, "owner") as owner:
        replica = await owner.subscribe(TOPICS)
    async with await Client.open(server, "owner", [replica]) as owner:
        assert replica.mode == "resume"
        await owner.ping()
        assert [f["type"] for f in owner.received if f["type"] in ("snapshot", "delta")] == []


async def test_a_resume_after_an_orderly_restart_goes_on_without_a_snapshot(new_server):
    server = new_server()
    async with await Client.open(server, "owner") as owner:
        replica = await owner.subscribe(TOPICS)
    await write_some(server, 3)
    server.restart()
    await write_some(server, 2)
    async with await Client.open(server, "owner", [replica]) as owner:
        assert replica.mode == "resume"
        await owner.ping()
        equal_to_database(server, replica)


async def test_an_orderly_stop_says_bye_and_when_to_come_back(new_server):
    server = new_server()
    clients = [await Client.open(server, "owner") for _ in range(5)]
    stopping = asyncio.get_running_loop().run_in_executor(None, server.stop)
    codes = [await client.ended() for client in clients]
    assert await stopping == 0
    assert codes == [4100] * 5
    assert all(client.bye["code"] == 4100 and client.bye["reconnect_ms"] >= 0 for client in clients)
    assert len({client.bye["reconnect_ms"] for client in clients}) > 1, "everyone comes back at the same moment"


async def test_a_resume_after_kill_nine_goes_on_without_a_snapshot(new_server):
    server = new_server()
    async with await Client.open(server, "owner") as owner:
        replica = await owner.subscribe(TOPICS)
        await write_some(server, 3)
        server.kill()
        await owner._ended.wait()
    server.start()
    await write_some(server, 2)
    async with await Client.open(server, "owner", [replica]) as owner:
        assert replica.mode == "resume"
        await owner.ping()
        equal_to_database(server, replica)


async def test_replay_from_the_very_first_commit_equals_the_database(new_server):
    """The log from the oldest that is kept, laid over nothing, gives what the snapshot gives."""
    server = new_server()
    await write_some(server, 6)
    async with await Client.open(server, "owner") as owner:
        snapshot = await owner.subscribe(["task_queue", "workflow_actions"])
        replayed = Replica(owner.clinic, ["task_queue", "workflow_actions"])
        replayed.cursor = {**snapshot.cursor, "seq": 0}
        async with await Client.open(server, "owner", [replayed]) as second:
            if replayed.mode == "resume":
                await replayed.until_seq(max(replayed.seq, snapshot.seq))
                await second.ping()
                demo = {t: set(snapshot.tables[t]) - set(replayed.tables[t]) for t in replayed.tables}
                for table in replayed.tables:
                    for identity, row in replayed.tables[table].items():
                        assert snapshot.tables[table][identity] == row
                assert not any(demo.values()) or all(
                    r in snapshot.tables[t] for t, rows in demo.items() for r in rows)
            else:
                assert replayed.reason in ("cheaper", "too_old")
                assert replayed.tables == snapshot.tables


# Snapshots with a reason


@pytest.mark.parametrize("change, reason", [
    ({"epoch": "another"}, "epoch"), ({"scope": "another"}, "scope"), ({"seq": 10**9}, "ahead"),
    ({"seq": 2**53 - 1}, "ahead"),
], ids=["epoch", "scope", "ahead", "far ahead"])
async def test_a_cursor_that_does_not_hold_gets_a_snapshot_and_why(server, change, reason):
    async with await Client.open(server, "owner") as owner:
        replica = await owner.subscribe(TOPICS)
    replica.cursor = {**replica.cursor, **change}
    async with await Client.open(server, "owner", [replica]) as owner:
        assert (replica.mode, replica.reason) == ("snapshot", reason)
        await owner.ping()
        equal_to_database(server, replica)


async def test_a_cursor_of_another_role_gets_a_snapshot_because_of_its_scope(server):
    async with await Client.open(server, "owner") as owner:
        replica = await owner.subscribe(["workflow_states", "customers"])
    async with await Client.open(server, "beautician", [replica]) as beautician:
        assert (replica.mode, replica.reason) == ("snapshot", "scope")
        assert beautician.is_open


async def test_a_cursor_from_before_what_the_log_keeps_gets_a_snapshot_too_old(new_server):
    """The log is cut while the server is down, as retention would cut it."""
    server = new_server()
    async with await Client.open(server, "owner") as owner:
        replica = await owner.subscribe(TOPICS)
    await write_some(server, 6)
    server.stop()
    database = Database(server.data)
    head = database.head(replica.clinic)
    with database.writing() as connection:
        for trigger in connection.execute(
                "SELECT name FROM sqlite_master WHERE type='trigger' AND tbl_name='sys_changes'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger['name']}")
        connection.execute("DELETE FROM sys_changes WHERE clinic_id=? AND seq<?", (replica.clinic, head - 2))
    server.start()
    async with await Client.open(server, "owner", [replica]) as owner:
        assert (replica.mode, replica.reason) == ("snapshot", "too_old")
        answer = [f for f in owner.received if f["type"] == "subscribed"][0]
        assert answer["oldest"] == head - 2
        equal_to_database(server, replica)
    edge = Replica(replica.clinic, TOPICS)
    edge.cursor = {**replica.cursor, "seq": head - 3}
    async with await Client.open(server, "owner", [edge]):
        assert edge.mode == "resume", "the commit after the cursor is still there"
    edge.cursor = {**replica.cursor, "seq": head - 4}
    async with await Client.open(server, "owner", [edge]):
        assert (edge.mode, edge.reason) == ("snapshot", "too_old")


async def test_many_replicas_of_all_kinds_resume_together_in_one_hello(server):
    replicas = []
    async with await Client.open(server, "owner") as owner:
        for table in TABLES[:8]:
            replicas.append(await owner.subscribe([table]))
    await write_some(server, 3)
    async with await Client.open(server, "owner", replicas) as owner:
        await owner.ping()
        assert {replica.mode for replica in replicas} == {"resume"}
        database = Database(server.data)
        for replica in replicas:
            for table in replica.tables:
                if table != "notifications":
                    database.compare(replica, table)


async def test_a_client_that_sees_a_gap_may_subscribe_again_on_the_same_connection(server):
    async with await Client.open(server, "owner") as owner:
        replica = await owner.subscribe(["task_queue"])
        await write_some(server, 2)
        await owner.ping()
        behind = Replica(owner.clinic, ["task_queue"])
        behind.tables = {"task_queue": {}}
        behind.cursor = {**replica.cursor, "seq": replica.seq - 1}
        behind.columns = {}
        await owner.subscribe(None, replica=behind)
        await owner.ping()
        assert behind.seq == replica.seq
