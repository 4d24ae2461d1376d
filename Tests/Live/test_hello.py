"""From the handshake to `welcome`, and what is refused on the way."""

import asyncio
import json
import time

import pytest
from aura_client import Broken, Client, new_key
from raw_socket import RawSocket

ID_MAX = 2**53 - 1


# The handshake


@pytest.mark.parametrize("name, change", {
    "no subprotocol": dict(subprotocol=None),
    "another subprotocol": dict(subprotocol="aura.v2.json"),
    "a foreign origin": dict(headers={"Origin": "https://evil.example"}),
    "a null origin": dict(headers={"Origin": "null"}),
    "an origin that begins like ours": dict(headers={"Origin": "http://127.0.0.1.evil.example"}),
    "no version": dict(without=("Sec-WebSocket-Version",)),
    "a wrong version": dict(without=("Sec-WebSocket-Version",), headers={"Sec-WebSocket-Version": "8"}),
    "no key": dict(without=("Sec-WebSocket-Key",)),
    "a short key": dict(without=("Sec-WebSocket-Key",), headers={"Sec-WebSocket-Key": "c2hvcnQ="}),
    "POST": dict(method="POST", headers={"Content-Length": "0"}),
    "HTTP/1.0": dict(version="HTTP/1.0"),
    "two hosts": dict(headers=[("Host", "evil.example")]),
    "another path": dict(path="/socket"),
    "a path below": dict(path="/ws/deeper"),
    "the echo that was not switched on": dict(path="/echo"),
    "h2c": dict(without=("Upgrade", "Connection"), headers={
        "Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAMAAABkAAQAAP__"}),
}.items(), ids=lambda value: value if isinstance(value, str) else "")
def test_an_upgrade_that_is_not_exactly_ours_is_refused_with_a_status(server, name, change):
    with RawSocket(server) as raw:
        status, _ = raw.upgrade(**change)
    assert status is not None, "dropped without an answer"
    assert status != 101 and (status == 200 or 400 <= status < 500 or status == 505), status
    if status == 200:
        assert name == "h2c", "a page instead of a refusal"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_upgrade_from_our_own_origin_is_taken(server, host):
    with RawSocket(server) as raw:
        own = f"{host}:{server.port}"
        status, headers = raw.upgrade(without=("Host",), headers=[("Host", own), ("Origin", f"http://{own}")])
    assert status == 101
    assert headers["sec-websocket-protocol"] == "aura.v1.json"
    assert "sec-websocket-extensions" not in headers


def test_ours_among_several_subprotocols_is_chosen(server):
    with RawSocket(server) as raw:
        status, headers = raw.upgrade(subprotocol="chat, aura.v1.json")
    assert (status, headers.get("sec-websocket-protocol")) == (101, "aura.v1.json")


def test_compression_is_not_negotiated_even_when_offered(server):
    with RawSocket(server) as raw:
        status, headers = raw.upgrade(headers={"Sec-WebSocket-Extensions": "permessage-deflate"})
    assert status == 101 and "sec-websocket-extensions" not in headers


def test_a_foreign_origin_on_the_allow_list_is_taken(new_server):
    server = new_server("--allow-origin", "https://desk.example")
    with RawSocket(server) as raw:
        assert raw.upgrade(headers={"Origin": "https://desk.example"})[0] == 101
    with RawSocket(server) as raw:
        assert raw.upgrade(headers={"Origin": "https://desk.example.evil"})[0] == 403


# Hello


async def test_hello_is_answered_by_a_welcome_that_says_who_and_how_much(server):
    async with await Client.open(server, "sales") as client:
        welcome = client.welcome
        assert welcome["re"] == 1
        assert [m["role"] for m in welcome["user"]["memberships"]] == ["sales_staff"]
        assert all({"clinic", "role", "staff"} <= set(m) for m in welcome["user"]["memberships"])
        assert welcome["expires_at"] > time.time() * 1000
        assert {"frame_bytes", "in_flight", "commands_per_second"} <= set(welcome["limits"])
        assert welcome["limits"]["frame_bytes"] == 65536
        assert welcome["ping_ms"] > 0
        assert welcome["server"]["version"]


