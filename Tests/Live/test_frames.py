"""Bytes that no honest client sends. For each a clear error or close, nothing for the others, and no crash."""

import json
import random
import socket
import struct
import time

import pytest
from aura_client import new_key
from aura_server import wait_until
from raw_socket import BINARY, CLOSE, PING, PONG, TEXT, Closed, RawSocket


@pytest.fixture
def raw(server):
    with RawSocket(server) as connection:
        connection.welcome = connection.upgraded().hello(server.token("sales"))
        connection.clinic = connection.welcome["user"]["memberships"][0]["clinic"]
        yield connection


@pytest.fixture(autouse=True)
def nobody_else_notices(server):
    """A bystander's connection answers before and after each of these."""
    with RawSocket(server) as bystander:
        bystander.upgraded().hello(server.token("beautician"))
        yield
        bystander.send({"type": "ping", "id": 1})
        while True:
            frame = bystander.next()
            if frame["type"] == "ping":
                bystander.send({"type": "pong", "n": frame["n"]})
                continue
            assert frame == {"type": "pong", "re": 1}
            break


def ends_with(raw, code, error=None):
    closed, frames = raw.end()
    assert closed == code, (closed, frames)
    if error:
        errors = [f for f in frames if f["type"] == "error"]
        assert errors and errors[0]["code"] == error, frames
        assert frames[-1]["type"] == "bye" and frames[-1]["code"] == code, frames
    return frames


def nested(depth, opening="[", closing="]"):
    return opening * depth + closing * depth


# Malformed JSON


@pytest.mark.parametrize("text", {
    "nothing": "",
    "a blank": " ",
    "half an object": '{"type":"ping","id":1',
    "an object and more": '{"type":"ping","id":1}{"type":"ping","id":2}',
    "rubbish behind": '{"type":"ping","id":1} x',
    "an array": '[{"type":"ping","id":1}]',
    "a number": "7",
    "null": "null",
    "a text": '"ping"',
    "single quotes": "{'type':'ping','id':1}",
    "a comma too many": '{"type":"ping","id":1,}',
    "a comment": '{"type":"ping",/* */"id":1}',
    "NaN": '{"type":"ping","id":NaN}',
    "a byte-order mark": '\ufeff{"type":"ping","id":1}',
    "a duplicate name": '{"type":"ping","id":1,"id":2}',
    "a duplicate name, once escaped": '{"type":"ping","id":1,"\\u0069d":2}',
    "a duplicate name deep inside": '{"type":"ping","id":1,"x":[{"a":1,"a":1}]}',
    "an integer that does not fit": '{"type":"ping","id":1,"x":9223372036854775808}',
    "a hundred digits": '{"type":"ping","id":1,"x":' + "9" * 100 + "}",
    "a real that does not fit": '{"type":"ping","id":1,"x":1e999}',
    "a NUL escaped": '{"type":"ping","id":1,"x":"a\\u0000b"}',
    "a NUL in a name": '{"type":"ping","id":1,"a\\u0000b":1}',
    "a raw NUL": '{"type":"ping","id":1,"x":"a\x00b"}',
    "a raw newline in a text": '{"type":"ping","id":1,"x":"a\nb"}',
    "a lone high surrogate": '{"type":"ping","id":1,"x":"\\ud800"}',
    "a lone low surrogate": '{"type":"ping","id":1,"x":"\\udc00"}',
    "surrogates the wrong way round": '{"type":"ping","id":1,"x":"\\udc00\\ud800"}',
    "33 levels": '{"type":"ping","id":1,"x":' + nested(32) + "}",
    "33 levels of objects": '{"type":"ping","id":1,"x":' + '{"a":' * 32 + "1" + "}" * 32 + "}",
    "20,000 levels": '{"type":"ping","id":1,"x":' + nested(20_000) + "}",
    "20,000 openings": "[" * 20_000,
    "a bomb of small values": '{"type":"ping","id":1,"x":[' + "{}," * 20_000 + "{}]}",
    "no type": '{"id":1}',
    "a type that is no text": '{"type":7,"id":1}',
}.items(), ids=lambda item: item[0])
def test_a_frame_that_is_no_clean_json_object_is_bad_frame_and_4000(raw, text):
    raw.send(text[1])
    ends_with(raw, 4000, "bad_frame")


