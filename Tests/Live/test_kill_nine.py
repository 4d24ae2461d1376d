"""The torture: commands without pause, SIGKILL at random moments, and at the end the books must balance.

AURA_TORTURE_ROUNDS (5) kills; AURA_SEED repeats one run's random choices.
"""

import asyncio
import os
import random
import time

import pytest
import story
from aura_client import Broken, Client, Replica, new_key
from database import Database

ROUNDS = int(os.environ.get("AURA_TORTURE_ROUNDS", "5"))
WORKERS = 6
TOPICS = ["task_queue", "workflow_states", "workflow_actions", "customers"]


class Worker:
    """A device that never gives up: keeps each key until its ack has come, through any number of crashes."""

    def __init__(self, name, generator):
        self.name = name
        self.generator = generator
        self.pending = []
        self.outcomes = {}
        self.sent = {}
        self.workflows = []
        self.replica = None
        self.is_finishing = False
        self.connections = 0

    def invent(self):
        """The next command: mostly small ones, on cases of its own."""
        key = new_key()
        if not self.workflows or self.generator.random() < 0.15:
            return key, "initialize", story.lead_args(f"{self.name} {key[:8]}")
        workflow = self.generator.choice(self.workflows)
        if self.generator.random() < 0.2:
            return key, "scanCustomer", {"workflowId": workflow, "scanResults": {"key": key},
                                         "consent": {"version": "1", "channel": "in_person"}}
        return key, "createTask", story.task_args(workflow, key)

    async def run(self, server):
        while not (self.is_finishing and not self.pending):
            try:
                await self.connected(server)
            except (ConnectionError, OSError, asyncio.TimeoutError, EOFError):
                await asyncio.sleep(0.05)
            except Exception as error:  # noqa: BLE001
                if type(error).__module__.startswith("websockets"):
                    await asyncio.sleep(0.05)
                else:
                    raise

    async def connected(self, server):
        subscribe = [self.replica] if self.replica else []
        client = await asyncio.wait_for(Client.dial(server), 10)
        try:
            await client.hello(server.token_of(self.name), subscribe)
            self.connections += 1
            if not self.replica:
                self.replica = await client.subscribe(None, replica=Replica(client.clinic, TOPICS))
            # In the order they were first sent: what is unacked goes again, under its key.
            for command in list(self.pending):
                await self.perform(client, command)
            while not self.is_finishing:
                burst = [self.invent() for _ in range(self.generator.randrange(1, 6))]
                for command in burst:
                    self.pending.append(command)
                    self.sent[command[0]] = command
                await asyncio.gather(*[self.perform(client, command) for command in burst])
                await asyncio.sleep(self.generator.random() * 0.05)
        finally:
            client.vanish()
            await asyncio.gather(client._task, return_exceptions=True)
            if isinstance(client.fault, Broken):
                raise client.fault

    async def perform(self, client, command):
        key, name, args = command
        while True:
            answer = await asyncio.wait_for(await client.begin(name, args, key=key), 10)
            if answer["type"] == "ack" and (answer["ok"] or not answer["error"]["temporary"]):
                break
            await asyncio.sleep(0.2)
        self.pending.remove(command)
        self.outcomes[key] = answer
        if name == "initialize" and answer["ok"]:
            self.workflows.append(answer["result"]["workflowId"])


@pytest.mark.seconds(60 + 30 * ROUNDS)
async def test_after_every_kill_each_acknowledged_command_is_there_exactly_once(new_server, seed):
    generator = random.Random(seed)
    server = new_server("--commands-per-second", 1000, "--loops", generator.choice([1, 2]))
    names = ["sales", "owner", "admin"]
    tokens = {name: server.printed_token(name, ttl=3600) for name in names}
    server.token_of = lambda name: tokens[name]
    workers = [Worker(names[n % len(names)], random.Random(generator.random())) for n in range(WORKERS)]
    running = [asyncio.create_task(worker.run(server)) for worker in workers]
    kills_with_pending = 0
    loop = asyncio.get_running_loop()
    for _ in range(ROUNDS):
        end = time.monotonic() + 0.4 + generator.random() * 1.6
        while time.monotonic() < end:
            await asyncio.sleep(0.02)
            for task in running:
                if task.done():
                    task.result()
        kills_with_pending += any(worker.pending for worker in workers)
        server.kill()
        await loop.run_in_executor(None, server.start)
        if generator.random() < 0.4:
            # Again, while the log of the last crash is still being recovered and everyone comes back at once.
            await asyncio.sleep(generator.random() * 0.1)
            server.kill()
            await loop.run_in_executor(None, server.start)
    await asyncio.sleep(1)
    for worker in workers:
        worker.is_finishing = True
    await asyncio.wait_for(asyncio.gather(*running), 60)

    # Everyone comes back once more and follows to the head.
    database = Database(server.data)
    clinic = workers[0].replica.clinic
    head = database.check_log(clinic)
    for worker in workers:
        client = await Client.dial(server)
        await client.hello(tokens[worker.name], [worker.replica])
        await client.ping()
        for table in TOPICS:
            database.compare(worker.replica, table)
        await client.close()

    acknowledged = applied = 0
    for worker in workers:
        assert set(worker.outcomes) == set(worker.sent), "a command without an outcome"
        for key, (_, name, args) in worker.sent.items():
            ack = worker.outcomes[key]
            acknowledged += 1
            assert ack["cursor"]["seq"] <= head if ack["ok"] else True
            if name == "createTask":
                rows = database.read("SELECT * FROM task_queue WHERE title=?", key)
                assert len(rows) == (1 if ack["ok"] else 0), (key, ack, len(rows))
                if ack["ok"]:
                    assert rows[0]["id"] == ack["result"]["taskId"]
            elif name == "initialize":
                rows = database.read("SELECT * FROM customers WHERE full_name=?", args["customerData"]["name"])
                assert len(rows) == (1 if ack["ok"] else 0), (key, ack)
                actions = database.read(
                    "SELECT * FROM workflow_actions WHERE workflow_id=? AND type='initialize'",
                    ack["result"]["workflowId"])
                assert len(actions) == 1
            elif name == "scanCustomer":
                rows = database.read("SELECT * FROM workflow_actions WHERE command_id=?", key)
                assert len(rows) == (1 if ack["ok"] else 0), (key, ack)
            if ack["ok"]:
                applied += 1
                logged = database.read(
                    "SELECT cause FROM sys_changes WHERE clinic_id=? AND seq=?", clinic, ack["cursor"]["seq"])
                assert len(logged) == 1 and key in str(logged[0]["cause"]), (key, logged)
    database.integrity()
    print(f"{ROUNDS} kills, {kills_with_pending} amid commands; {acknowledged} commands, {applied} applied; head {head}; "
          f"{sum(w.connections for w in workers)} connections")
    assert applied > 10 * ROUNDS / 5
