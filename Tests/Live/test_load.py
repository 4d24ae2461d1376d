"""Many who say nothing, some who do not read, no descriptors, no disk: the others must not notice."""

import asyncio
import os
import resource
import shutil
import socket
import subprocess
import time

import pytest
import story
from aura_client import Client, new_key
from aura_server import Server, finish, wait_until
from database import Database
from raw_socket import RawSocket

MIB = 1 << 20


async def test_a_thousand_connections_that_say_nothing_do_not_disturb_a_worker(server):
    before, rss = server.descriptors(), server.rss_bytes()
    silent = []
    try:
        for n in range(1000):
            plain = socket.create_connection(("127.0.0.1", server.port), timeout=5)
            silent.append(plain)
            if n % 3 == 0:
                plain.sendall(b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        async with await Client.open(server, "sales") as sales, await Client.open(server, "owner") as owner:
            replica = await owner.subscribe(["customers"])
            times = []
            for _ in range(20):
                began = time.monotonic()
                ack = await sales.command("initialize", story.lead_args())
                await replica.until_seq(ack["cursor"]["seq"])
                times.append(time.monotonic() - began)
            assert sorted(times)[10] < 0.25, times
        assert server.is_healthy()
        assert server.rss_bytes() - rss < 64 * MIB
    finally:
        for plain in silent:
            plain.close()
    wait_until(lambda: server.descriptors() <= before + 3)


async def test_five_hundred_connections_that_never_say_hello_are_closed_after_ten_seconds(server):
    before = server.descriptors()
    raws = [RawSocket(server, timeout=20) for _ in range(500)]
    for raw in raws:
        raw.upgraded()
    async with await Client.open(server, "sales") as sales:
        began = time.monotonic()
        while time.monotonic() - began < 12:
            await story.lead(sales)
            await asyncio.sleep(1)
            if time.monotonic() - began < 7:
                raws[-1].socket.setblocking(False)
                with pytest.raises(BlockingIOError):
                    raws[-1].socket.recv(1)
                raws[-1].socket.settimeout(20)
        assert sales.is_open
    for raw in raws:
        code, frames = raw.end(3)
        assert code in (4000, 4001), code
        assert frames[-1]["type"] == "bye" and frames[-1]["code"] == code
        raw.socket.close()
    wait_until(lambda: server.descriptors() <= before + 3)


@pytest.mark.seconds(150)
async def test_a_reader_that_stops_costs_the_others_nothing_and_catches_up(new_server):
    """Thousands of commits while five clients read nothing; the others follow live, memory stays, all end equal."""
    commits = int(os.environ.get("AURA_SLOW_COMMITS", "1500"))
    server = new_server("--commands-per-second", 1000)
    slow = [await Client.open(server, "owner", receive_buffer=4096) for _ in range(5)]
    slow_replicas = [await client.subscribe(["task_queue", "workflow_actions", "notifications"]) for client in slow]
    quick = await Client.open(server, "admin")
    live = await quick.subscribe(["task_queue"])
    writers = [await Client.open(server, "sales") for _ in range(12)]
    workflow = await story.lead(writers[0])
    text = "รายละเอียดของงานที่ยาวพอสมควร " * 30
    for client in slow[1:] + writers:
        # They are sent the same as the first and the live one, which look at every frame.
        client.is_checked = False
    for client in slow:
        client.stop_reading()
    before = server.rss_bytes()
    worst = 0
    share = commits // len(writers)

    async def write(writer):
        for n in range(share):
            while True:
                answer = await writer.command("createTask", story.task_args(workflow, f"{n}", description=text))
                if answer["type"] == "ack" and answer["ok"]:
                    break
                await asyncio.sleep(0.3)

    async def watch():
        nonlocal worst
        while True:
            began = time.monotonic()
            await quick.ping()
            worst = max(worst, time.monotonic() - began)
            await asyncio.sleep(0.1)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*[write(writer) for writer in writers])
    watching.cancel()
    grown = server.rss_bytes() - before
    head = Database(server.data).head(quick.clinic)
    await live.until_seq(head, 5)
    assert worst < 3, "the others waited"
    assert grown < 200 * MIB, f"{grown / MIB:.0f} MiB for readers that do not read"
    for client in slow:
        client.go_on_reading()
    database = Database(server.data)
    for client, replica in zip(slow, slow_replicas):
        if client.is_open:
            await replica.until(lambda r: r.is_live and r.seq >= head or not client.is_open, 40)
        if not client.is_open:
            client.raise_fault()
            # On a slow machine it has stopped for longer than the server waits; the bye may have had no room.
            assert client.close_code in (4103, 4104, 1006)
            client = await Client.open(server, "owner", [replica])
            await replica.until_seq(head, 30)
        database.compare(replica, "task_queue")
        database.compare(replica, "workflow_actions")
        await client.close()
    for writer in writers:
        await writer.close()
    await quick.close()


