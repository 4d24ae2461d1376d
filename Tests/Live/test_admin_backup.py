"""`aura backup` and `aura restore`: whole or not at all, and nothing of a history that is gone comes back in pieces."""

import asyncio
import json
import random
import shutil
import sqlite3
import subprocess
import time

import pytest
import story
from admin_line import aura, done, refused
from aura_client import Client
from aura_server import Server, executable, wait_until
from database import Database
from delivery_house import customer, gateways_file, only_rule, treated
from gateway_receiver import Authority, Receiver
from test_load import small_disk  # noqa: F401

TOPICS = ["workflow_states", "task_queue", "customers"]


def read(path, sql):
    with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as connection:
        return connection.execute(sql).fetchall()


def is_whole(path):
    return read(path, "PRAGMA integrity_check") == [("ok",)] and read(path, "PRAGMA foreign_key_check") == []


async def test_a_backup_beside_a_busy_hub_is_one_moment_of_it(new_server, tmp_path):
    server = new_server("--commands-per-second", 1000)
    async with await Client.open(server, "sales") as sales:
        stop = asyncio.Event()

        async def work():
            while not stop.is_set():
                await story.lead(sales)

        working = asyncio.create_task(work())
        for n in range(3):
            before = Database(server.data).head(sales.clinic)
            said = json.loads(await asyncio.to_thread(
                done, "backup", "--data", server.data, "--to", tmp_path / f"b{n}", "--json"))
            after = Database(server.data).head(sales.clinic)
            assert before <= said["clinics"][0]["seq"] <= after
            path = tmp_path / f"b{n}"
            assert is_whole(path) and path.stat().st_mode & 0o077 == 0 and path.stat().st_size == said["bytes"]
            seqs = [seq for seq, in read(path, "SELECT seq FROM sys_changes ORDER BY seq")]
            assert seqs == list(range(seqs[0], said["clinics"][0]["seq"] + 1))
        stop.set()
        await working
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("b")) == ["b0", "b1", "b2"]


def test_a_backup_replaces_nothing_by_accident(new_server, tmp_path):
    server = new_server(start=False)
    target = tmp_path / "b"
    done("backup", "--data", server.data, "--to", target)
    first = target.read_bytes()
    assert "--force" in refused("backup", "--data", server.data, "--to", target)
    assert target.read_bytes() == first
    done("backup", "--data", server.data, "--to", target, "--force")
    for name in ("aura.sqlite3", "aura.sqlite3-wal"):
        assert "database itself" in refused(
            "backup", "--data", server.data, "--to", server.data / name, "--force")
    refused("backup", "--data", tmp_path / "none", "--to", tmp_path / "c")
    refused("backup", "--data", server.data, "--to", tmp_path / "none" / "c")
    assert not (tmp_path / "c").exists()


