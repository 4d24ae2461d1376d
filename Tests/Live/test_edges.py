"""Where two limits or two layers meet: packets that carry both, the last allowed and the first refused, half-closed lines."""

import asyncio
import base64
import json
import os
import socket
import struct
import time

import pytest
import story
from aura_client import Client, Replica, new_key
from aura_server import wait_until
from database import Database
from raw_socket import CLOSE, Closed, RawSocket


def hello_of(token, **more):
    return {"type": "hello", "id": 1, "token": token, "client": {"app": "x", "version": "1", "instance": "y"}, **more}


def test_a_hello_in_the_same_packet_as_the_upgrade_is_taken_or_the_connection_dropped(server):
    """RFC 6455, 4.1 lets nobody send before the answer; what must not happen is a silence."""
    with RawSocket(server) as raw:
        key = base64.b64encode(os.urandom(16)).decode()
        head = (f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: aura.v1.json\r\n\r\n")
        raw.send_bytes(head.encode() + RawSocket.frame(json.dumps(hello_of(server.token("sales")))))
        status, _ = raw.response_head()
        assert status == 101
        try:
            assert raw.next()["type"] == "welcome"
        except Closed:
            pass


def test_frames_behind_a_hello_that_is_not_answered_yet_are_answered_in_order(server):
    with RawSocket(server) as raw:
        raw.upgraded()
        data = RawSocket.frame(json.dumps(hello_of(server.token("sales"))))
        for n in range(2, 30):
            data += RawSocket.frame(json.dumps({"type": "ping", "id": n}))
        raw.send_bytes(data)
        assert raw.next()["type"] == "welcome"
        assert [raw.next()["re"] for _ in range(2, 30)] == list(range(2, 30))


@pytest.mark.parametrize("payload", [b"\x03", struct.pack(">H", 999), struct.pack(">H", 1005), struct.pack(">H", 1006),
                                     struct.pack(">H", 5000), struct.pack(">H", 1000) + b"\xff\xfe"],
                         ids=["one byte", "999", "1005", "1006", "5000", "no UTF-8"])
def test_a_close_frame_that_is_wrong_ends_the_connection(server, payload):
    with RawSocket(server) as raw:
        raw.upgraded().hello(server.token("sales"))
        raw.send(payload, CLOSE)
        with pytest.raises(Closed) as closed:
            while True:
                raw.next_frame()
        assert closed.value.code in (None, 1002, 1007, 1000, 999, 5000, 1005, 1006)


def test_what_follows_a_close_frame_is_not_taken(server):
    database = Database(server.data)
    with RawSocket(server) as raw:
        clinic = raw.upgraded().hello(server.token("sales"))["user"]["memberships"][0]["clinic"]
        head = database.head(clinic)
        command = {"type": "command", "id": 2, "key": new_key(), "clinic": clinic, "name": "initialize",
                   "args": story.lead_args()}
        raw.send_bytes(RawSocket.frame(struct.pack(">H", 1000), CLOSE) + RawSocket.frame(json.dumps(command)))
        with pytest.raises(Closed):
            while True:
                raw.next_frame()
    time.sleep(0.3)
    assert database.head(clinic) == head


def test_a_line_that_is_closed_one_way_is_let_go(server):
    before = server.descriptors()
    raws = []
    for _ in range(10):
        raw = RawSocket(server)
        raw.upgraded().hello(server.token("sales"))
        raw.socket.shutdown(socket.SHUT_WR)
        raws.append(raw)
    wait_until(lambda: server.descriptors() <= before + 1, 15)
    for raw in raws:
        raw.socket.close()


async def test_a_revoked_peer_that_ignores_the_close_is_not_heard_any_more(own_server):
    server = own_server
    async with await Client.open(server, "owner") as owner:
        database = Database(server.data)
        with RawSocket(server) as raw:
            welcome = raw.upgraded().hello(server.token("beautician"))
            staff = welcome["user"]["memberships"][0]["staff"]
            await owner.do("revokeMembership", {"staffId": staff, "reason": "x"})
            head = database.head(owner.clinic)
            for n in range(20):
                try:
                    raw.send({"type": "command", "id": n + 5, "key": new_key(), "clinic": owner.clinic, "name": "setDuty",
                              "args": {"duty": "break" if n % 2 else "on"}})
                except OSError:
                    break
                await asyncio.sleep(0.05)
            assert database.head(owner.clinic) == head
            code, frames = raw.end(5)
            assert code == 4003 and not [f for f in frames if f["type"] == "ack"]


# The last that is allowed, the first that is not


async def test_the_thirty_third_subscription_is_too_large_and_an_end_makes_room(server):
    async with await Client.open(server, "owner") as owner:
        workflow = await story.lead(owner)
        stages = ["lead_created", "scanned", "proposal_sent", "payment_confirmed", "treatment_scheduled", "in_treatment"]
        filters = [{"current_stage": list(chosen), "workflow_id": workflow} for n in range(1, 64)
                   if (chosen := [s for bit, s in enumerate(stages) if n >> bit & 1])]
        replicas = [await owner.subscribe(["workflow_states"], where) for where in filters[:32]]
        answer = await owner.request({
            "type": "subscribe", "clinic": owner.clinic, "topics": ["workflow_states"], "where": filters[32],
            "cursor": None}, "subscribed")
        assert answer["type"] == "error" and answer["code"] == "too_large"
        await owner.request({"type": "unsubscribe", "stream": replicas[0].stream}, "unsubscribed")
        await owner.subscribe(["workflow_states"], filters[32])
        await story.task(owner, workflow)


def test_a_hello_with_too_many_entries_is_refused(server):
    with RawSocket(server) as raw:
        raw.upgraded()
        entry = {"clinic": new_key(), "topics": ["customers"], "cursor": None}
        raw.send(hello_of(server.token("sales"), subscribe=[entry] * 200))
        code, frames = raw.end()
        assert code == 4000 and frames[0]["code"] == "bad_request"


@pytest.mark.parametrize("key, is_good", [("k" * 128, True), ("k" * 129, False), ("!", True), ("ก", False), ("a b", False),
                                          ("\t", False), ("a\x7f", False), (7, False), (None, False)], ids=repr)
async def test_a_key_is_one_to_128_printable_letters(server, key, is_good):
    async with await Client.open(server, "sales") as sales:
        frame = {"type": "command", "key": key, "clinic": sales.clinic, "name": "setDuty", "args": {"duty": "on"}}
        with RawSocket(server) as raw:
            raw.upgraded().hello(server.token("sales"))
            raw.send({**frame, "id": 2})
            answer = raw.next()
        assert answer["type"] == ("ack" if is_good else "error"), answer


async def test_the_same_words_in_other_order_are_the_same_stream(server):
    async with await Client.open(server, "owner") as one, await Client.open(server, "admin") as two:
        a = await one.subscribe(["task_queue", "customers"], {"status": ["pending", "completed"]})
        b = await two.subscribe(["customers", "task_queue", "customers"], {"status": ["completed", "pending", "pending"]})
        assert a.cursor["scope"] == b.cursor["scope"]
        assert a.tables == b.tables


async def test_nobody_else_pays_for_forty_who_read_nothing(new_server):
    """Each has a backlog of many megabytes; what the server keeps for them does not grow with it."""
    server = new_server("--commands-per-second", 1000)
    sales = await Client.open(server, "sales")
    workflow = await story.lead(sales)
    raws = []
    for _ in range(40):
        raw = RawSocket(server, receive_buffer=4096)
        raw.upgraded()
        entry = {"clinic": sales.clinic, "topics": ["task_queue"], "cursor": None}
        raw.send(hello_of(server.token("owner"), subscribe=[entry]))
        raws.append(raw)
    for raw in raws:
        while raw.next()["type"] != "snapshot":
            pass
    before = server.rss_bytes()
    text = "ย" * 3900
    for _ in range(10):
        acks = [await sales.begin("createTask", story.task_args(workflow, description=text)) for _ in range(30)]
        for ack in acks:
            assert (await sales._patiently(ack, 20))["ok"]
    grown = server.rss_bytes() - before
    # Some read a little and stop again: whatever is fetched for them from the disk must be bounded too.
    for raw in raws:
        raw.socket.recv(200_000)
    await asyncio.sleep(2)
    later = server.rss_bytes() - before
    for raw in raws:
        raw.socket.close()
    assert grown < 60 << 20, f"{grown >> 20} MiB"
    assert later < 120 << 20, f"{later >> 20} MiB after they read a little"
    await sales.close()


async def test_a_cursor_that_a_client_kept_through_many_sessions_of_nothing_still_resumes(server):
    async with await Client.open(server, "owner") as owner:
        replica = Replica(owner.clinic, ["loyalty_redemptions"])
    for _ in range(5):
        async with await Client.open(server, "owner", [replica]) as owner:
            await story.lead(owner)
    assert replica.mode == "resume"
