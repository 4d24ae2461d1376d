"""`aura export` and `aura forget`: all that is held of a customer, and then nothing that says who they are."""

import asyncio
import json
import sqlite3

import pytest
import story
from admin_line import aura, done, refused
from aura_client import Client
from aura_replica import Replica
from database import Database

WORDS = ["Zebulon", "0899990123", "zebulon@private.example", "peanuts", "rosacea", "confidential"]
TOPICS = ["customers", "workflow_states", "task_queue", "notifications", "workflow_actions", "workflow_events",
          "point_transactions", "loyalty_profiles", "followup_executions"]


async def lived(server):
    """A customer about whom everything was written down, and whose case is closed. Returns (customer, case)."""
    async with await Client.open(server, "owner") as owner, await Client.open(server, "sales") as sales, \
            await Client.open(server, "beautician") as tablet:
        made = await sales.do("initialize", {"customerData": {
            "name": "Zebulon Private", "phone": "0899990123", "email": "zebulon@private.example"}})
        case, customer = made["workflowId"], made["customerId"]
        await sales.do("updatePreferences", {"customerId": customer, "language": "en"})
        await sales.do("scanCustomer", {"workflowId": case, "scanResults": {"skin": "rosacea", "allergy": "peanuts"},
                                        "consent": {"version": "1", "channel": "in_person"}})
        await story.paid(sales, case, tablet.staff)
        await story.task(sales, case, "confidential: Zebulon is afraid")
        await tablet.do("startTreatment", {"workflowId": case})
        await tablet.do("completeTreatment", {"workflowId": case, "notes": "confidential rosacea"})
        await owner.do("awardPoints", {"customerId": customer, "points": 50, "transactionId": "z",
                                       "description": "Zebulon was kind"})
        await sales.do("sendFollowUp", {"workflowId": case})
    return customer, case


async def close(server, case):
    async with await Client.open(server, "owner") as owner:
        await owner.do("closeCase", {"workflowId": case})