@pytest.mark.seconds(90)
@pytest.mark.skipif(not os.environ.get("AURA_LONG"), reason="waits 30 s; AURA_LONG=1 runs it")
async def test_a_reader_that_takes_nothing_for_thirty_seconds_is_closed(new_server):
    server = new_server("--commands-per-second", 1000)
    client = await Client.open(server, "owner", receive_buffer=4096)
    replica = await client.subscribe(["task_queue"])
    writers = [await Client.open(server, "sales") for _ in range(10)]
    workflow = await story.lead(writers[0])
    client.stop_reading()
    text = "ย" * 3900
    closed_before = server.descriptors()
    for _ in range(30):
        for writer in writers:
            await writer.command("createTask", story.task_args(workflow, description=text))
    began = time.monotonic()
    while server.descriptors() >= closed_before:
        assert time.monotonic() - began < 45
        await writers[0].ping()
        await asyncio.sleep(0.5)
    assert time.monotonic() - began > 20
    client.vanish()
    for writer in writers:
        await writer.close()
    assert replica.is_live


# No descriptors


def limited(soft):
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, soft))
    return limit


async def test_when_descriptors_run_out_newcomers_are_refused_and_it_recovers(new_server):
    server = new_server(preexec=limited(300))
    worker = await Client.open(server, "sales")
    held, refused = [], 0
    for _ in range(500):
        plain = socket.socket()
        plain.settimeout(2)
        try:
            plain.connect(("127.0.0.1", server.port))
            held.append(plain)
        except OSError:
            refused += 1
            plain.close()
    cpu = server.cpu_seconds()
    log = len(server.log())
    began = time.monotonic()
    for _ in range(10):
        await story.lead(worker)
        await asyncio.sleep(0.1)
    took = time.monotonic() - began
    assert worker.is_open
    assert server.cpu_seconds() - cpu < 0.7 * took, "it spins"
    assert len(server.log()) - log < 100_000, "it fills the log"
    assert server.descriptors() <= 300
    for plain in held:
        plain.close()
    wait_until(server.is_healthy, 15)
    async with await Client.open(server, "owner") as owner:
        assert (await owner.query("staff", {}))["ok"]
    await worker.close()


# No disk


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 24 MiB; where mounting is not allowed, the tests that need it are skipped."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place], capture_output=True)
    if done.returncode != 0:
        pytest.skip("no right to mount a small file system")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


async def test_a_full_disk_answers_unavailable_reads_go_on_and_it_recovers(binary, small_disk):
    server = Server(small_disk / "data").start()
    try:
        sales, owner = await Client.open(server, "sales"), await Client.open(server, "owner")
        replica = await owner.subscribe(["customers"])
        workflow = await story.lead(sales)
        filler = small_disk / "filler"
        with open(filler, "wb", buffering=0) as file:  # what is left in a buffer would fail at the close
            try:
                while True:
                    file.write(b"\0" * 65536)
            except OSError:
                pass
        key, args, refused = None, None, None
        for n in range(40):
            key, args = new_key(), story.task_args(workflow, f"{n}", description="ย" * 3000)
            answer = await sales.command("createTask", args, key=key)
            if answer["type"] == "error" or not answer["ok"]:
                refused = answer if answer["type"] == "error" else answer["error"]
                break
            await asyncio.sleep(0.06)
        assert refused and refused["code"] == "unavailable" and refused["temporary"], refused
        head = Database(server.data).head(owner.clinic)
        assert (await owner.query("clinicWorkflows", {}))["ok"], "reads go on"
        await owner.ping()
        assert max(replica.commits) <= head, "a delta of what was not durable"
        filler.unlink()
        if server.runs:
            again = None
            for _ in range(30):
                again = await sales.command("createTask", args, key=key)
                if again["type"] == "ack" and again["ok"]:
                    break
                await asyncio.sleep(0.2)
            assert again["ok"] and not again["duplicate"], again
        await sales.close()
        await owner.close()
        Database(server.data).check_log(replica.clinic)
        Database(server.data).integrity()
    finally:
        finish(server)
        shutil.rmtree(small_disk / "data", ignore_errors=True)
