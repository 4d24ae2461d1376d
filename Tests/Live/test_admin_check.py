"""`aura check`: finds nothing where nothing is, and each thing that is spoilt."""

import asyncio
import json
import random
import sqlite3

import pytest
import story
from admin_line import aura, done
from aura_client import Client
from database import Database

POINTS = "UPDATE loyalty_profiles SET {} WHERE id=(SELECT id FROM loyalty_profiles WHERE total_points > 0 LIMIT 1)"
SALE = "(SELECT id FROM pos_transactions WHERE type='sale' AND payment_status='paid' LIMIT 1)"
TASK = "(SELECT id FROM task_queue WHERE status='pending' AND due_date IS NOT NULL LIMIT 1)"

# What is done to the file, and the check that must say so.
SPOILT = [
    ("points.balance", [POINTS.format("available_points = available_points + 1")]),
    ("points.total", [POINTS.format("total_points = total_points - 1")]),
    ("points.profile", ["DELETE FROM loyalty_profiles WHERE customer_id=(SELECT customer_id FROM point_transactions LIMIT 1)"]),
    ("points.rest", ["UPDATE point_credits SET remaining = remaining + 1 WHERE is_open = 1"]),
    ("points.open", ["UPDATE point_credits SET remaining = remaining + 1 WHERE is_open = 1"]),
    ("points.credit", ["DELETE FROM point_credits WHERE is_open = 1"]),
    ("points.debit", ["UPDATE point_transactions SET amount = amount - 7 WHERE type = 'redeemed'"]),
    ("points.source", [
        "UPDATE point_transactions SET allocations = '{\"00000000-0000-7000-8000-000000000000\":'||-amount||'}' "
        "WHERE type = 'redeemed'"]),
    ("profile.spent", [POINTS.format("total_spent_st = total_spent_st + 100")]),
    ("profile.months", ["UPDATE loyalty_months SET spent_st = spent_st + 100"]),
    ("profile.achievements", [POINTS.format("total_achievements = total_achievements + 1")]),
    ("bill.items", [f"UPDATE pos_transactions SET items = '[]' WHERE id={SALE}"]),
    ("bill.refunds", [f"UPDATE pos_transactions SET payment_status = 'refunded' WHERE id={SALE}"]),
    ("coupon.redemption", ["UPDATE customer_coupons SET status='cancelled' WHERE redemption_id IS NOT NULL"]),
    ("coupon.debit", ["UPDATE loyalty_redemptions SET points_cost = points_cost - 1"]),
    ("coupon.bill", [f"UPDATE customer_coupons SET status='used', used_pos_transaction_id={SALE} WHERE id=(SELECT id FROM customer_coupons WHERE status='active' LIMIT 1)"]),
    ("bill.coupon", [f"UPDATE pos_transactions SET coupon_id=(SELECT id FROM customer_coupons WHERE status='active' LIMIT 1) WHERE id={SALE}"]),
    ("reward.stock", ["UPDATE loyalty_rewards SET current_redemptions = current_redemptions + 1"]),
    ("case.perform", [
        "DROP INDEX task_queue_perform",
        "UPDATE task_queue SET workflow_id=(SELECT workflow_id FROM task_queue WHERE task_type='perform_treatment' AND "
        "status='pending' LIMIT 1) WHERE task_type='perform_treatment' AND status IN ('pending','in_progress')"]),
    ("case.stage", ["UPDATE workflow_states SET current_stage='in_treatment' WHERE current_stage='treatment_scheduled'"]),
    ("case.over", [f"UPDATE workflow_states SET status='closed' WHERE id=(SELECT workflow_id FROM task_queue WHERE id={TASK})"]),
    ("case.history", ["UPDATE workflow_states SET current_stage='scanned' WHERE current_stage='lead_created'"]),
    ("case.actions", ["DELETE FROM workflow_actions WHERE seq = 1"]),
    ("task.done", ["UPDATE task_queue SET completed_at=NULL WHERE status='completed'"]),
    ("event.seq", ["UPDATE workflow_events SET seq = 1000000 WHERE event_type = 'workflow_created'"]),
    ("message.timer", ["DELETE FROM sys_timers WHERE kind='follow_up'"]),
    ("timer.message", ["UPDATE followup_executions SET status='cancelled' WHERE status='pending'"]),
    ("coupon.timer", [
        "UPDATE customer_coupons SET status='reserved', reserved_by_pos_id=" + SALE]),
    ("task.timer", ["DELETE FROM sys_timers WHERE kind='task_escalation'"]),
    ("timer.clinic", ["UPDATE sys_timers SET clinic_id='00000000-0000-7000-8000-000000000000'"]),
    ("message.lease", ["UPDATE followup_executions SET status='sending', lease_until=NULL WHERE status='pending'"]),
    ("bell.read", ["UPDATE notifications SET is_read=1, read_at=NULL"]),
    ("clinic.owner", ["UPDATE users SET status='disabled' WHERE email='owner@demo.aura'"]),
    ("member.ended", ["UPDATE clinic_staff SET is_active=0 WHERE role='sales_staff'"]),
    ("person.forgotten", ["UPDATE customers SET anonymized_at=1 WHERE phone IS NOT NULL"]),
    ("file.references", ["UPDATE task_queue SET workflow_id='00000000-0000-7000-8000-000000000000' WHERE id=" + TASK]),
    ("audit.chain", ["UPDATE sys_audit SET detail='{}' WHERE n=2"]),
    ("audit.chain", ["DELETE FROM sys_audit WHERE n=1"]),
    ("log.holes", ["DELETE FROM sys_changes WHERE seq=5"]),
    ("log.head", ["UPDATE sys_heads SET seq = seq + 1"]),
    ("log.rows", ["UPDATE customers SET nickname='x' WHERE rowid=(SELECT MAX(rowid) FROM customers)"]),
    ("log.rows", ["UPDATE customers SET version=version+1 WHERE rowid=(SELECT MAX(rowid) FROM customers)"]),
    ("log.rows", ["DELETE FROM notifications WHERE rowid=(SELECT MAX(rowid) FROM notifications)"]),
    ("log.rows", [
        "INSERT INTO automation_rules (id, clinic_id, rule_name, trigger_stage, target_action, created_at, updated_at) "
        "SELECT '01990000-0000-7000-8000-000000000001', id, 'x', 'scanned', 'add_tag', 1, 1 FROM clinics"]),
]


