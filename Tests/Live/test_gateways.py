"""Messages to gateways that do what gateways do, by `aura gateways`, which sends as the hub does."""

import html
import json
import re
import socket
import subprocess
import time
import uuid

import pytest
from aura_server import ROOT, executable
from gateway_receiver import SECRET, Authority, Receiver, signature
from mail_sink import PASSWORD, USER, MailSink


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


@pytest.fixture
def sink(localhost):
    sink = MailSink(localhost)
    yield sink
    sink.stop()


@pytest.fixture
def send(authority, tmp_path):
    """Sends to a webhook, or by a mail server, and returns the verdicts as (address, execution, words)."""

    def send(url, *options, to=("+66812345678",), channel="sms", seconds=8, host=None, environment=None, status=None,
             **settings):
        host = host if host is not None else {"allowPrivate": True, "ca": str(authority.ca)}
        name = re.search(r"://\[?([^/\]]+?)\]?(:\d+)?(/|$)", url)[1]
        if url.startswith("smtp"):
            route = {"kind": "smtp", "url": url, "user": USER, "password": PASSWORD, "from": "hello@clinic.example"}
            channel = "email"
        else:
            route = {"kind": "webhook", "url": url, "secret": SECRET}
        file = tmp_path / "gateways.json"
        file.write_text(json.dumps({"hosts": {name: host}, "gateways": {"*": {channel: {**route, **settings}}}}))
        command = [executable(), "gateways", file, "--channel", channel, "--seconds", seconds]
        for address in to:
            command += ["--to", address]
        done = subprocess.run(
            [str(word) for word in [*command, *options]], capture_output=True, text=True, timeout=90, env=environment)
        verdicts = [tuple(line.split(" ", 2)) for line in done.stdout.splitlines()]
        assert len(verdicts) == len(to), done
        assert done.returncode == (0 if all(v[2].startswith("accepted") for v in verdicts) else 1), done
        assert SECRET not in done.stdout + done.stderr and PASSWORD not in done.stdout + done.stderr
        return verdicts

    return send


def words(verdicts):
    assert len(verdicts) == 1
    return verdicts[0][2]


# Webhooks


def test_a_message_arrives_signed_once_and_whole(receiver, send):
    text = "สวัสดีค่ะ คุณ\"แพรว\"\nพรุ่งนี้ 11:00 👩🏽‍⚕️"
    [(_, execution, verdict)] = send(receiver.url(), "--text", text, channel="line", to=["U4af4980629"])
    assert verdict == f"accepted as m-{execution[-6:]}"
    [request] = receiver.requests
    assert request.fault is None
    assert request.json == {
        "clinic": "00000000-0000-0000-0000-000000000000", "clinicCode": "*", "execution": execution, "channel": "line",
        "to": "U4af4980629", "language": "th", "text": text, "attempt": 1}
    assert request.headers["x-line-retry-key"] == request.headers["idempotency-key"] == execution
    assert request.headers["host"] == f"localhost:{receiver.port}"
    assert set(request.headers) == {
        "host", "user-agent", "content-type", "accept", "idempotency-key", "aura-clinic", "aura-timestamp",
        "aura-signature", "x-line-retry-key", "content-length"}


@pytest.mark.parametrize("behaviour, expected", [
    ("silent", "accepted"),
    ("409", "accepted"),
    ("no-json", "accepted"),
    ("short-body", "accepted"),
    ("giant", "accepted"),
    ("slow-body", "accepted"),
    ("400", "refused: the gateway answers 400"),
    ("401", "failed: the gateway answers 401"),
    ("404", "refused: the gateway answers 404"),
    ("redirect", "refused: the gateway redirects (308); redirects are not followed"),
    ("500", "failed: the gateway answers 500"),
    ("408", "failed: the gateway answers 408"),
    ("busy", "failed: the gateway answers 429, to be tried again in 120 s"),
    ("busy-forever", "failed: the gateway answers 429, to be tried again in 86400 s"),
    ("drop", "failed: "),
    ("reset", "failed: "),
    ("late", "failed: "),
    ("slow-head", "failed: "),
    ("giant-head", "failed: the gateway's answer has too long a head"),
    ("endless-continue", "failed: the gateway's answer has too long a head"),
    ("garbage", "failed: "),
    ("cut", "failed: "),
])
def test_whatever_a_gateway_does_has_a_verdict_in_time(receiver, send, behaviour, expected):
    began = time.monotonic()
    verdict = words(send(receiver.url(behaviour), seconds=3))
    assert verdict.startswith(expected) if expected.endswith(" ") else verdict == expected
    assert time.monotonic() - began < 8
    assert receiver.faults() == []
    # A body without end is not read: what was sent is what fits into the buffers on the way.
    assert all(count < 32 << 20 for count in receiver.bytes_sent.values()), receiver.bytes_sent
    if behaviour == "redirect":
        assert len(receiver.requests) == 1, "the redirect was followed"