async def test_a_customer_or_stranger_field_in_hello_does_not_make_anyone_more(server):
    client = await Client.dial(server)
    async with client:
        client.is_checked = False
        answer = await client.request({
            "type": "hello", "token": server.token("beautician"), "client": {"app": "x", "version": "1", "instance": "y"},
            "role": "clinic_owner", "user": {"role": "clinic_owner"}}, "welcome")
        if answer["type"] == "welcome":
            assert [m["role"] for m in answer["user"]["memberships"]] == ["clinic_staff"]


async def test_hello_subscribes_in_one_round_trip_and_names_each_entry(server):
    from aura_client import Replica
    async with await Client.open(server, "sales") as first:
        clinic = first.clinic
    replicas = [Replica(clinic, ["task_queue"]), Replica(clinic, ["workflow_states", "customers"])]
    async with await Client.open(server, "sales", replicas) as client:
        answers = [f for f in client.received if f["type"] == "subscribed"]
        assert sorted(f["index"] for f in answers) == [0, 1]
        assert all(f["re"] == 1 for f in answers)
        assert len({f["stream"] for f in answers}) == 2
        assert [r.reason for r in replicas] == ["first", "first"]


def test_one_bad_entry_of_hello_does_not_spoil_the_others(server):
    with RawSocket(server) as raw:
        raw.upgraded()
        welcome = raw.hello(server.token("sales"))
        mine = welcome["user"]["memberships"][0]["clinic"]
    with RawSocket(server) as raw:
        raw.upgraded()
        raw.send({
            "type": "hello", "id": 5, "token": server.token("sales"),
            "client": {"app": "x", "version": "1", "instance": "y"},
            "subscribe": [
                {"clinic": server.other_clinic, "topics": ["task_queue"], "cursor": None},
                {"clinic": mine, "topics": ["task_queue"], "cursor": None},
                {"clinic": mine, "topics": ["no_such_table"], "cursor": None},
            ]})
        assert raw.next()["type"] == "welcome"
        answers = {}
        while len(answers) < 3:
            frame = raw.next()
            if frame["type"] in ("error", "subscribed"):
                assert frame["re"] == 5
                answers[frame["index"]] = frame
        assert answers[0]["type"] == "error" and answers[0]["code"] == "forbidden"
        assert answers[1]["type"] == "subscribed"
        assert answers[2]["type"] == "error" and answers[2]["code"] == "bad_request"


@pytest.mark.parametrize("frame", [
    {"type": "subscribe", "id": 1, "clinic": "x", "topics": ["task_queue"], "cursor": None},
    {"type": "command", "id": 1, "key": new_key(), "clinic": "x", "name": "startTreatment", "args": {}},
    {"type": "ping", "id": 1},
    {"type": "pong", "n": 1},
    {"type": "auth", "id": 1, "token": "x"},
    {"type": "nonsense", "id": 1},
], ids=lambda frame: frame["type"])
def test_a_frame_before_hello_is_an_error_and_the_end(server, frame):
    with RawSocket(server) as raw:
        raw.upgraded().send(frame)
        code, frames = raw.end()
    assert code == 4000
    assert [f["type"] for f in frames] == ["error", "bye"]
    assert frames[1]["code"] == 4000


def test_hello_twice_is_an_error_and_the_end(server):
    with RawSocket(server) as raw:
        raw.upgraded().hello(server.token("sales"))
        raw.send({"type": "hello", "id": 2, "token": server.token("sales"),
                  "client": {"app": "x", "version": "1", "instance": "y"}})
        code, frames = raw.end()
    assert code == 4000
    assert [f["type"] for f in frames] == ["error", "bye"]


def test_two_hellos_in_one_packet_are_one_welcome_at_most_and_the_end(server):
    hello = {"type": "hello", "id": 1, "token": server.token("sales"),
             "client": {"app": "x", "version": "1", "instance": "y"}}
    with RawSocket(server) as raw:
        raw.upgraded()
        raw.send_bytes(RawSocket.frame(json.dumps(hello)) + RawSocket.frame(json.dumps({**hello, "id": 2})))
        code, frames = raw.end()
    assert code == 4000
    assert len([f for f in frames if f["type"] == "welcome"]) <= 1