@pytest.fixture(scope="module")
def lived_in(binary, tmp_path_factory):
    """A demo clinic in which everything has happened once: the folder of a stopped hub that passes."""
    import asyncio

    from aura_server import Server
    server = Server(tmp_path_factory.mktemp("lived") / "data").start()

    async def live():
        async with await Client.open(server, "owner") as owner, await Client.open(server, "sales") as sales, \
                await Client.open(server, "beautician") as tablet:
            rewards = (await owner.query("rewards", {"customerId": one_customer(server)}))["data"]["rewards"]
            made = await sales.do("initialize", story.lead_args())
            await owner.do("awardPoints", {"customerId": made["customerId"], "points": 5000, "transactionId": "check"})
            await owner.do("redeemReward", {"rewardId": rewards[0]["id"], "customerId": made["customerId"]})
            await story.ready(sales, tablet.staff)

    asyncio.run(live())
    server.stop()
    return server


def one_customer(server):
    return Database(server.data).value("SELECT customer_id FROM loyalty_profiles LIMIT 1")


def spoil(folder, statements):
    """Changes the file as a hand or a fault would: without keys, without triggers, and puts the triggers back."""
    with sqlite3.connect(folder / "aura.sqlite3", isolation_level=None) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type='trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA ignore_check_constraints=ON")
        changed = 0
        for statement in statements:
            changed += max(0, connection.execute(statement).rowcount)
        for _, text in triggers:
            connection.execute(text)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert changed, "nothing was spoilt"


def found(folder):
    result = aura("check", "--data", folder, "--json")
    said = json.loads(result.stdout)
    names = {check["name"]: check for check in said["checks"] if check["count"]}
    assert (result.returncode == 0) == said["ok"] == (not names)
    for check in names.values():
        assert check["next"].endswith(".") and check["findings"]
    return names


def test_a_clinic_that_was_lived_in_passes(lived_in):
    assert found(lived_in.data) == {}
    assert "as it should be" in done("check", "--data", lived_in.data)


@pytest.mark.parametrize("name, statements", SPOILT, ids=[f"{n}-{i}" for i, (n, _) in enumerate(SPOILT)])
def test_what_is_spoilt_is_found(lived_in, tmp_path, name, statements):
    data = lived_in.copy_data(tmp_path / "data")
    spoil(data, statements)
    names = found(data)
    assert name in names, sorted(names)
    result = aura("check", "--data", data)
    assert result.returncode == 1 and f"{name}: " in result.stdout and "→" in result.stdout


def test_a_damaged_page_is_found_and_the_other_checks_go_on(lived_in, tmp_path):
    data = lived_in.copy_data(tmp_path / "data")
    path = data / "aura.sqlite3"
    with sqlite3.connect(path) as connection:
        page, size = connection.execute("SELECT rootpage FROM sqlite_master WHERE name='sys_commands'").fetchone()[0], 4096
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[(page - 1) * size:page * size] = random.Random(1).randbytes(size)
    path.write_bytes(content)
    assert "file.pages" in found(data)


async def test_a_hub_goes_on_while_it_is_checked_and_passes(new_server):
    server = new_server("--commands-per-second", 1000)
    async with await Client.open(server, "sales") as sales:
        stop = asyncio.Event()

        async def work():
            while not stop.is_set():
                await story.lead(sales)

        working = asyncio.create_task(work())
        for _ in range(4):
            assert await asyncio.to_thread(found, server.data) == {}
        stop.set()
        await working


def test_an_older_schema_and_no_database_are_told(lived_in, tmp_path):
    assert "--data" in aura("check", "--data", tmp_path).stderr
    data = lived_in.copy_data(tmp_path / "data")
    with sqlite3.connect(data / "aura.sqlite3") as connection:
        connection.execute("DELETE FROM sys_migrations WHERE number=(SELECT MAX(number) FROM sys_migrations)")
    result = aura("check", "--data", data)
    assert result.returncode == 1 and "aura migrate" in result.stderr