def where(data, words=WORDS):
    """Every table and column in which one of the words stands."""
    found = set()
    with sqlite3.connect(f"file:{data}/aura.sqlite3?mode=ro", uri=True) as connection:
        tables = [name for name, in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        for table in tables:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            for row in connection.execute(f"SELECT * FROM {table}"):
                for column, value in zip(columns, row):
                    if isinstance(value, str) and any(word in value for word in words):
                        found.add(f"{table}.{column}")
    return found


@pytest.mark.parametrize("beside", [True, False], ids=["beside a hub", "without one"])
async def test_a_customer_is_forgotten_everywhere_and_the_books_stay(new_server, tmp_path, beside):
    server = new_server()
    database = Database(server.data)
    async with await Client.open(server, "owner") as owner:
        early = await owner.subscribe(TOPICS)
    customer, case = await lived(server)
    assert where(server.data) >= {
        "customers.full_name", "customers.phone", "workflow_states.scan_results", "workflow_actions.notes",
        "workflow_events.event_data", "task_queue.title", "notifications.message", "point_transactions.description",
        "sys_changes.changes"}
    if not beside:
        server.stop()
    # Its case is open: somebody waits for it.
    assert case in await asyncio.to_thread(
        refused, "forget", "--data", server.data, "--customer", customer, "--yes")
    if not beside:
        server.start()
    await close(server, case)
    exported = json.loads(await export(server, customer, tmp_path / "all.json"))
    text = json.dumps(exported, ensure_ascii=False)
    assert all(word in text for word in WORDS)
    assert {"customers", "workflow_states", "workflow_actions", "point_transactions", "pos_transactions",
            "customer_preferences", "followup_executions"} <= {t for t, rows in exported["tables"].items() if rows}
    assert (tmp_path / "all.json").stat().st_mode & 0o077 == 0
    assert "--force" in await asyncio.to_thread(
        refused, "export", "--data", server.data, "--customer", customer, "--to", tmp_path / "all.json")
    books = ("SELECT amount, type, event_key, expires_at FROM point_transactions WHERE customer_id=? ORDER BY id",
             "SELECT total_st, paid_st, items FROM pos_transactions WHERE customer_id=? ORDER BY id",
             "SELECT available_points, total_spent_st, total_visits FROM loyalty_profiles WHERE customer_id=?")
    before = [database.read(sql, customer) for sql in books]
    waiting = database.value("SELECT COUNT(*) FROM followup_executions WHERE customer_id=? AND status='pending'", customer)
    assert waiting
    epoch = database.value("SELECT value FROM sys_meta WHERE name='epoch'")
    code = database.value("SELECT customer_code FROM customers WHERE id=?", customer)
    if beside:
        async with await Client.open(server, "owner") as owner:
            replica = await owner.subscribe(TOPICS)
            assert "Zebulon" in json.dumps(replica.tables)
            said = await asyncio.to_thread(
                done, "forget", "--data", server.data, "--customer", code, "--reason", "asked", "--yes")
            await owner.ping()
            row = replica.row("customers", customer)
            assert row["full_name"] == "(forgotten)" and row["phone"] is None and row["anonymized_at"]
            # What is never changed is not sent again: an open screen shows its history until it is loaded anew.
            shown = json.dumps({topic: rows for topic, rows in replica.tables.items() if topic not in (
                "workflow_actions", "workflow_events", "point_transactions")}, ensure_ascii=False)
            assert not [word for word in WORDS if word in shown]
    else:
        server.stop()
        said = await asyncio.to_thread(
            done, "forget", "--data", server.data, "--customer", code, "--reason", "asked", "--yes")
        server.start()
    assert f"{waiting} messages" in said
    assert where(server.data) == set()
    assert [database.read(sql, customer) for sql in books] == before
    assert database.value("SELECT COUNT(*) FROM followup_executions WHERE customer_id=? AND status='pending'", customer) == 0
    assert database.read("SELECT 1 FROM sys_timers WHERE payload LIKE ?", f"%{customer}%") == []
    assert json.loads(database.value(
        "SELECT detail FROM sys_audit WHERE kind='customer_forgotten'"))["customer_id"] == customer
    assert "as it should be" in done("check", "--data", server.data)
    # Who comes back with a cursor of long before resumes, and never reads a word of it.
    assert database.value("SELECT value FROM sys_meta WHERE name='epoch'") == epoch
    async with await Client.open(server, "owner", subscribe=[early]) as owner:
        await owner.ping()
        assert early.mode == "resume"
        history = json.dumps([early.tables, early.history, list(early.commits.values())], ensure_ascii=False, default=str)
        assert not [word for word in WORDS if word in history]
        assert early.row("customers", customer)["full_name"] == "(forgotten)"
    assert "Zebulon" not in await export(server, customer, tmp_path / "after.json")
    assert "is forgotten" in done("forget", "--data", server.data, "--customer", customer, "--yes")


async def export(server, customer, path):
    await asyncio.to_thread(done, "export", "--data", server.data, "--customer", customer, "--to", path)
    return path.read_text()


async def test_a_kill_amid_forgetting_is_gone_on_with_at_the_next_start(new_server):
    server = new_server()
    customer, case = await lived(server)
    await close(server, case)
    server.stop()
    # A long past, of which every commit names the customer.
    with Database(server.data).writing() as connection:
        row = connection.execute("SELECT * FROM sys_changes WHERE changes LIKE '%Zebulon%' LIMIT 1").fetchone()
        head = connection.execute("SELECT MAX(seq) FROM sys_changes").fetchone()[0]
        for seq in range(head + 1, head + 4001):
            connection.execute("INSERT INTO sys_changes VALUES (?,?,?,?,?)",
                               [row["clinic_id"], seq, row["at"], row["cause"], row["changes"]])
        connection.execute("UPDATE sys_heads SET seq=?", [head + 4000])
    server.start()
    async with await Client.open(server, "owner") as owner:
        await owner.begin("forgetCustomer", {"customerId": customer, "reason": "asked"})
        for _ in range(2000):
            if Database(server.data).read("SELECT 1 FROM sys_erasures WHERE next_seq > 0"):
                break
            await asyncio.sleep(0.005)
        server.kill()
    left = Database(server.data).value("SELECT COUNT(*) FROM sys_erasures WHERE finished_at IS NULL")
    server.start()
    for _ in range(400):
        if not Database(server.data).value("SELECT COUNT(*) FROM sys_erasures WHERE finished_at IS NULL"):
            break
        await asyncio.sleep(0.05)
    assert where(server.data) == set(), left


async def test_only_leaders_forget_and_nobody_by_accident(new_server):
    server = new_server()
    customer, case = await lived(server)
    await close(server, case)
    async with await Client.open(server, "sales") as sales, await Client.open(server, "beautician") as tablet:
        for client in (sales, tablet):
            assert (await client.refused("forgetCustomer", {"customerId": customer}))["code"] == "forbidden"
    assert "Nothing was changed" in await asyncio.to_thread(
        refused_with_question, server, customer)
    assert refused("forget", "--data", server.data, "--customer", "nobody", "--yes")
    assert where(server.data)
    async with await Client.open(server, "admin") as admin:
        made = await admin.do("forgetCustomer", {"customerId": customer, "reason": "asked"})
        assert made["already"] is False and (await admin.do("forgetCustomer", {"customerId": customer}))["already"]


def refused_with_question(server, customer):
    result = aura("forget", "--data", server.data, "--customer", customer, input="no\n")
    assert result.returncode == 1
    return result.stderr