@pytest.mark.parametrize("token, code", [
    ("", None), ("garbage", "unauthenticated"), ("a.b.c", "unauthenticated"), (None, None), (7, None),
], ids=["empty", "garbage", "three parts", "null", "a number"])
def test_hello_without_a_good_token_is_closed_with_4001(server, token, code):
    with RawSocket(server) as raw:
        raw.upgraded()
        raw.send({"type": "hello", "id": 1, "token": token, "client": {"app": "x", "version": "1", "instance": "y"}})
        closed, frames = raw.end()
    assert frames[0]["type"] == "error" and frames[0].get("re") == 1
    if code:
        assert (closed, frames[0]["code"]) == (4001, code)
    else:
        assert closed in (4000, 4001)


# Ids


@pytest.mark.parametrize("identity", [-1, ID_MAX + 1, 1.5, 1.0, "1", None, True, [1], {"a": 1}], ids=repr)
def test_an_id_that_is_no_integer_of_53_bits_is_refused(server, identity):
    with RawSocket(server) as raw:
        raw.upgraded().hello(server.token("sales"))
        raw.send({"type": "ping", "id": identity})
        answer = raw.next()
        assert answer["type"] == "error" and answer["code"] in ("bad_frame", "bad_request"), answer


@pytest.mark.parametrize("identity", [0, ID_MAX])
async def test_the_smallest_and_the_largest_id_are_answered(server, identity):
    async with await Client.open(server, "sales") as client:
        answer = await client.request({"type": "ping", "id": identity}, "pong")
        assert answer == {"type": "pong", "re": identity}


async def test_an_id_may_be_used_again_once_it_is_answered(server):
    async with await Client.open(server, "sales") as client:
        for _ in range(3):
            await client.request({"type": "ping", "id": 77}, "pong")


def test_an_id_that_is_still_in_flight_is_refused(server):
    """Both are answered; one of the answers is an error, since nobody could tell the two apart."""
    with RawSocket(server) as raw:
        welcome = raw.upgraded().hello(server.token("sales"))
        clinic = welcome["user"]["memberships"][0]["clinic"]
        query = json.dumps({"type": "query", "id": 9, "clinic": clinic, "name": "staff", "args": {}})
        raw.send_bytes(RawSocket.frame(query) * 1 + RawSocket.frame(query))
        answers = [raw.next(), raw.next()]
    assert all(a["re"] == 9 for a in answers)
    assert sorted(a["type"] for a in answers) == ["error", "result"], answers


def test_a_request_without_id_is_refused_and_the_connection_stays(server):
    with RawSocket(server) as raw:
        raw.upgraded().hello(server.token("sales"))
        raw.send({"type": "query", "clinic": "x", "name": "staff", "args": {}})
        answer = raw.next()
        assert answer["type"] == "error" and answer["code"] in ("bad_frame", "bad_request")
        raw.send({"type": "ping", "id": 3})
        assert raw.next() == {"type": "pong", "re": 3}


# What is unknown is an error, and the connection stays


