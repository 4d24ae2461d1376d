"""What an operator types: a second start, tail beside a hub that is restarted, a load test that must lose nothing."""

import json
import os
import re
import subprocess
import threading
import time

import story
from aura_client import Client
from aura_server import DEMO_USERS, executable


def aura(*arguments, **named):
    named = {"capture_output": True, "text": True, "timeout": 110, **named}
    return subprocess.run([executable(), *map(str, arguments)], **named)


def test_a_second_start_greets_with_the_same_people_and_adds_nothing(new_server):
    server = new_server()
    wait_for(lambda: any("Ctrl-C" in line for line in server.lines))
    assert server.lines[0].startswith("Aura listens on http://127.0.0.1:")
    for name in DEMO_USERS:
        assert any(f"{name}@demo.aura" in line for line in server.lines), server.lines
    server.stop()
    counts = story_counts(server)
    server.restart()
    assert story_counts(server) == counts
    assert server.login("sales")[0]["user"]["email"] == "sales@demo.aura"


def story_counts(server):
    from database import Database
    database = Database(server.data)
    return {table: database.read(f"SELECT COUNT(*) n FROM {table}")[0]["n"]
            for table in ("users", "clinics", "customers", "workflow_states", "workflow_actions", "sys_changes")}


def test_a_demo_that_a_network_reaches_needs_a_password_of_its_own(tmp_path):
    done = aura("serve", "--demo", "--host", "0.0.0.0", "--port", 0, "--data", tmp_path / "data", timeout=20)
    assert done.returncode == 64 and "--demo-password" in done.stderr
    assert not (tmp_path / "data").exists()


def test_what_is_made_is_for_its_owner_alone(new_server):
    server = new_server()
    for path in server.data.iterdir():
        assert path.stat().st_mode & 0o077 == 0, f"{path.name}: {oct(path.stat().st_mode)}"


def test_a_token_is_printed_for_those_who_are_there_and_active(server):
    assert aura("token", "--data", server.data, "--user", "sales@demo.aura").stdout.count(".") == 2
    for options in (["--user", "nobody@demo.aura"], ["--user", "sales@demo.aura", "--ttl", "0"]):
        done = aura("token", "--data", server.data, *options)
        assert done.returncode > 0 and done.stdout == "" and "Error" in done.stderr
    done = aura("token", "--data", server.data.parent, "--user", "sales@demo.aura")
    assert done.returncode == 1 and "--data" in done.stderr


def test_migrate_says_where_the_database_stands(new_server, tmp_path):
    server = new_server()
    busy = aura("migrate", "--data", server.data)
    assert busy.returncode == 1 and "Stop the other process" in busy.stderr
    server.stop()
    assert re.search(r"is at version \d+", aura("migrate", "--data", server.data).stdout)
    missing = aura("migrate", "--data", tmp_path / "nothing")
    assert missing.returncode == 1 and not (tmp_path / "nothing").exists()
    server.start()


async def test_tail_prints_what_happens_and_goes_on_after_a_restart(new_server):
    server = new_server()
    lines = []
    tail = subprocess.Popen(
        [executable(), "tail", "--url", server.socket_url, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**os.environ, "AURA_TOKEN": server.printed_token("owner", ttl=600)})
    reader = threading.Thread(target=lambda: lines.extend(tail.stdout), daemon=True)
    reader.start()
    try:
        follows = next(line for line in tail.stderr if "changes follow" in line)
        seen = int(re.search(r"at (\d+)", follows).group(1))
        async with await Client.open(server, server.token("sales")) as sales:
            await story.lead(sales)
        wait_for(lambda: any('"initialize"' in line for line in lines))
        port = server.port
        server.stop()
        server.options += ["--port", str(port)]
        server.start()
        async with await Client.open(server, server.token("sales")) as sales:
            await story.lead(sales)
        wait_for(lambda: sum('"initialize"' in line for line in lines) == 2)
        commits = [json.loads(line) for line in lines]
        assert [commit["seq"] for commit in commits] == list(range(seen + 1, seen + 1 + len(commits)))
    finally:
        tail.terminate()
        assert tail.wait(10) == 0


def wait_for(condition, seconds_max=30):
    end = time.monotonic() + seconds_max
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def test_a_short_load_test_loses_nothing(tmp_path):
    done = aura("loadtest", "--staff", 20, "--clinics", 4, "--idle", 40, "--seconds", 3, "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["passed"], (report, done.stderr[-2000:])
    assert report["lost"] == report["out_of_order"] == report["unanswered"] == report["refused"] == 0
    assert report["commands"] > 20 and report["deliveries"] > report["commands"]


def test_a_load_test_on_a_folder_that_was_not_prepared_says_what_to_do(server):
    done = aura("loadtest", "--url", server.socket_url, "--data", server.data)
    assert done.returncode == 1 and "--prepare" in done.stderr
