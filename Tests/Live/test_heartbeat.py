"""Pings of both sides: a dead link is found, a living one is left alone, and a head that is not mine is a real gap."""

import asyncio
import time

import story
from aura_client import Client
from aura_server import finish
from raw_socket import RawSocket

import pytest

PING_MS = 500


@pytest.fixture(scope="module")
def quick(fresh, tmp_path_factory):
    """A server that pings after half a second of silence."""
    server = fresh(tmp_path_factory.mktemp("quick") / "data", "--ping-ms", PING_MS).start()
    yield server
    finish(server)


async def test_after_ping_ms_of_silence_the_server_pings_with_the_heads(quick):
    async with await Client.open(quick, "owner") as owner, await Client.open(quick, "sales") as sales:
        assert owner.welcome["ping_ms"] == PING_MS
        replica = await owner.subscribe(["customers"])
        await story.lead(sales)
        ping = await owner.push("ping", 3)
        assert ping["heads"] == {replica.stream: replica.seq}
        second = await owner.push("ping", 3)
        assert second["n"] > ping["n"]


async def test_a_client_that_answers_is_left_alone(quick):
    async with await Client.open(quick, "owner") as owner:
        await asyncio.sleep(6 * PING_MS / 1000)
        assert owner.is_open and len(owner.pings) >= 2


async def test_a_client_that_does_not_answer_is_closed_with_4104(quick):
    client = await Client.open(quick, "owner")
    async with client:
        client.answers_pings = False
        began = time.monotonic()
        assert await client.ended(20) == 4104
        assert time.monotonic() - began > PING_MS / 1000


async def test_a_client_that_still_speaks_is_not_dead(quick):
    """It answers no ping, but asks one of its own now and then: any frame is a sign of life."""
    client = await Client.open(quick, "owner")
    async with client:
        client.answers_pings = False
        end = time.monotonic() + 5
        while time.monotonic() < end and client.is_open:
            await client.ping()
            await asyncio.sleep(0.2)
        assert client.is_open, client.bye


def test_a_pong_that_nobody_asked_for_does_no_harm(quick):
    with RawSocket(quick) as raw:
        raw.upgraded().hello(quick.token("sales"))
        for n in (0, 1, 12345, 2**53 - 1):
            raw.send({"type": "pong", "n": n})
        raw.send({"type": "ping", "id": 4})
        while True:
            frame = raw.next()
            if frame["type"] != "ping":
                break
        assert frame == {"type": "pong", "re": 4}


async def test_heads_agree_while_others_write(quick):
    """The client checks each ping's heads against what it holds; here there is much to be wrong about."""
    async with await Client.open(quick, "owner") as owner, await Client.open(quick, "sales") as sales:
        workflow = await story.lead(sales)
        await owner.subscribe(["task_queue"], {"workflow_id": workflow})
        await owner.subscribe(["customers"])
        await owner.subscribe(["workflow_states", "task_queue"])
        end = time.monotonic() + 4
        while time.monotonic() < end:
            await story.task(sales, workflow)
            await asyncio.sleep(0.4)
        assert len(owner.pings) >= 1


async def test_the_clients_own_ping_is_answered_at_once(server):
    async with await Client.open(server, "sales") as client:
        began = time.monotonic()
        for _ in range(20):
            await client.ping()
        assert time.monotonic() - began < 2
