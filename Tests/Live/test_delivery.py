"""Follow-ups that really leave: from a completed treatment through a gateway to the customer, and what comes back."""

import asyncio
import json
import time
import uuid

import pytest
from aura_client import Client
from aura_server import wait_until
from database import Database, add_clinic
from delivery_house import customer, gateways_file, only_rule, treated
from exposition import scrape
from gateway_receiver import Authority, Receiver, signature
from mail_sink import PASSWORD, USER, MailSink

TOPICS = ["workflow_states", "task_queue"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def localhost(authority):
    return authority.context("localhost", "DNS:localhost", "IP:127.0.0.1")


@pytest.fixture
def receiver(localhost):
    receiver = Receiver(localhost)
    yield receiver
    receiver.stop()
    assert receiver.faults() == []


@pytest.fixture
def house(new_server, authority, tmp_path):
    """Starts a server with these gateways for every clinic."""
    def start(routes, **own):
        return new_server("--commands-per-second", 1000, "--gateways", gateways_file(
            tmp_path / "gateways.json", authority, {"*": routes, **own}))

    return start


async def enter(server):
    owner = await Client.open(server, "owner")
    # Of the commands here only some are in the schema.
    owner.is_checked = False
    owner.database = Database(server.data)
    return owner, await owner.subscribe(TOPICS)


def message(owner, identity):
    row = owner.database.one("SELECT * FROM followup_executions WHERE id=?", identity)
    return {**row, "response": json.loads(row["response"])}


async def execution_of(owner, workflow, status, seconds_max=20):
    """The case's one message, once it has this status."""
    end = time.monotonic() + seconds_max
    while True:
        row = owner.database.one("SELECT * FROM followup_executions WHERE workflow_id=?", workflow)
        if row["status"] == status:
            return row
        assert time.monotonic() < end, row
        await asyncio.sleep(0.05)


async def test_a_completed_treatment_is_asked_about_by_sms(house, receiver):
    server = house({"sms": receiver.url()})
    owner, replica = await enter(server)
    rule = await only_rule(owner)
    workflow, _, phone = await customer(owner, "แพรว")
    await treated(owner, workflow)
    row = await execution_of(owner, workflow, "sent")
    [request] = receiver.requests
    assert request.key == row["id"] and request.json["to"] == phone and row["rule_id"] == rule
    assert request.json["clinic"] == owner.clinic and request.json["text"] == "คุณแพรว ผิวเป็นอย่างไรบ้างคะ"
    assert row["provider_message_id"] == f"m-{row['id'][-6:]}" and row["attempts"] == 1 and row["lease_until"] is None
    # The first message after a treatment is what the case has waited for.
    await replica.until(lambda r: r.tables["workflow_states"][workflow]["current_stage"] == "follow_up")
    metrics = scrape(server)
    assert metrics["aura_messages_total", {"channel": "sms", "outcome": "accepted"}] == 1
    assert metrics["aura_messages_waiting"] == 0
    assert metrics["aura_timers_total", {"outcome": "fired"}] >= 1 and metrics["aura_timer_lag_seconds_count"] >= 1
    await owner.close()


async def test_each_channel_has_its_gateway_and_mail_goes_by_mail(house, receiver, localhost):
    sink = MailSink(localhost)
    mail = {"kind": "smtp", "url": sink.url(), "user": USER, "password": PASSWORD, "from": "hello@clinic.example"}
    server = house({"email": mail})
    owner, replica = await enter(server)
    await only_rule(owner, ["email"])
    workflow, _, _ = await customer(owner, "แพรว", email="praew@mail.example")
    await treated(owner, workflow)
    row = await execution_of(owner, workflow, "sent")
    [mail] = sink.parsed()
    assert mail["message-id"] == row["provider_message_id"] == f"<{row['id']}@clinic.example>"
    assert mail["to"] == "praew@mail.example" and mail["subject"].startswith("หลังทำ")
    assert mail.get_content().strip() == "คุณแพรว ผิวเป็นอย่างไรบ้างคะ"
    await owner.close()
    sink.stop()


async def test_a_mail_server_that_does_not_answer_holds_up_its_own_mail_only(house, receiver, localhost):
    sink = MailSink(localhost)
    mail = {"kind": "smtp", "url": sink.url(), "user": USER, "password": PASSWORD, "from": "hello@clinic.example"}
    server = house({"email": mail, "sms": receiver.url()})
    owner, replica = await enter(server)
    await only_rule(owner, ["email", "sms"])
    slow, _, _ = await customer(owner, email="slow@mail.example")
    await treated(owner, slow)
    wait_until(lambda: sink.mails)
    began = time.monotonic()
    for _ in range(3):
        workflow, _, _ = await customer(owner)
        await treated(owner, workflow)
        await execution_of(owner, workflow, "sent")
    assert time.monotonic() - began < 8
    assert (await execution_of(owner, slow, "sending"))["channel"] == "email"
    await owner.close()
    # Its connection is cut, and what became of the mail is its lease's to find out.
    began = time.monotonic()
    assert await asyncio.get_running_loop().run_in_executor(None, server.stop) == 0
    assert time.monotonic() - began < 13
    sink.stop()
    server.start()


async def test_mail_servers_that_do_not_answer_are_not_waited_for_one_after_the_other(
        new_server, authority, localhost, tmp_path):
    server = new_server("--commands-per-second", 1000, start=False)
    add_clinic(server.data, "CNX09", {"owner@other.aura": "clinic_owner"})
    sinks = {row["clinic_code"]: MailSink(localhost)
             for row in Database(server.data).read("SELECT clinic_code FROM clinics")}
    server.options += ["--gateways", str(gateways_file(tmp_path / "gateways.json", authority, {
        code: {"email": {"kind": "smtp", "url": sink.url(), "user": USER, "password": PASSWORD,
                         "from": "hello@clinic.example"}} for code, sink in sinks.items()}))]
    server.start()
    for who in ("owner", "owner@other.aura"):
        owner = await Client.open(server, who)
        owner.is_checked, owner.database = False, Database(server.data)
        await only_rule(owner, ["email"])
        workflow, _, _ = await customer(owner, email="slow@mail.example")
        await treated(owner, workflow)
        await owner.close()
    wait_until(lambda: all(sink.mails for sink in sinks.values()))
    began = time.monotonic()
    assert await asyncio.get_running_loop().run_in_executor(None, server.stop) == 0
    assert time.monotonic() - began < 11
    for sink in sinks.values():
        sink.stop()
    server.start()


async def test_what_one_channel_refuses_goes_by_the_next(house, receiver):
    server = house({"sms": receiver.url("404"), "email": receiver.url("accept")})
    owner, replica = await enter(server)
    await only_rule(owner, ["line", "sms", "email"])
    workflow, _, _ = await customer(owner, email="praew@mail.example")
    await treated(owner, workflow)
    row = await execution_of(owner, workflow, "sent")
    assert row["channel"] == "email"
    assert [request.json["channel"] for request in receiver.requests] == ["sms", "email"]
    await owner.close()


async def test_without_a_gateway_a_message_is_given_up_for_people_to_see(house, receiver):
    server = house({"line": receiver.url()})
    owner, replica = await enter(server)
    await only_rule(owner, ["sms"])
    workflow, _, _ = await customer(owner)
    await treated(owner, workflow)
    row = await execution_of(owner, workflow, "dead")
    assert row["last_error"] == "sms: no gateway" and receiver.requests == []
    await owner.close()


async def test_a_clinic_s_own_gateway_comes_before_everyone_s(new_server, authority, receiver, localhost, tmp_path):
    others = Receiver(localhost)
    server = new_server(start=False)
    code = Database(server.data).value("SELECT clinic_code FROM clinics")
    server.options += ["--gateways", str(gateways_file(
        tmp_path / "gateways.json", authority, {"*": {"sms": others.url()}, code: {"sms": receiver.url()}}))]
    server.start()
    owner, replica = await enter(server)
    await only_rule(owner)
    workflow, _, _ = await customer(owner)
    await treated(owner, workflow)
    await execution_of(owner, workflow, "sent")
    assert len(receiver.requests) == 1 and others.requests == []
    assert receiver.requests[0].json["clinicCode"] == code
    await owner.close()
    others.stop()


async def test_a_gateway_for_a_clinic_that_is_not_there_is_told_of_at_the_start(house, receiver):
    server = house({"sms": receiver.url()}, BKK99={"sms": receiver.url()})
    told = [line for line in server.log().splitlines() if "no clinic has the code" in line]
    assert len(told) == 1 and "BKK99" in told[0]


async def test_a_gateway_that_is_busy_is_asked_again_when_it_says(house, receiver):
    server = house({"sms": receiver.url("busy")})
    owner, replica = await enter(server)
    await only_rule(owner)
    workflow, _, _ = await customer(owner)
    await treated(owner, workflow)
    row = await execution_of(owner, workflow, "failed")
    assert row["last_error"] == "sms: the gateway answers 429"
    # It said 120 s, which is more than the minute that would have been waited.
    assert 115_000 < row["next_attempt_at"] - time.time() * 1000 < 125_000
    assert len(receiver.requests) == 1
    await owner.close()


async def test_what_runs_when_the_server_stops_is_reported_and_nothing_waits_for_the_rest(house, receiver):
    server = house({"sms": receiver.url("late")})
    receiver.late_seconds = 2
    owner, replica = await enter(server)
    await only_rule(owner)
    workflow, _, _ = await customer(owner)
    await treated(owner, workflow)
    await asyncio.get_running_loop().run_in_executor(None, receiver.wait, lambda r: r.delivered)
    await asyncio.get_running_loop().run_in_executor(None, server.stop)
    assert Database(server.data).value(
        "SELECT status FROM followup_executions WHERE workflow_id=?", workflow) == "sent"
    receiver.late_seconds = 60
    server.start()
    owner, replica = await enter(server)
    workflow, _, _ = await customer(owner)
    await treated(owner, workflow)
    await asyncio.get_running_loop().run_in_executor(None, receiver.wait, lambda r: len(r.delivered) == 2)
    began = time.monotonic()
    assert await asyncio.get_running_loop().run_in_executor(None, server.stop) == 0
    assert time.monotonic() - began < 12
    # Nobody knows what became of it: its lease does.
    assert Database(server.data).value(
        "SELECT status FROM followup_executions WHERE workflow_id=?", workflow) == "sending"
    server.start()


# What gateways tell


class Teller:
    """A gateway that tells of events, signed as it should be unless it is told otherwise."""

    def __init__(self, server, clinic, channel="sms"):
        self.server, self.clinic, self.path = server, clinic, f"/api/gateways/{channel}/events"

    def tell(self, *events, body=None, at=None, path=None, method="POST", **headers):
        """Returns (status, the answer's object)."""
        body = json.dumps({"events": list(events)}, ensure_ascii=False).encode() if body is None else body
        stamp = str(int(time.time() if at is None else at))
        sent = {"Aura-Clinic": self.clinic, "Aura-Timestamp": stamp, "Aura-Signature": signature(stamp, body)}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        sent = {name: value for name, value in sent.items() if value is not None}
        status, _, answer = self.server.http(method, path or self.path, body, sent)
        return status, json.loads(answer)

    def results(self, *events):
        status, answer = self.tell(*events)
        assert status == 200, answer
        return [result["ok"] or result["error"] for result in answer["results"]]


async def sent_message(house, receiver):
    server = house({"sms": receiver.url()})
    owner, replica = await enter(server)
    await only_rule(owner)
    workflow, person, _ = await customer(owner)
    await treated(owner, workflow)
    row = await execution_of(owner, workflow, "sent")
    return server, owner, replica, workflow, row["id"]


async def test_receipts_and_replies_come_back_once_however_often_they_are_told(house, receiver):
    server, owner, replica, workflow, identity = await sent_message(house, receiver)
    teller = Teller(server, owner.clinic)
    reply = {"execution": identity, "replyText": "ดีมากค่ะ", "sentiment": "positive", "id": "e-1"}
    assert teller.results({"execution": identity, "delivered": True}) == [True]
    row = await execution_of(owner, workflow, "delivered")
    for _ in range(3):
        assert teller.results({"execution": identity, "delivered": True}, reply) == [True, True]
    row = message(owner, identity)
    assert row["response"]["reply_text"] == "ดีมากค่ะ" and len(row["response"]["replies"]) == 1
    # The same words again are another reply when the gateway says so.
    assert teller.results({**reply, "id": "e-2"}) == [True]
    row = message(owner, identity)
    assert len(row["response"]["replies"]) == 2
    assert len([t for t in replica.tables["task_queue"].values()
                if t["workflow_id"] == workflow and t["task_type"] == "follow_up_upsell"]) == 1
    await owner.close()


async def test_what_is_not_signed_by_the_clinic_s_gateway_is_answered_401_and_nothing_else(house, receiver):
    server, owner, replica, workflow, identity = await sent_message(house, receiver)
    teller = Teller(server, owner.clinic)
    event = {"execution": identity, "replyText": "STOP"}
    now = time.time()
    version = message(owner, identity)["version"]
    wrong = [
        teller.tell(event, Aura_Signature=None), teller.tell(event, Aura_Timestamp=None),
        teller.tell(event, Aura_Clinic=None), teller.tell(event, Aura_Signature=""),
        teller.tell(event, Aura_Signature="v1=" + "0" * 64), teller.tell(event, at=now - 310),
        teller.tell(event, at=now + 310), teller.tell(event, Aura_Timestamp=str(int(now) - 1)),
        teller.tell(event, Aura_Clinic=str(uuid.uuid4())), teller.tell(event, Aura_Clinic="' OR 1=1"),
        # LINE has no gateway here, so nobody has its secret.
        teller.tell(event, path="/api/gateways/line/events"),
    ]
    assert {status for status, _ in wrong} == {401}
    assert len({json.dumps({**answer, "timestamp": None}) for _, answer in wrong}) == 1, "the answers differ"
    assert message(owner, identity)["version"] == version
    assert teller.tell(event, at=now - 290)[0] == 200
    await owner.close()


async def test_a_message_of_the_hub_s_own_is_no_event(house, receiver):
    """What the hub has signed for the gateway is signed with the same secret: turned around, it must mean nothing."""
    server, owner, replica, workflow, identity = await sent_message(house, receiver)
    request = receiver.requests[0]
    status, answer = Teller(server, owner.clinic).tell(
        body=request.body, Aura_Timestamp=request.headers["aura-timestamp"],
        Aura_Signature=request.headers["aura-signature"])
    assert status == 400
    await owner.close()


async def test_an_event_that_makes_no_sense_is_told_apart_from_those_that_do(house, receiver):
    server, owner, replica, workflow, identity = await sent_message(house, receiver)
    teller = Teller(server, owner.clinic)
    assert teller.results(
        {"execution": str(uuid.uuid4()), "delivered": True}, {"execution": identity, "opened": "yes"},
        {"execution": identity, "what": 1}, [], {"execution": identity, "id": "", "opened": True},
        {"execution": identity, "sentiment": "joyful"}, {"execution": identity, "opened": True},
    ) == ["not_found", "bad_request", "bad_request", "bad_request", "bad_request", "bad_request", True]
    for body in (b"", b"{", b"[]", b"{}", b'{"events":[]}', b'{"events":{}}', b"\xff",
                 json.dumps({"events": [{}] * 101}).encode()):
        assert teller.tell(body=body)[0] == 400, body
    assert server.http("POST", teller.path, b" " * 65_537, {})[0] == 413
    assert teller.tell({}, path="/api/gateways/fax/events")[0] == 404
    assert teller.tell({}, path="/api/gateways/sms")[0] == 404
    assert teller.tell({}, path="/api/gateways/sms/events/x")[0] == 404
    assert teller.tell({}, path="/api/gateways/call/events")[0] == 404
    assert teller.tell({}, method="PUT")[0] == 405
    # A reply longer than the hub keeps is cut, not lost.
    assert teller.results({"execution": identity, "replyText": "ยาว" * 2000}) == [True]
    await owner.close()


async def test_whoever_guesses_signatures_is_slowed_down(house, receiver):
    server, owner, replica, workflow, identity = await sent_message(house, receiver)
    teller = Teller(server, owner.clinic)
    statuses = [teller.tell({"execution": identity, "opened": True}, Aura_Signature=f"v1={n:064x}")[0]
                for n in range(40)]
    assert statuses[:30] == [401] * 30 and statuses[-1] == 429
    await owner.close()


async def test_stop_is_heard(house, receiver):
    server, owner, replica, workflow, identity = await sent_message(house, receiver)
    assert Teller(server, owner.clinic).results({"execution": identity, "replyText": "ยกเลิกค่ะ"}) == [True]
    wait_until(lambda: Database(server.data).value(
        "SELECT json_extract(consents, '$.marketing.given') FROM customer_preferences p"
        " JOIN followup_executions e ON e.customer_id = p.customer_id WHERE e.id=?", identity) == 0)
    await owner.close()
