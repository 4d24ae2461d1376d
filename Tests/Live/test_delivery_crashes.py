"""The torture of messages: the server is killed between a gateway's acceptance and its own commit of it, again and again.

At the end every message has been delivered, none twice, and the books say so. It ends after 20 kills that came between
the two, or 20 for each of AURA_TORTURE_ROUNDS: `make torture` makes it a thousand. AURA_SEED repeats one run's random
choices.
"""

import asyncio
import collections
import json
import os
import random
import signal
import threading
import time

import pytest
from aura_client import Client
from database import Database
from delivery_house import customer, gateways_file, only_rule, treated
from gateway_receiver import Authority, Receiver

KILLS = 20 * int(os.environ.get("AURA_TORTURE_ROUNDS", "1"))
# Some kills come too early or too late.
ROUNDS_MAX = 3 * KILLS
# Of one message, at its gateway: it has six tries more than its first.
FAILURES_MAX = 5
# Leases of one message that may end without a word before it is left in peace for a round: after thirty it is given up.
LOST_MAX = 20


class Killer:
    """Ends the server at one of a round's acceptances: before its answer is sent, or a moment after."""

    def __init__(self, receiver, server, generator):
        self.server = server
        self.generator = generator
        self.is_armed = False
        self._left = 0
        self._lock = threading.Lock()
        # The message at whose acceptance it struck.
        self.struck = None
        receiver.on_accepted = lambda request: self._strike(request, False)
        receiver.on_answered = lambda request: self._strike(request, True)

    def arm(self, messages):
        with self._lock:
            self.struck = None
            self._left = self.generator.randint(1, max(1, messages))
            self._is_after = self.generator.random() < 0.6
            # What the report, its transaction and its sync take is in here.
            self._delay = self.generator.random() * 0.006 if self._is_after else 0
            self.is_armed = True

    def disarm(self):
        with self._lock:
            self.is_armed = False

    def _strike(self, request, is_after):
        with self._lock:
            if not self.is_armed or is_after != self._is_after:
                return
            self._left -= 1
            if self._left > 0:
                return
            self.is_armed = False
            self.struck = request.key
        time.sleep(self._delay)
        os.kill(self.server.process.pid, signal.SIGKILL)


def let_time_pass(database, new, generator):
    """A minute passes while the server is down, and the time of `new` messages comes: leases are over, waits too.

    They come due in no particular order: were it always the same, what is last would always be what the kill hits.
    """
    now = int(time.time() * 1000)
    with database.writing() as connection:
        connection.execute("UPDATE followup_executions SET lease_until=? WHERE status='sending'", (now - 500,))
        connection.execute("UPDATE followup_executions SET next_attempt_at=? WHERE status='failed'", (now - 500,))
        for identity in new:
            connection.execute(
                "UPDATE followup_executions SET scheduled_at=? WHERE id=? AND status='pending'", (now - 500, identity))
        due = [row["id"] for row in connection.execute(
            "SELECT id FROM followup_executions WHERE status IN ('sending', 'failed')")] + list(new)
        for identity in due:
            at = now - generator.randrange(500)
            connection.execute(
                "UPDATE sys_timers SET due=?, not_before=? WHERE dedupe=?", (at, at, f"followup:{identity}"))


async def many_treatments(server, count):
    """So many customers whose message waits for tomorrow. Returns their messages' ids."""
    owner = await Client.open(server, "owner")
    owner.is_checked = False
    owner.database = Database(server.data)
    rule = await only_rule(owner, hoursAfter=24)

    async def one():
        workflow, _, _ = await customer(owner)
        await treated(owner, workflow)

    for start in range(0, count, 8):
        await asyncio.gather(*[one() for _ in range(start, min(start + 8, count))])
    await owner.close()
    rows = owner.database.read("SELECT id FROM followup_executions WHERE rule_id=? ORDER BY id", rule)
    assert len(rows) == count
    return [row["id"] for row in rows]