@pytest.mark.parametrize("text", {
    "32 levels": '{"type":"ping","id":1,"x":' + nested(31) + "}",
    "brackets in a text": '{"type":"ping","id":1,"x":"' + "[" * 5000 + '"}',
    "an escaped quote before brackets": '{"type":"ping","id":1,"x":"\\"' + "[" * 5000 + '"}',
    "the largest integer": '{"type":"ping","id":1,"x":9223372036854775807}',
    "white space around": ' \r\n\t{"type" : "ping" , "id" : 1 } \n',
    "a pair of surrogates": '{"type":"ping","id":1,"x":"\\ud83d\\ude00"}',
    "Thai": '{"type":"ping","id":1,"x":"สวัสดีค่ะ"}',
    "an escaped name": '{"\\u0074ype":"ping","id":1}',
    "four thousand values": '{"type":"ping","id":1,"x":[' + "1," * 4000 + "1]}",
}.items(), ids=lambda item: item[0])
def test_what_json_allows_is_taken(raw, text):
    raw.send(text[1])
    assert raw.next() == {"type": "pong", "re": 1}


# RFC 6455


def test_a_binary_frame_is_1003(raw):
    raw.send(b'{"type":"ping","id":1}', BINARY)
    ends_with(raw, 1003)


@pytest.mark.parametrize("data", [
    b'{"type":"ping","id":1,"x":"\xff"}', b'{"type":"ping","id":1,"x":"\xc0\x80"}',
    b'{"type":"ping","id":1,"x":"\xed\xa0\x80"}', b'{"type":"ping","id":1,"x":"\xf4\x90\x80\x80"}', b"\x80",
    b'{"type":"ping","id":1,"x":"\xe0\xb8"}',
], ids=["ff", "overlong", "surrogate", "beyond", "continuation", "cut short"])
def test_invalid_utf8_is_1007(raw, data):
    raw.send(data)
    ends_with(raw, 1007)


def test_utf8_that_is_broken_across_fragments_is_1007(raw):
    raw.send(b'{"type":"ping","id":1,"x":"\xe0', fin=False)
    raw.send(b'X"}', 0, fin=True)
    ends_with(raw, 1007)


def test_a_character_cut_by_fragments_is_whole_again(raw):
    text = '{"type":"ping","id":1,"x":"ก"}'.encode()
    cut = text.index("ก".encode()) + 1
    raw.send(text[:cut], fin=False)
    raw.send(b"", 0, fin=False)
    raw.send(b"!", PING)
    raw.send(text[cut:], 0)
    assert raw.next() == {"type": "pong", "re": 1}


def test_a_message_in_one_byte_fragments_is_one_message(raw):
    text = b'{"type":"ping","id":1}'
    raw.send_bytes(RawSocket.frame(text[:1], TEXT, fin=False))
    for at in range(1, len(text) - 1):
        raw.send_bytes(RawSocket.frame(text[at:at + 1], 0, fin=False))
    raw.send_bytes(RawSocket.frame(text[-1:], 0))
    assert raw.next() == {"type": "pong", "re": 1}


def test_a_message_in_one_byte_packets_is_one_message(raw):
    for byte in RawSocket.frame('{"type":"ping","id":1}'):
        raw.send_bytes(bytes([byte]))
        time.sleep(0.001)
    assert raw.next() == {"type": "pong", "re": 1}


def padded(size):
    head = '{"type":"ping","id":1,"x":"'
    return head + "x" * (size - len(head) - 2) + '"}'


def test_a_frame_of_exactly_the_limit_is_taken(raw):
    raw.send(padded(raw.welcome["limits"]["frame_bytes"]))
    assert raw.next() == {"type": "pong", "re": 1}


def test_a_frame_one_byte_larger_than_the_limit_is_1009(raw):
    raw.send(padded(raw.welcome["limits"]["frame_bytes"] + 1))
    ends_with(raw, 1009)


def test_fragments_that_together_are_larger_than_the_limit_are_1009(raw):
    raw.send("x" * 40_000, fin=False)
    try:
        raw.send("x" * 40_000, 0, fin=True)
    except OSError:
        pass
    ends_with(raw, 1009)


def test_fragments_without_end_are_1009_long_before_memory_is_full(raw, server):
    before = server.rss_bytes()
    raw.send("x", fin=False)
    try:
        for _ in range(2000):
            raw.send("x" * 1000, 0, fin=False)
    except OSError:
        pass
    closed, _ = raw.end()
    assert closed in (1009, None)
    assert server.rss_bytes() - before < 32 << 20


