"""How a hub is run: stopped, stopped twice, reloaded, read in its log; and that who is refused does not stop who is served."""

import asyncio
import json
import os
import re
import signal
import ssl
import subprocess
import time
import urllib.parse

import story
from aura_client import Client
from aura_server import executable, wait_until
from database import Database
from exposition import scrape

CERTIFICATE_DAYS = "2"


def lines_of(server):
    return [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]


def find(server, message, **fields):
    return [line for line in lines_of(server)
            if line["message"] == message and all(line.get(k) == v for k, v in fields.items())]


# The log


async def test_a_connection_and_a_command_are_a_line_each_with_ids_and_durations(new_server):
    server = new_server()
    async with await Client.open(server, "sales") as sales:
        ack = await sales.command("initialize", story.lead_args())
        await sales.refused("checkIn", {"workflowId": ack["result"]["workflowId"]})
        user, clinic = sales.user["id"], sales.clinic
    wait_until(lambda: find(server, "closed"))
    opened, welcome, closed = (find(server, name)[0] for name in ("opened", "welcome", "closed"))
    assert opened["connection"] == welcome["connection"] == closed["connection"]
    assert welcome["user"] == closed["user"] == user
    assert (closed["code"], closed["commands"], closed["unanswered"]) == ("1000", "2", "0")
    assert int(closed["received"]) >= 3 and int(closed["sent"]) >= 3
    done, refused = find(server, "command")
    assert (done["command"], done["outcome"], done["clinic"], done["user"]) == ("initialize", "ok", clinic, user)
    assert done["seq"] == str(ack["cursor"]["seq"]) and float(done["ms"]) >= 0
    assert refused["command"] == "checkIn" and refused["outcome"] not in ("ok", "duplicate") and "seq" not in refused


async def test_nothing_of_a_person_and_no_token_is_in_the_log_of_a_busy_day(new_server):
    server = new_server("--log-level", "trace")
    refresh = server.login("owner")[1].split("=", 1)[1]
    tokens = [server.token(name) for name in ("sales", "owner", "beautician")]
    sales, owner, beautician = [
        await Client.open(server, name) for name in ("sales", "owner", "beautician")]
    replica = await owner.subscribe(["workflow_states", "customers", "task_queue", "notifications"])
    for number in range(20):
        arguments = story.lead_args(f"สมหญิง ลับมาก {number}")
        arguments["customerData"].update(email=f"secret{number}@private.example", phone=f"0899{number:06d}")
        answer = await sales.command("initialize", arguments)
        assert answer["ok"], answer
        workflow = answer["result"]["workflowId"]
        await sales.command("initialize", arguments)
        await story.paid(sales, workflow, beautician.staff)
        await story.task(sales, workflow, "บันทึกลับ call about the allergy")
        await sales.refused("checkIn", {"workflowId": "สมหญิง"})
        await sales.query("customers", {"search": "ลับมาก"})
    await owner.ping()
    await sales.send("{ broken ลับมาก")
    server.http("POST", "/api/auth/login", {"email": "secret0@private.example", "password": "a-wrong-password"})
    server.http("GET", "/api/" + urllib.parse.quote("ลับมาก") + "?token=abc")
    for client in (owner, beautician):
        await client.close()
    sales.vanish()
    server.stop()
    log = server.log()
    assert len(find(server, "command")) >= 80, "the log has seen the day"
    forbidden = ["ลับ", "สมหญิง", "private.example", "0899", "allergy", "demo.aura", "a-wrong-password", server.password,
                 refresh, *tokens]
    database = Database(server.data)
    people = [row["name"] for row in database.read("SELECT full_name AS name FROM users") + database.read("SELECT full_name AS name FROM customers")]
    for word in forbidden + [name for name in people if len(name) > 3]:
        assert word not in log, word
    assert not re.search(r"eyJ[\w-]{10,}\.", log), "a token"
    assert replica.commits


def test_lines_are_text_when_asked_for(new_server):
    server = new_server("--log-format", "text")
    server.stop()
    assert re.search(r"^\d\d:\d\d:\d\d\.\d{3}Z INFO server: stopped$", server.log(), re.M), server.log()


# Stopping