@pytest.mark.parametrize("frame, code", [
    ({"type": "no_such_type"}, {"unknown_type"}),
    ({"type": ""}, {"unknown_type", "bad_request"}),
    ({"type": "welcome"}, {"unknown_type"}),
    ({"type": "command", "key": "K", "clinic": "CLINIC", "name": "dropTables", "args": {}}, {"unknown_command"}),
    ({"type": "command", "key": "K", "clinic": "CLINIC", "name": "", "args": {}}, {"unknown_command", "bad_request"}),
    ({"type": "query", "clinic": "CLINIC", "name": "sql", "args": {}}, {"unknown_command", "bad_request"}),
    ({"type": "subscribe", "clinic": "CLINIC", "topics": ["users"], "cursor": None}, {"bad_request", "forbidden"}),
    ({"type": "subscribe", "clinic": "CLINIC", "topics": ["sys_sessions"], "cursor": None}, {"bad_request"}),
    ({"type": "subscribe", "clinic": "CLINIC", "topics": [], "cursor": None}, {"bad_request"}),
    ({"type": "subscribe", "clinic": "CLINIC", "topics": "task_queue", "cursor": None}, {"bad_request", "bad_frame"}),
    ({"type": "subscribe", "clinic": "CLINIC", "topics": ["task_queue"], "where": {"password_hash": "x"},
      "cursor": None}, {"bad_request"}),
    ({"type": "subscribe", "clinic": "CLINIC", "topics": ["task_queue"], "where": {"user_id": "me"},
      "cursor": None}, {"bad_request"}),
    ({"type": "subscribe", "clinic": "CLINIC", "topics": ["task_queue"], "where": {"status": {"$ne": 1}},
      "cursor": None}, {"bad_request"}),
    ({"type": "subscribe", "clinic": "CLINIC", "topics": ["task_queue"], "where": ["status"], "cursor": None},
     {"bad_request", "bad_frame"}),
    ({"type": "subscribe", "clinic": "CLINIC", "topics": ["task_queue"], "cursor": "7"}, {"bad_request", "bad_frame"}),
    ({"type": "subscribe", "clinic": "CLINIC", "topics": ["task_queue"],
      "cursor": {"epoch": 1, "seq": "x"}}, {"bad_request", "bad_frame"}),
    ({"type": "subscribe", "clinic": "CLINIC", "topics": ["task_queue"],
      "cursor": {"epoch": "a", "seq": -1, "scope": "b"}}, {"bad_request", "bad_frame"}),
    ({"type": "subscribe", "clinic": 5, "topics": ["task_queue"], "cursor": None}, {"bad_request", "bad_frame"}),
    ({"type": "subscribe", "clinic": "not an id", "topics": ["task_queue"], "cursor": None},
     {"bad_request", "bad_frame", "forbidden"}),
    ({"type": "unsubscribe", "stream": "s999999"}, {"bad_request", "not_found"}),
    ({"type": "auth"}, {"bad_request", "bad_frame"}),
    ({"type": "command", "clinic": "CLINIC", "name": "startTreatment", "args": {}}, {"bad_request", "bad_frame"}),
    ({"type": "command", "key": "", "clinic": "CLINIC", "name": "startTreatment", "args": {}},
     {"bad_request", "bad_frame"}),
    ({"type": "command", "key": "no uuid", "clinic": "CLINIC", "name": "startTreatment", "args": {}},
     {"bad_request", "bad_frame"}),
    ({"type": "command", "key": "K", "clinic": "CLINIC", "name": "startTreatment", "args": []},
     {"bad_request", "bad_frame"}),
    ({"type": "command", "key": "K", "clinic": "CLINIC", "name": "startTreatment", "args": {}}, {"bad_request"}),
    ({"type": "command", "key": "K", "clinic": "CLINIC", "name": "startTreatment", "args": {"workflowId": "x"}},
     {"bad_request"}),
    ({"type": "command", "key": "K", "clinic": "CLINIC", "name": "createTask",
      "args": {"workflowId": "00000000-0000-7000-8000-000000000000", "type": "no_such", "title": "x"}},
     {"bad_request"}),
    ({"type": "command", "key": "K", "clinic": "CLINIC", "name": "closeCase",
      "args": {"workflowId": "00000000-0000-7000-8000-000000000000"}, "expect": {"workflow_states": 7}},
     {"bad_request"}),
    ({"type": "command", "key": "K", "clinic": "CLINIC", "name": "closeCase",
      "args": {"workflowId": "00000000-0000-7000-8000-000000000000"}, "expect": {"no_table/x": 7}},
     {"bad_request"}),
], ids=lambda value: json.dumps(value)[:90] if isinstance(value, dict) else "")
def test_what_is_unknown_is_an_error_and_the_connection_stays(server, frame, code):
    with RawSocket(server) as raw:
        welcome = raw.upgraded().hello(server.token("sales"))
        clinic = welcome["user"]["memberships"][0]["clinic"]
        text = json.dumps({**frame, "id": 2}).replace("CLINIC", clinic).replace('"K"', json.dumps(new_key()))
        raw.send(text)
        answer = raw.next()
        assert answer["re"] == 2, answer
        if answer["type"] == "error":
            assert answer["code"] in code, answer
            assert answer["message"]
        else:
            assert answer["type"] in ("ack", "result") and not answer["ok"], answer
            assert answer["error"]["code"] in code, answer
        raw.send({"type": "ping", "id": 3})
        assert raw.next() == {"type": "pong", "re": 3}


async def test_unknown_fields_of_a_known_frame_do_no_harm(server):
    async with await Client.open(server, "sales") as client:
        client.is_checked = False
        assert (await client.request({"type": "ping", "colour": "blue"}, "pong"))["type"] == "pong"


async def test_the_checking_client_would_notice_an_answer_that_is_missing(server):
    """The tests' own client: patience has an end."""
    async with await Client.open(server, "sales") as client:
        future = client._expect(4242, "pong")
        with pytest.raises(Broken):
            await client._patiently(future, 0.2)
        await asyncio.sleep(0)