@pytest.mark.parametrize("announced", [65_537, 1 << 20, 1 << 31, 1 << 40, (1 << 63) - 1])
def test_an_announced_length_over_the_limit_is_1009_at_once(raw, announced):
    began = time.monotonic()
    raw.send(b"{", announced=announced)
    ends_with(raw, 1009)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("data", {
    "a length with its highest bit": bytes([0x81, 0xFF]) + struct.pack(">Q", 1 << 63) + b"\0\0\0\0",
    "a reserved bit": RawSocket.frame("{}", reserved=4),
    "an unknown opcode": RawSocket.frame("{}", 3),
    "an unknown control opcode": RawSocket.frame("", 11),
    "a continuation of nothing": RawSocket.frame("{}", 0),
    "a second beginning inside a message": RawSocket.frame("{", fin=False) + RawSocket.frame("{}", TEXT),
    "a ping in fragments": RawSocket.frame("x", PING, fin=False),
    "a ping of 126 bytes": RawSocket.frame("x" * 126, PING),
}.items(), ids=lambda item: item[0])
def test_a_frame_against_rfc_6455_ends_the_connection(raw, data):
    raw.send_bytes(data[1])
    closed, _ = raw.end()
    assert closed in (None, 1002, 1009, 4000), closed


def test_a_protocol_ping_is_answered_with_its_own_payload(raw):
    raw.send(b"hello?", PING)
    first, second = raw._take(2)
    assert first == 0x80 | PONG and raw._take(second & 0x7F) == b"hello?"


@pytest.mark.parametrize("payload", [b"", struct.pack(">H", 1000), struct.pack(">H", 1001) + b"bye", struct.pack(">H", 4999)],
                         ids=["empty", "1000", "1001", "4999"])
def test_a_close_is_answered_by_a_close(raw, payload):
    raw.send(payload, CLOSE)
    with pytest.raises(Closed) as closed:
        raw.next_frame()
    assert closed.value.code in (None, 1000, 1001, 4999)


def test_a_connection_that_resets_in_the_middle_of_a_frame_leaves_nothing_behind(server):
    before = server.descriptors()
    for _ in range(20):
        raw = RawSocket(server)
        raw.upgraded()
        raw.send(b'{"type":"he', announced=5000)
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.socket.close()
    wait_until(lambda: server.descriptors() <= before + 2)


def test_bytes_that_are_no_http_at_all_are_refused(server):
    for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00" * 64, b"GET\r\n\r\n", b"\r\n\r\n\r\n",
                 b"GET / HTTP/9.9\r\n\r\n", b"GET /ws HTTP/1.1\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n"):
        with RawSocket(server, timeout=8) as raw:
            try:
                raw.send_bytes(data)
                raw.socket.shutdown(socket.SHUT_WR)
                while raw.socket.recv(65536):
                    pass
            except OSError:
                pass
    assert server.is_healthy()


def test_random_damage_to_good_frames_never_hurts_the_server(server, seed):
    """Each connection is sent mutated frames until it is closed; what it answers must still be the protocol."""
    generator = random.Random(seed)
    token = server.token("sales")
    good = [
        json.dumps({"type": "hello", "id": 1, "token": token, "client": {"app": "x"}, "subscribe": []}),
        json.dumps({"type": "ping", "id": 2}),
        json.dumps({"type": "subscribe", "id": 3, "clinic": new_key(), "topics": ["task_queue"],
                    "where": {"assigned_to": ["me", None]}, "cursor": {"epoch": "a", "seq": 1, "scope": "b"}}),
        json.dumps({"type": "command", "id": 4, "key": new_key(), "clinic": new_key(), "name": "startTreatment",
                    "args": {"workflowId": new_key()}, "expect": {f"workflow_states/{new_key()}": 7}}),
        json.dumps({"type": "query", "id": 5, "clinic": new_key(), "name": "staff", "args": {}}),
        json.dumps({"type": "auth", "id": 6, "token": token}),
    ]
    pieces = ['"', "{", "}", "[", "]", ",", ":", "null", "-1", "1e308", "\\", "\\u", "\x7f", "é", "true", "0", '""']
    for _ in range(60):
        with RawSocket(server, timeout=5) as raw:
            raw.upgraded()
            if generator.random() < 0.8:
                raw.hello(token)
            try:
                for _ in range(8):
                    text = list(generator.choice(good))
                    for _ in range(generator.randrange(1, 4)):
                        at = generator.randrange(len(text))
                        action = generator.randrange(3)
                        if action == 0:
                            text[at] = generator.choice(pieces)
                        elif action == 1:
                            del text[at:at + generator.randrange(1, 12)]
                        else:
                            text[at:at] = text[generator.randrange(len(text)):][:generator.randrange(1, 20)]
                        text = list("".join(text)) or ["{"]
                    raw.send("".join(text))
                raw.send({"type": "ping", "id": 9})
                while raw.next().get("re") != 9:
                    pass
            except Closed as closed:
                assert closed.code in (4000, 4001, 4102, None, 1007), closed
            except ConnectionError:
                pass