async def test_sigterm_under_load_answers_what_was_taken_and_gives_each_a_time_to_come_back(new_server):
    server = new_server("--commands-per-second", 1000, "--commands-per-user", 10000)
    clients = [await Client.open(server, name) for name in ("sales", "owner", "admin") * 4]
    acked, refused = [], 0
    stopping = asyncio.Event()

    async def write(client):
        nonlocal refused
        while client.is_open:
            try:
                answers = [await client.begin("initialize", story.lead_args()) for _ in range(4)]
                for answer in answers:
                    frame = await answer
                    if frame["type"] == "ack" and frame["ok"]:
                        acked.append(frame["result"]["workflowId"])
                    else:
                        assert stopping.is_set() and frame["code"] == "unavailable", frame
                        refused += 1
            except ConnectionError:
                return

    writers = [asyncio.create_task(write(client)) for client in clients]
    while len(acked) < 200:
        await asyncio.sleep(0.01)
    stopping.set()
    begun = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(asyncio.gather(*writers), 20)
    while server.process.poll() is None:
        assert time.monotonic() - begun < 20
        await asyncio.sleep(0.02)
    assert server.process.returncode == 0
    slots = []
    for client in clients:
        assert await client.ended() == 4100 and client.bye["reason"], client.bye
        slots.append(client.bye["reconnect_ms"])
    assert len(set(slots)) > 6 and all(0 < slot < 60_000 for slot in slots)
    database = Database(server.data)
    known = {row["id"] for row in database.read("SELECT id FROM workflow_states")}
    assert set(acked) <= known, "an acknowledged command is gone"
    # Closed as it should be: the log was carried over into the database.
    log = server.data / "aura.sqlite3-wal"
    assert not log.exists() or log.stat().st_size == 0


async def test_a_second_signal_ends_at_once(new_server):
    server = new_server()
    client = await Client.open(server, "owner", receive_buffer=4096)
    client.stop_reading()
    server.process.send_signal(signal.SIGTERM)
    server.process.send_signal(signal.SIGINT)
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(10)
    assert server.process.returncode in (0, 128 + signal.SIGTERM, 128 + signal.SIGINT)
    client._wanted_close = True
    client.vanish()


# Reloading


def certificate(folder, name):
    made, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
         CERTIFICATE_DAYS, "-subj", f"/CN={name}", "-keyout", key, "-out", made], check=True, capture_output=True)
    return made, key


def shown(server):
    """The certificate that a new connection is shown."""
    return ssl.get_server_certificate(("127.0.0.1", server.port))


async def test_sighup_takes_up_a_new_certificate_while_connections_stay(new_server, tmp_path):
    files = certificate(tmp_path, "first")
    server = new_server("--tls-cert", files[0], "--tls-key", files[1], "--loops", 2, tls=True)
    async with await Client.open(server, "owner") as owner:
        assert shown(server) == files[0].read_text()
        for name in ("second", "third"):
            certificate(tmp_path, name)
            server.process.send_signal(signal.SIGHUP)
            # Each loop takes it by itself; which one answers is the system's choice.
            wait_until(lambda: all(shown(server) == files[0].read_text() for _ in range(8)))
        await owner.ping()
        async with await Client.open(server, "sales") as sales:
            await story.lead(sales)
        good = files[0].read_text()
        files[0].write_text("no certificate")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "was not taken" in server.log())
        assert shown(server) == good
        await owner.ping()


async def test_sighup_takes_up_limits_and_the_logs_level_and_says_what_needs_a_restart(new_server, tmp_path):
    file = tmp_path / "aura.yaml"
    file.write_text("connections-per-user-max: 1\nlog-level: notice\nreaders: 1\n")
    server = new_server("--config", file)
    async with await Client.open(server, "owner"):
        second = await Client.dial(server)
        try:
            await second.hello(server.token("owner"))
            raise AssertionError("a second connection of one user was let in")
        except ConnectionError:
            assert second.close_code == 4102
        assert not find(server, "opened")
        file.write_text("connections-per-user-max: 2\nlog-level: info\nreaders: 2\n")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: find(server, "reloaded", changed="connections-per-user-max,log-level"))
        assert find(server, "a restart is needed for what else has changed", options="readers")
        async with await Client.open(server, "owner"):
            wait_until(lambda: find(server, "opened"))
        file.write_text("connections-per-user-max: none\n")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: find(server, "nothing was reloaded"))
        async with await Client.open(server, "owner"):
            pass
    assert scrape(server)["aura_refusals_total", {"limit": "connections_per_user"}] == 1


