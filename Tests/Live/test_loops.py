"""The same rules when connections are spread over several loops, each with its own thread."""

import asyncio
import random

import pytest
import story
from aura_client import Client, Replica
from database import Database


@pytest.fixture
def wide(new_server):
    return new_server("--loops", 3)


async def test_clients_of_different_loops_see_the_same_log_and_acks_after_deltas(wide, seed):
    generator = random.Random(seed)
    clients = [await Client.open(wide, name) for name in ("owner", "admin", "sales") * 4]
    topics = ["task_queue", "workflow_states", "customers"]
    replicas = [await client.subscribe(generator.sample(topics, 2)) for client in clients]
    workflow = await story.lead(clients[0])

    async def work(client):
        for n in range(12):
            await story.task(client, workflow, f"{n}")
            await asyncio.sleep(0.06)

    await asyncio.gather(*[work(client) for client in clients if client.user["memberships"][0]["role"] != "sales_staff"])
    database = Database(wide.data)
    for client, replica in zip(clients, replicas):
        await client.ping()
        for table in replica.tables:
            database.compare(replica, table)
    database.check_log(clients[0].clinic)
    for client in clients:
        await client.close()


async def test_a_revocation_reaches_the_sockets_of_every_loop(wide):
    owner = await Client.open(wide, "owner")
    tablets = [await Client.open(wide, "beautician") for _ in range(9)]
    replicas = [await tablet.subscribe(["task_queue", "clinic_staff"]) for tablet in tablets]
    ack = await owner.command("revokeMembership", {"staffId": tablets[0].staff, "reason": "ลาออก"})
    assert [await tablet.ended(2) for tablet in tablets] == [4003] * 9
    assert all(max(r.commits, default=0) < ack["cursor"]["seq"] for r in replicas)
    await owner.close()


async def test_presence_counts_devices_across_loops(wide):
    owner = await Client.open(wide, "owner")
    replica = await owner.subscribe(["presence"])
    tablets = [await Client.open(wide, "beautician") for _ in range(6)]
    who = tablets[0].user["id"]
    await replica.until(lambda r: r.present.get(who, {}).get("devices") == 6)
    for tablet in tablets[1:]:
        await tablet.close()
    await replica.until(lambda r: r.present.get(who, {}).get("devices") == 1)
    await tablets[0].close()
    await owner.close()


async def test_a_resume_may_land_on_another_loop(wide):
    owner = await Client.open(wide, "owner")
    replica = Replica(owner.clinic, ["customers", "workflow_states"])
    for _ in range(8):
        client = await Client.open(wide, "admin", [replica])
        await story.lead(owner)
        client.vanish()
        await asyncio.gather(client._task, return_exceptions=True)
        client.raise_fault()
    client = await Client.open(wide, "admin", [replica])
    await client.ping()
    for table in replica.tables:
        Database(wide.data).compare(replica, table)
    await client.close()
    await owner.close()