def test_a_date_in_retry_after_is_a_time_to_wait(receiver, send):
    verdict = words(send(receiver.url("busy-until")))
    seconds = int(re.fullmatch(r"failed: the gateway answers 503, to be tried again in (\d+) s", verdict)[1])
    assert 285 <= seconds <= 300


def test_what_was_accepted_and_not_answered_is_accepted_when_it_comes_again_and_delivered_once(receiver, send):
    execution = str(uuid.uuid4())
    assert words(send(receiver.url("drop"), "--execution", execution)).startswith("failed: ")
    assert words(send(receiver.url("drop"), "--execution", execution)) == f"accepted as m-{execution[-6:]}"
    assert receiver.asked[execution] == 2 and len(receiver.delivered) == 1


def test_many_messages_share_a_few_connections(receiver, send):
    verdicts = send(receiver.url(), to=[f"+668{n:08}" for n in range(200)])
    assert all(verdict.startswith("accepted") for _, _, verdict in verdicts)
    assert len(receiver.delivered) == 200 and set(receiver.asked.values()) == {1}
    assert receiver.connections <= 8
    assert {r.json["to"] for r in receiver.delivered.values()} == {f"+668{n:08}" for n in range(200)}


def test_a_gateway_that_never_answers_holds_no_more_than_its_share(receiver, send):
    receiver.late_seconds = 30
    began = time.monotonic()
    verdicts = send(receiver.url("late"), to=[f"+668{n:08}" for n in range(20)], seconds=2)
    assert all(verdict.startswith("failed: ") for _, _, verdict in verdicts)
    # Eight at a time, two seconds each.
    assert 5 < time.monotonic() - began < 15
    assert len(receiver.requests) == 20


# Who is spoken to


def test_a_certificate_for_another_name_is_no_certificate(authority, send):
    receiver = Receiver(authority.context("other", "DNS:other.example"))
    assert words(send(receiver.url())).startswith("failed: SSL: no alternative certificate subject name")
    assert receiver.requests == []
    receiver.stop()


def test_a_certificate_of_an_unknown_authority_is_no_certificate(receiver, send):
    verdict = words(send(receiver.url(), host={"allowPrivate": True}))
    assert verdict.startswith("failed: SSL certificate problem") and receiver.requests == []


def test_an_authority_of_ones_own_replaces_the_systems(receiver, send, authority, tmp_path):
    other = Authority(tmp_path)
    verdict = words(send(receiver.url(), host={"allowPrivate": True, "ca": str(other.ca)}))
    assert verdict.startswith("failed: SSL certificate problem") and receiver.requests == []


def test_a_gateway_without_tls_is_not_spoken_to(send):
    receiver = Receiver(None)
    assert words(send(receiver.url(), seconds=3)).startswith("failed: ")
    assert receiver.requests == []
    receiver.stop()


def local_names():
    """Names that lead to this machine or its network by the system's own resolver, and are no `localhost`."""
    for name in ("ip6-localhost", "ip6-loopback", socket.gethostname()):
        try:
            found = socket.getaddrinfo(name, 443, proto=socket.IPPROTO_TCP)
        except OSError:
            continue
        if all(entry[4][0].startswith(("127.", "10.", "172.", "192.168.", "::1")) for entry in found):
            yield name