def grow(server, bytes_):
    """Makes the database large enough for a copy to take a while."""
    with Database(server.data).writing() as connection:
        row = dict(connection.execute("SELECT * FROM sys_commands LIMIT 1").fetchone())
        n = connection.execute("SELECT MAX(n) FROM sys_commands").fetchone()[0]
        for index in range(bytes_ // 100_000):
            row.update(n=n + 1 + index, key=f"grow-{index}", result=json.dumps("x" * 100_000), refusal=None)
            connection.execute(
                f"INSERT INTO sys_commands ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


@pytest.mark.seconds(300)
def test_a_kill_amid_a_backup_or_a_restore_leaves_all_or_nothing(new_server, tmp_path):
    server = new_server(start=False)
    grow(server, 60_000_000)
    generator = random.Random(7)
    target, data = tmp_path / "b", tmp_path / "restored"
    started = time.monotonic()
    done("backup", "--data", server.data, "--to", target)
    took = time.monotonic() - started
    kept = target.read_bytes()
    shutil.copytree(server.data, data)
    old = Database(data).value("SELECT value FROM sys_meta WHERE name='epoch'")
    kills = 0
    for round_ in range(12):
        command = ["backup", "--data", server.data, "--to", target, "--force"] if round_ % 2 else \
            ["restore", "--from", tmp_path / "from", "--data", data, "--force"]
        if round_ == 0:
            (tmp_path / "from").write_bytes(kept)
        process = subprocess.Popen([executable(), *map(str, command)], stdout=subprocess.DEVNULL)
        time.sleep(generator.random() * took * 1.1)
        process.kill()
        kills += process.wait() != 0
        assert is_whole(target)
        epoch = Database(data).value("SELECT value FROM sys_meta WHERE name='epoch'")
        assert Database(data).value("SELECT COUNT(*) FROM sys_meta WHERE name='backup'") == 0
        assert epoch == old or process.returncode == 0 or epoch != read(tmp_path / "from", "SELECT value FROM sys_meta WHERE name='epoch'")[0][0]
        Database(data).integrity()
    assert kills >= 4, "the kills came too late to say anything"
    done("backup", "--data", server.data, "--to", target, "--force")
    done("restore", "--from", target, "--data", data, "--force")
    assert not list(tmp_path.glob("*.partial")) and not list(data.glob("*.partial"))
    restored = Server(data).start()
    assert restored.stop() == 0


def test_a_full_disk_leaves_no_half_backup_and_no_half_restore(binary, new_server, small_disk, tmp_path):  # noqa: F811
    server = new_server(start=False)
    grow(server, 30_000_000)
    target = small_disk / "b"
    assert "full" in refused("backup", "--data", server.data, "--to", target)
    assert list(small_disk.iterdir()) == []
    done("backup", "--data", server.data, "--to", tmp_path / "b")
    assert "full" in refused("restore", "--from", tmp_path / "b", "--data", small_disk / "data")
    assert [path.name for path in (small_disk / "data").iterdir()] == ["aura.lock"]
    assert "--data" in refused("user", "list", "--data", small_disk / "data")


def test_what_is_not_a_whole_backup_is_refused_and_the_database_stays(new_server, tmp_path):
    server = new_server(start=False)
    good, data = tmp_path / "good", server.data
    done("backup", "--data", data, "--to", good)
    before = (data / "aura.sqlite3").read_bytes()
    whole = good.read_bytes()
    wrong = {
        "none": None, "empty": b"", "text": b"hello" * 1000, "cut": whole[:len(whole) // 2],
        "spoilt": whole[:400_000] + bytes(4096) * 20 + whole[400_000 + 4096 * 20:],
    }
    for name, content in wrong.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        refused("restore", "--from", tmp_path / name, "--data", data, "--force")
        assert (data / "aura.sqlite3").read_bytes() == before, name
    shutil.copy(good, tmp_path / "audit")
    with sqlite3.connect(tmp_path / "audit") as connection:
        trigger = connection.execute("SELECT sql FROM sqlite_master WHERE name='sys_audit_no_update'").fetchone()[0]
        connection.execute("DROP TRIGGER sys_audit_no_update")
        connection.execute("UPDATE sys_audit SET at = at + 1 WHERE n = 1")
        connection.execute(trigger)
    assert "audit" in refused("restore", "--from", tmp_path / "audit", "--data", data, "--force")
    assert "--force" in refused("restore", "--from", good, "--data", data)
    assert "replace" in refused("restore", "--from", data / "aura.sqlite3", "--data", data, "--force")
    assert (data / "aura.sqlite3").read_bytes() == before


async def test_clients_of_a_restored_hub_take_a_snapshot_and_everybody_signs_in_anew(new_server, tmp_path):
    server = new_server()
    sales = await Client.open(server, "sales")
    replica = await sales.subscribe(TOPICS)
    await story.lead(sales)
    await asyncio.to_thread(done, "backup", "--data", server.data, "--to", tmp_path / "b")
    assert "Stop the other process" in await asyncio.to_thread(
        refused, "restore", "--from", tmp_path / "b", "--data", server.data, "--force")
    gone = await story.lead(sales, name="หลังสำรองข้อมูล")
    await replica.until(lambda held: held.row("workflow_states", gone))
    cookie = server.login("sales")[1]
    printed = server.printed_token("sales")
    epoch = replica.cursor["epoch"]
    server.stop()
    said = json.loads(await asyncio.to_thread(
        done, "restore", "--from", tmp_path / "b", "--data", server.data, "--force", "--json"))
    assert said["epoch"] != epoch == said["epoch_before"]
    server.start()
    assert server.http("POST", "/api/auth/refresh", {}, {"Cookie": cookie})[0] == 401
    stranger = await Client.dial(server)
    answer = await stranger.hello(printed)
    assert answer["type"] == "error" and answer["code"] == "unauthenticated", answer
    back = await Client.open(server, "sales", subscribe=[replica])
    await replica.until(lambda held: held.is_live)
    assert (replica.mode, replica.reason) == ("snapshot", "epoch")
    assert replica.cursor["epoch"] == said["epoch"] and replica.row("workflow_states", gone) is None
    for topic in TOPICS:
        Database(server.data).compare(replica, topic)
    again = await story.lead(back)
    await replica.until(lambda held: held.row("workflow_states", again))
    Database(server.data).check_log(back.clinic)
    await back.close()
    # The history that was given up is still there to look at.
    assert Database(server.data).read("SELECT 1 FROM sys_audit WHERE kind='restored'")
    kept = read(said["replaced"], f"SELECT COUNT(*) FROM workflow_states WHERE id='{gone}'")
    assert kept == [(1,)]


def test_a_backup_put_in_place_by_hand_is_not_served(new_server, tmp_path):
    server = new_server(start=False)
    (tmp_path / "raw").mkdir()
    done("backup", "--data", server.data, "--to", tmp_path / "raw" / "aura.sqlite3")
    for command in (["serve", "--port", 0], ["migrate"], ["user", "enable", "sales@demo.aura"]):
        assert "aura restore" in refused(*command, "--data", tmp_path / "raw", timeout=20)


@pytest.fixture
def receiver(tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("authority"))
    receiver = Receiver(authority.context("localhost", "DNS:localhost", "IP:127.0.0.1"))
    receiver.authority = authority
    yield receiver
    receiver.stop()


async def test_a_message_that_may_have_gone_out_is_not_sent_again_unless_somebody_says_so(
        new_server, receiver, tmp_path):
    server = new_server("--commands-per-second", 1000, "--gateways", gateways_file(
        tmp_path / "gateways.json", receiver.authority, {"*": {"sms": receiver.url()}}))
    database = Database(server.data)

    async def enter():
        owner = await Client.open(server, "owner")
        owner.is_checked = False
        owner.database = database
        return owner

    owner = await enter()
    await only_rule(owner)
    workflow, _, _ = await customer(owner)
    await treated(owner, workflow)

    def row():
        return database.one("SELECT * FROM followup_executions WHERE workflow_id=?", workflow)

    await asyncio.to_thread(wait_until, lambda: row()["status"] == "sent")
    await owner.close()
    server.stop()
    asked = len(receiver.requests)
    # As it stood a moment before it was sent: that is what a backup made then would hold.
    with database.writing() as connection:
        connection.execute(
            "UPDATE followup_executions SET status='pending', attempts=0, executed_at=NULL, provider_message_id=NULL "
            "WHERE id=?", [row()["id"]])
        connection.execute("DELETE FROM sys_commands WHERE name='reportDispatch'")
        connection.execute(
            "INSERT INTO sys_timers (clinic_id, dedupe, due, kind, payload, not_before) VALUES (?,?,?,?,?,?)",
            [row()["clinic_id"], f"followup:{row()['id']}", row()["scheduled_at"], "follow_up",
             json.dumps({"execution_id": row()["id"]}, separators=(",", ":")), row()["scheduled_at"]])
    done("backup", "--data", server.data, "--to", tmp_path / "b")
    said = json.loads(done("restore", "--from", tmp_path / "b", "--data", server.data, "--force", "--json"))
    assert said["held_messages"] == 1
    server.start()
    await asyncio.to_thread(wait_until, lambda: row()["status"] == "dead")
    assert "restored" in row()["last_error"] and len(receiver.requests) == asked
    owner = await enter()
    await owner.do("requeueFollowUp", {"executionId": row()["id"]})
    await asyncio.to_thread(wait_until, lambda: row()["status"] == "sent")
    assert len(receiver.requests) == asked + 1
    # What happens from now on is sent as ever.
    other, _, _ = await customer(owner)
    await treated(owner, other)
    await asyncio.to_thread(wait_until, lambda: database.one(
        "SELECT status FROM followup_executions WHERE workflow_id=?", other)["status"] == "sent")
    await owner.close()