@pytest.mark.seconds(120 + 6 * KILLS)
async def test_nothing_is_sent_twice_and_nothing_lost_however_often_the_server_dies_at_the_gateway_s_word(
        new_server, tmp_path, seed):
    generator = random.Random(seed)
    authority = Authority(tmp_path)
    receiver = Receiver(authority.context("localhost", "DNS:localhost"))
    server = new_server("--commands-per-second", 10_000, "--gateways", gateways_file(
        tmp_path / "gateways.json", authority, {"*": {"sms": receiver.url()}}))
    loop = asyncio.get_running_loop()
    waiting = await many_treatments(server, 3 * KILLS)
    everything = set(waiting)
    generator.shuffle(waiting)
    server.stop()
    # It is there, and need not be looked for at each start.
    server.demo = False
    database = Database(server.data)

    moods = ["accept"] * 17 + ["drop", "reset", "500"]
    failed = collections.Counter()

    def choose(request):
        """A gateway fails now and then, but for no message so often that it is given up."""
        mood = generator.choice(moods) if failed[request.key] < FAILURES_MAX else "accept"
        failed[request.key] += mood != "accept"
        return mood

    receiver.choose = choose
    killer = Killer(receiver, server, generator)
    rounds = in_window = 0
    while in_window < KILLS and rounds < ROUNDS_MAX:
        rounds += 1
        new = [waiting.pop() for _ in range(min(generator.randint(1, 2), len(waiting)))]
        let_time_pass(database, new, generator)
        # Early or late among all that is to be said: were it always early, what waits would grow from kill to kill.
        if most_lost(database) < LOST_MAX:
            killer.arm(len(new) + len(unsettled(database)))
        try:
            # What is due leaves as soon as the database is open: the kill may come before the port is.
            await loop.run_in_executor(None, server.start)
        except AssertionError:
            assert not killer.is_armed, server.log()[-2000:]
        end = time.monotonic() + 20
        while server.runs:
            # Where the gateway has taken too little for a strike, the round ends when it has nothing more to take.
            if time.monotonic() > end or not under_way(database, new):
                killer.disarm()
                break
            await asyncio.sleep(0.01)
        server.kill()
        struck, killer.struck = killer.struck, None
        if struck in unsettled(database):
            in_window += 1
            if in_window % 100 == 0:
                print(f"{rounds} kills, {in_window} of them between word and commit", flush=True)

    killer.disarm()
    receiver.choose = lambda request: "accept"
    for _ in range(20):
        let_time_pass(database, waiting, generator)
        server.start()
        end = time.monotonic() + 20
        while under_way(database, waiting) and time.monotonic() < end:
            await asyncio.sleep(0.05)
        waiting = []
        if not unsettled(database):
            break
        server.stop()

    rows = [row for row in database.read("SELECT * FROM followup_executions") if row["id"] in everything]
    assert len(rows) == len(everything)
    assert collections.Counter(row["status"] for row in rows) == {"sent": len(rows)}
    assert set(receiver.delivered) == everything, "a message was lost, or came from nowhere"
    reached = collections.Counter(request.json["to"] for request in receiver.delivered.values())
    assert set(reached.values()) == {1} and len(reached) == len(everything), "somebody was written to twice"
    for row in rows:
        assert row["provider_message_id"] == f"m-{row['id'][-6:]}"
        # Where a connection that was used before ends without an answer, libcurl asks once more by itself.
        assert receiver.asked[row["id"]] <= row["attempts"] + failed[row["id"]], "asked before a lease was on disk"
        actions = database.read(
            "SELECT id FROM workflow_actions WHERE workflow_id=? AND type='send_follow_up'", row["workflow_id"])
        assert len(actions) == 1, "a case was moved on twice"
    assert receiver.faults() == []
    requests = sum(receiver.asked.values())
    print(f"{rounds} kills, {in_window} of them between a gateway's word and the commit; {len(everything)} messages, "
          f"{requests} requests, {requests - len(everything)} of them again; none lost, none twice")
    assert in_window == KILLS
    database.integrity()
    receiver.stop()


def unsettled(database):
    """The ids of messages of which the hub does not know that they have arrived."""
    return [row["id"] for row in database.read(
        "SELECT id FROM followup_executions WHERE status IN ('sending', 'failed', 'dead')")]


def most_lost(database):
    """How many leases in a row have ended without a word of the message that has lost most."""
    return max((json.loads(row["metadata"]).get("lost", 0) for row in database.read(
        "SELECT metadata FROM followup_executions WHERE status IN ('sending', 'failed')")), default=0)


def under_way(database, new):
    """Whether a gateway is yet to be asked, or to answer."""
    now = int(time.time() * 1000)
    rows = database.read(
        "SELECT id, status, next_attempt_at FROM followup_executions WHERE status IN ('sending', 'failed', 'pending')")
    return any(
        row["status"] == "sending" or (row["status"] == "failed" and row["next_attempt_at"] <= now)
        or (row["status"] == "pending" and row["id"] in new) for row in rows)