@pytest.mark.skipif(not list(local_names()), reason="no name of this machine resolves to a private address")
def test_a_name_that_leads_inside_is_found_out_at_connect(receiver, send):
    for name in local_names():
        verdict = words(send(receiver.url(name=name), host={}))
        assert verdict == "failed: the gateway's name leads to an address that is not allowed", name
    assert receiver.connections == 0


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_an_address_inside_needs_to_be_allowed(receiver, authority, tmp_path, name, send):
    route = {"kind": "webhook", "url": receiver.url(name=name), "secret": SECRET}
    file = tmp_path / "gateways.json"
    file.write_text(json.dumps({"hosts": {name: {"ca": str(authority.ca)}}, "gateways": {"*": {"sms": route}}}))
    done = subprocess.run([executable(), "gateways", file, "--to", "x"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and f"hosts.{name} is on this machine" in done.stderr, done
    assert receiver.connections == 0
    assert words(send(receiver.url(name=name))).startswith("accepted")


def test_a_proxy_in_the_environment_is_ignored(receiver, send):
    nowhere = {name: "http://127.0.0.1:9" for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")}
    assert words(send(receiver.url(), environment=nowhere)).startswith("accepted")


def test_a_gateway_that_is_not_there_is_a_failure(send):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert words(send(f"https://localhost:{port}/")).startswith("failed: Failed to connect")
    assert words(send("https://no-such-host.invalid/", host={}, seconds=20)).startswith("failed: ")


def test_a_channel_without_a_gateway_is_refused(receiver, send):
    assert words(send(receiver.url(), "--channel", "whatsapp")) == "refused: no gateway"


def test_a_file_that_is_not_right_is_told_with_its_place(tmp_path):
    file = tmp_path / "gateways.json"
    file.write_text(json.dumps({"hosts": {}, "gateways": {"*": {"sms": {
        "kind": "webhook", "url": "https://gw.example/", "secret": SECRET}}}}))
    for command in (["gateways", file], ["serve", "--demo", "--port", "0", "--data", tmp_path / "d", "--gateways", file]):
        done = subprocess.run([executable(), *map(str, command)], capture_output=True, text=True, timeout=20)
        assert done.returncode > 0 and SECRET not in done.stderr, done
        assert f'{file}: gateways.*.sms.url goes to gw.example, which "hosts" does not list' in done.stderr, done


def documented(name):
    page = (ROOT / "public/protocol/gateways.html").read_text()
    return html.unescape(re.search(rf'id="{name}"><code>(.*?)</code>', page, re.S)[1])


def test_the_file_in_the_documentation_is_taken(tmp_path):
    file = tmp_path / "gateways.json"
    file.write_text(documented("example-file"))
    done = subprocess.run([executable(), "gateways", file], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done
    assert done.stdout.splitlines() == [
        "* email: smtp smtps://smtp.example:465 from hello@clinic.example",
        "* sms: webhook https://gateway.example:443/sms",
        "BKK01 sms: none",
        "BKK01 line: webhook https://relay.lan.example:8443/line",
    ]


def test_the_signature_in_the_documentation_is_right():
    told = dict(line.split(maxsplit=1) for line in documented("example-signature").splitlines())
    assert signature(told["timestamp"], told["body"].encode(), told["secret"]) == told["signature"]


# Mail


@pytest.mark.parametrize("starts_tls", [False, True], ids=["smtps", "starttls"])
def test_a_mail_arrives_as_any_reader_of_mail_reads_it(localhost, send, starts_tls):
    sink = MailSink(localhost, starts_tls=starts_tls)
    subject = "นัดของคุณพรุ่งนี้ 11:00 น. กับคุณหมอ ที่คลินิกออร่า สาขาสยาม"
    text = "สวัสดีค่ะ คุณแพรว\n\n.\nFrom here on: 100% \"fine\"\n" + "ยาวมาก" * 200
    link = "https://clinic.example/out?t=1"
    [(_, execution, verdict)] = send(
        sink.url(), "--text", text, "--subject", subject, "--opt-out-link", link, to=["praew@mail.example"],
        fromName="คลินิกออร่า")
    assert verdict == f"accepted as <{execution}@clinic.example>"
    [(sender, recipient, data)] = sink.mails
    assert (sender, recipient) == ("hello@clinic.example", "praew@mail.example")
    assert data.isascii() and all(len(line) <= 76 for line in data.split(b"\r\n"))
    [mail] = sink.parsed()
    assert mail["subject"] == subject and mail["from"] == "คลินิกออร่า <hello@clinic.example>"
    assert mail["to"] == "praew@mail.example" and mail["message-id"] == f"<{execution}@clinic.example>"
    assert mail["list-unsubscribe"] == f"<{link}>"
    assert abs(mail["date"].datetime.timestamp() - time.time()) < 30
    assert mail.get_content().replace("\r\n", "\n") == text
    assert mail.defects == []
    # The machine's own name is nobody's business.
    assert {c for c in sink.commands if c.startswith("EHLO")} == {"EHLO clinic.example"}
    sink.stop()


@pytest.mark.parametrize("recipient, expected", [
    ("refused-550", "refused: the mail server answers 550"),
    ("refused-450", "failed: the mail server answers 450"),
    ("late-554", "refused: the mail server answers 554"),
    ("late-451", "failed: the mail server answers 451"),
    ("drop-data", "failed: "),
    ("drop-end", "failed: "),
    ("slow", "failed: "),
])
def test_whatever_a_mail_server_does_has_a_verdict(sink, send, recipient, expected):
    began = time.monotonic()
    assert words(send(sink.url(), to=[f"{recipient}@mail.example"], seconds=3)).startswith(expected)
    assert time.monotonic() - began < 8


def test_after_a_fault_the_next_mail_is_not_mistaken_for_the_last(sink, send):
    """A reply that comes too late must not be read as that to another mail's command."""
    sink.late_seconds = 4
    verdicts = send(sink.url(), to=["slow@mail.example"] + [f"c{n}@mail.example" for n in range(30)], seconds=3)
    accepted = {address for address, _, verdict in verdicts if verdict.startswith("accepted")}
    taken = [recipient for _, recipient, _ in sink.mails]
    assert accepted <= set(taken) and len(taken) == len(set(taken))
    assert "slow@mail.example" not in accepted and len(accepted) >= 20, verdicts


def test_a_mail_that_was_taken_without_a_word_has_the_same_id_when_it_comes_again(sink, send):
    execution = str(uuid.uuid4())
    for _ in range(2):
        words(send(sink.url(), "--execution", execution, to=["drop-end@mail.example"]))
    assert {mail["message-id"] for mail in sink.parsed()} == {f"<{execution}@clinic.example>"} and len(sink.mails) == 2


def test_a_wrong_password_is_told(sink, send):
    verdict = words(send(sink.url(), to=["praew@mail.example"], password="another"))
    assert verdict.startswith("failed: the mail server answers 535") and sink.mails == []


def test_mail_does_not_leave_in_the_clear(localhost, send):
    sink = MailSink(localhost, starts_tls=True, offers_tls=False)
    assert words(send(sink.url(), to=["praew@mail.example"])).startswith("failed: ")
    assert not any(line.startswith(("AUTH", "MAIL")) for line in sink.commands)
    sink.stop()


@pytest.mark.parametrize("address", [
    "praew@mail.example\r\nRCPT TO:<x@y.example>", "praew@mail.example>", "praew", "แพรว@mail.example",
])
def test_an_address_that_is_more_than_one_goes_nowhere(sink, tmp_path, authority, address, send):
    route = {"kind": "smtp", "url": sink.url(), "from": "hello@clinic.example"}
    file = tmp_path / "gateways.json"
    file.write_text(json.dumps({
        "hosts": {"localhost": {"allowPrivate": True, "ca": str(authority.ca)}}, "gateways": {"*": {"email": route}}}))
    done = subprocess.run(
        [executable(), "gateways", file, "--channel", "email", "--to", address], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "refused: no mail address that can be written to" in done.stdout
    assert sink.connections == 0


def test_mails_share_a_connection(sink, send):
    verdicts = send(sink.url(), to=[f"c{n}@mail.example" for n in range(40)])
    assert all(verdict.startswith("accepted") for _, _, verdict in verdicts)
    assert len(sink.mails) == 40 and sink.connections <= 8
