"""`aura replay`: a clinic as it stood then, held against what the database was seen to hold then."""

import asyncio
import json
import random
import time

import pytest
import story
from admin_line import aura, done, refused
from aura_client import Client
from database import Database, same

TOPICS = ["workflow_states", "task_queue", "customers", "notifications", "clinic_staff", "loyalty_profiles",
          "point_transactions", "workflow_actions"]


def seen(database, clinic):
    """The rows of all topics and the commit that they are of."""
    queries = {topic: f"SELECT * FROM {topic} WHERE clinic_id=?1" for topic in TOPICS}
    queries["head"] = "SELECT seq FROM sys_heads WHERE clinic_id=?1"
    rows = database.together(queries, clinic)
    head = rows.pop("head")[0]["seq"]
    return head, time.time(), {(topic, row["id"]): row for topic, listed in rows.items() for row in listed}


def replayed(data, *when):
    options = [option for topic in TOPICS for option in ("--topic", topic)]
    lines = done("replay", "--data", data, "--clinic", "BKK01", *when, *options).splitlines()
    rows = [json.loads(line) for line in lines]
    found = {(row["table"], row["row"]["id"]): row["row"] for row in rows}
    assert len(found) == len(rows)
    return found


def compare(then, now):
    assert set(then) == set(now)
    for key, row in now.items():
        for column, shown in row.items():
            assert same(shown, then[key].get(column, 1)), (key, column, shown, then[key].get(column))


async def test_every_moment_of_a_day_is_as_it_was(new_server):
    server = new_server()
    database = Database(server.data)
    moments = []
    async with await Client.open(server, "sales") as sales, await Client.open(server, "beautician") as tablet, \
            await Client.open(server, "owner") as owner:
        async def look():
            await owner.ping()
            moments.append(seen(database, owner.clinic))
            await asyncio.sleep(0.01)

        await look()
        for n in range(4):
            case = await story.ready(sales, tablet.staff)
            await look()
            await tablet.do("startTreatment", {"workflowId": case})
            await look()
            await tablet.do("completeTreatment", {"workflowId": case})
            await look()
        await owner.do("setDuty", {"staffId": tablet.staff, "duty": "break"})
        await look()
        for head, _, rows in random.Random(3).sample(moments, 6) + moments[-1:]:
            compare(rows, await asyncio.to_thread(replayed, server.data, "--seq", head))
        head, at, rows = moments[5]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at * 1000) % 1000:03d}Z"
        compare(rows, await asyncio.to_thread(replayed, server.data, "--at", stamp))
    assert replayed(server.data, "--seq", 0) == {}
    # No empty clinic has rows, and the last commit's state is what the tables hold.
    server.stop()
    last, _, rows = seen(database, owner.clinic)
    compare(rows, replayed(server.data, "--at", "2099-01-01T00:00:00+07:00"))
    assert replayed(server.data, "--at", "2001-01-01T00:00:00Z") == {}


async def test_what_the_log_no_longer_has_is_told(new_server):
    server = new_server()
    database = Database(server.data)
    async with await Client.open(server, "sales") as sales:
        first = await story.lead(sales)
        head = database.head(sales.clinic)
        await sales.do("cancel", {"workflowId": first, "reason": "x"})
        await story.lead(sales)
    server.stop()
    with database.writing() as connection:
        connection.execute("DELETE FROM sys_changes WHERE seq <= ?", [head])
    said = refused("replay", "--data", server.data, "--clinic", "BKK01", "--seq", head - 1)
    assert f"begins with commit {head + 1}" in said
    assert "begins with" in refused("replay", "--data", server.data, "--clinic", "BKK01", "--at", "2001-01-01T00:00:00Z")
    assert "last commit is" in refused("replay", "--data", server.data, "--clinic", "BKK01", "--seq", head + 99)
    result = aura("replay", "--data", server.data, "--clinic", "BKK01", "--seq", head, "--topic", "workflow_states")
    assert result.returncode == 0 and first not in result.stdout and "1 rows were changed since" in result.stderr


@pytest.mark.parametrize("options", [
    [], ["--at", "yesterday"], ["--at", "2026-05-01T10:00:00"], ["--seq", 1, "--at", "2026-05-01T10:00:00Z"],
    ["--seq", 1, "--topic", "users"], ["--seq", 1, "--topic", "nothing"]])
def test_a_wrong_option_is_told(server, options):
    refused("replay", "--data", server.data, "--clinic", "BKK01", *options, status=64)


def test_columns_are_shown_as_a_table_and_a_clinic_that_is_not_there_is_told(server):
    shown = done("replay", "--data", server.data, "--clinic", "BKK01", "--seq", 40, "--topic", "workflow_states",
                 "--columns", "id,current_stage").splitlines()
    assert shown[0] == "table\tid\tcurrent_stage" and all(line.count("\t") == 2 for line in shown) and len(shown) > 2
    assert "no clinic" in refused("replay", "--data", server.data, "--clinic", "NONE", "--seq", 1)