# Who is refused does not stop who is served


async def test_a_flood_of_one_user_is_refused_and_the_others_are_served(new_server):
    server = new_server("--connections-per-user-max", 5, "--commands-per-second", 10, "--commands-per-user", 20)
    async with await Client.open(server, "sales") as sales, await Client.open(server, "beautician") as beautician:
        flood = [await Client.open(server, "owner") for _ in range(5)]
        refused = 0
        done = False

        async def shout(client):
            nonlocal refused
            while not done:
                # Below the frames of a second, above the commands.
                answers = [await client.begin("initialize", story.lead_args()) for _ in range(10)]
                for answer in answers:
                    frame = await answer
                    refused += frame["type"] == "error"
                await asyncio.sleep(0.12)

        async def knock():
            while not done:
                client = await Client.dial(server)
                client._wanted_close = True
                try:
                    await client.hello(server.token("owner"))
                    raise AssertionError("let in beyond the limit")
                except ConnectionError:
                    assert client.close_code == 4102 and client.bye["reconnect_ms"] > 0
                await asyncio.sleep(0.02)

        noise = [asyncio.create_task(shout(client)) for client in flood] + [asyncio.create_task(knock())]
        replica = await beautician.subscribe(["workflow_states", "task_queue"])
        for _ in range(30):
            begun = time.monotonic()
            workflow = await story.lead(sales)
            await sales.ping()
            assert time.monotonic() - begun < 5, "the served wait for the refused"
            await asyncio.sleep(0.1)
        done = True
        await asyncio.gather(*noise)
        assert refused > 20 and workflow and replica.is_live
        metrics = scrape(server)
        assert metrics["aura_refusals_total", {"limit": "connections_per_user"}] >= 5
        assert metrics["aura_refusals_total", {"limit": "commands_per_user"}] + metrics[
            "aura_refusals_total", {"limit": "commands_per_second"}] == refused
        for client in flood:
            await client.close()


async def test_connections_of_one_address_are_refused_before_their_handshake_and_counted(new_server):
    server = new_server("--connections-per-address-max", 6, "--trusted-proxy", "127.0.0.1")
    headers = {"X-Forwarded-For": "203.0.113.7"}
    import websockets
    options = {"subprotocols": ["aura.v1.json"], "compression": None, "proxy": None}
    held = [await websockets.connect(server.socket_url, additional_headers=headers, **options) for _ in range(6)]
    for _ in range(3):
        try:
            await websockets.connect(server.socket_url, additional_headers=headers, **options)
            raise AssertionError("a seventh was let in")
        except websockets.InvalidStatus as refusal:
            assert refusal.response.status_code == 503
    async with await Client.open(server, "sales") as sales:
        await story.lead(sales)
    metrics = scrape(server)
    assert metrics["aura_refusals_total", {"limit": "connections_per_address"}] == 3
    for connection in held:
        await connection.close()


# The configuration


def test_what_holds_is_printed_with_where_it_comes_from(tmp_path):
    file = tmp_path / "aura.json"
    file.write_text(json.dumps({"loops": 2, "demo-password": "hunter2hunter2", "demo": True}))
    done = subprocess.run(
        [executable(), "serve", "--config", file, "--port", "0", "--print-config", "--public", str(tmp_path)],
        capture_output=True, text=True, timeout=20, env={**os.environ, "AURA_READERS": "3"})
    assert done.returncode == 0, done.stderr
    assert re.search(r"^port +0  # the option --port$", done.stdout, re.M)
    assert re.search(r"^readers +3  # the environment's AURA_READERS$", done.stdout, re.M)
    assert re.search(rf"^loops +2  # loops in {re.escape(str(file))}$", done.stdout, re.M)
    assert "hunter2" not in done.stdout and "(set)" in done.stdout


def test_help_names_every_option_of_the_reference():
    text = subprocess.run([executable(), "serve", "--help"], capture_output=True, text=True, timeout=20).stdout
    reference = re.findall(r"^\| `--([a-z-]+)", (story_root() / "README.md").read_text(), re.M)
    assert len(reference) > 25
    assert [name for name in reference if f"--{name}" not in text] == []
    assert text == subprocess.run(
        [executable(), "help", "serve"], capture_output=True, text=True, timeout=20).stdout


def story_root():
    from aura_server import ROOT
    return ROOT
