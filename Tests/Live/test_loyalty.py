"""The two acceptance scenarios over the socket to their last number, and that saying it all again changes nothing."""

import datetime
import zoneinfo

import shop as shop_module
import story
from aura_client import Client
from books import Books
from shop import BAHT, BEAUTICIAN, LOYALTY, OWNER, SALES, Script, differences, everything

BANGKOK = zoneinfo.ZoneInfo("Asia/Bangkok")
CUSTOMER = "customer0@shop.aura"
REWARDS = [
    {"name": "ลด 10%", "type": "discount_percentage", "pointsCost": 500, "percentBp": 1000, "maxRedemptions": 20},
    {"name": "ลด ฿500", "type": "discount_amount", "pointsCost": 1000, "monetaryValueSt": 500 * BAHT,
     "tierRequirement": "silver"},
    {"name": "Birthday Special", "type": "birthday_special", "pointsCost": 1500, "monetaryValueSt": 1000 * BAHT,
     "tierRequirement": "silver"},
    {"name": "Premium Mask", "type": "discount_amount", "pointsCost": 2000, "monetaryValueSt": 800 * BAHT,
     "tierRequirement": "gold"},
]


def months_later(milliseconds, months):
    """The same wall time in Bangkok, so many months on."""
    at = datetime.datetime.fromtimestamp(milliseconds / 1000, BANGKOK)
    year, month = divmod(at.month - 1 + months, 12)
    day = min(at.day, [31, 29 if (at.year + year) % 4 == 0 else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month])
    return round(at.replace(year=at.year + year, month=month + 1, day=day).timestamp() * 1000)


def day_end(milliseconds):
    """The midnight that ends the day in Bangkok."""
    at = datetime.datetime.fromtimestamp(milliseconds / 1000, BANGKOK)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0) + datetime.timedelta(days=1)
    return round(midnight.timestamp() * 1000)


async def scenario_1(shop, script):
    """A lead is paid, treated and done. Returns the customer's id."""
    database, clinic = shop.database, shop.clinic
    async with await Client.open(shop.server, SALES) as sales, \
            await Client.open(shop.server, BEAUTICIAN) as tablet:
        counted = ("customers", "customer_preferences", "loyalty_profiles", "workflow_states", "workflow_actions")
        before = {table: len(database.rows(table, clinic)) for table in counted}
        lead = await script.do(sales, SALES, "initialize", {"customerData": story.person("คุณสมหญิง")})
        customer, workflow = lead["customerId"], lead["workflowId"]
        come = {table: len(database.rows(table, clinic)) - before[table] for table in counted}
        assert come == dict.fromkeys(counted, 1)
        state = database.one("SELECT * FROM workflow_states WHERE id=?", workflow)
        assert (state["current_stage"], state["version"]) == ("lead_created", 1)
        assert ledger(shop, customer) == [("bonus", 100, f"welcome:{customer}")]

        tasks = await tablet.subscribe(["task_queue", "workflow_events"], {"assigned_to": "me"})
        start = story.next_slot()
        paid = await script.do(sales, SALES, "confirmPayment", {
            "workflowId": workflow, "amount": 5000, "paymentMethod": "PROMPTPAY", "beauticianId": tablet.staff,
            "treatmentId": shop.treatment, "scheduledTime": start})
        sale = database.one("SELECT * FROM pos_transactions WHERE workflow_id=?", workflow)
        assert (sale["id"], sale["total_st"], sale["paid_st"], sale["payment_status"], sale["payment_method"]) == (
            paid["saleId"], 500000, 500000, "paid", "PROMPTPAY")
        state = database.one("SELECT * FROM workflow_states WHERE id=?", workflow)
        assert (state["current_stage"], state["version"]) == ("treatment_scheduled", 3)
        actions = database.read("SELECT type FROM workflow_actions WHERE workflow_id=? ORDER BY seq", workflow)
        assert [row["type"] for row in actions] == ["initialize", "confirm_payment", "schedule_appointment"]
        journey = database.read("SELECT event_type FROM customer_journey_events WHERE customer_id=?", customer)
        assert {"payment_made", "appointment_booked"} <= {row["event_type"] for row in journey}
        await tablet.ping()
        task = tasks.find("task_queue", workflow_id=workflow, task_type="perform_treatment")
        assert [(t["status"], t["priority"], t["due_date"]) for t in task] == [("pending", "high", start)]

        await script.do(tablet, BEAUTICIAN, "startTreatment", {"workflowId": workflow})
        profile = database.one("SELECT * FROM loyalty_profiles WHERE customer_id=?", customer)
        assert (profile["available_points"], profile["total_spent_st"], profile["total_visits"]) == (100, 500000, 0)
        done = await script.do(tablet, BEAUTICIAN, "completeTreatment", {"workflowId": workflow})
        assert (done["stage"], done["version"]) == ("treatment_completed", 5)
        assert ledger(shop, customer) == [
            ("bonus", 100, f"welcome:{customer}"), ("earned", 500, f"sale:{paid['saleId']}:earn"),
            ("bonus", 50, f"workflow:{workflow}:action:complete_treatment")]
        for row in database.read("SELECT * FROM point_transactions WHERE customer_id=?", customer):
            assert row["expires_at"] == months_later(row["created_at"], 24), row
        profile = database.one("SELECT * FROM loyalty_profiles WHERE customer_id=?", customer)
        assert (profile["available_points"], profile["total_points"], profile["total_spent_st"],
                profile["total_visits"], profile["current_tier"], profile["tier_progress_bp"]) == (
            650, 650, 500000, 1, "bronze", 5000)
        return customer


async def scenario_2(shop, script, customer):
    """The customer looks, redeems, and pays a bill with the coupon; what screens hold is held against each step."""
    database = shop.database
    async with await Client.open(shop.server, CUSTOMER) as phone, await Client.open(shop.server, SALES) as till, \
            await Client.open(shop.server, OWNER) as owner:
        mine = await phone.subscribe(LOYALTY)
        theirs = await till.subscribe([*LOYALTY, "pos_transactions"], {"customer_id": customer})
        for args in REWARDS:
            await script.do(owner, OWNER, "createReward", args)

        portal = await phone.ask("loyaltyProfile", {})
        expected = {
            "customerId": customer, "availablePoints": 650, "totalPoints": 650, "currentTier": "bronze",
            "tierProgressBp": 5000, "totalSpentSt": 500000, "totalVisits": 1, "averageSpendSt": 500000,
            "nextTier": {"tier": "silver", "floorSt": 1000000, "missingSt": 500000}, "achievements": []}
        assert expected.items() <= portal.items(), portal
        assert portal == await till.ask("loyaltyProfile", {"customerId": customer})
        assert [(r["available_points"], r["tier_progress_bp"]) for r in mine.rows("loyalty_profiles")] == [(650, 5000)]
        shown = (await phone.ask("rewards", {}))["rewards"]
        assert [(r["name"], r["open"], r["locked"], r["missingPoints"], r["left"]) for r in shown] == [
            ("ลด 10%", True, None, 0, 20), ("ลด ฿500", False, "tier", 350, None),
            ("Birthday Special", False, "tier", 850, None), ("Premium Mask", False, "tier", 1350, None)]

        ten_percent = shown[0]["id"]
        redeemed = await script.do(phone, CUSTOMER, "redeemReward", {"rewardId": ten_percent})
        code, key = redeemed["couponCode"], script.lines[-1][4]
        assert redeemed == {
            "redemptionId": redeemed["redemptionId"], "customerId": customer, "couponCode": code,
            "redemptionCode": code, "pointsCost": 500, "status": "issued", "availablePoints": 150, "already": False}
        assert code.startswith("RWD-") and len(code) == 12
        assert ledger(shop, customer)[-1] == ("redeemed", -500, f"redeem:{key}")
        assert database.value("SELECT current_redemptions FROM loyalty_rewards WHERE id=?", ten_percent) == 1
        # The delta came before the ack.
        coupon = mine.find("customer_coupons", code=code)[0]
        assert (coupon["status"], coupon["percent_bp"], coupon["type"]) == ("active", 1000, "discount_percentage")
        assert coupon["valid_until"] == day_end(coupon["valid_from"] + 90 * 24 * story.HOUR)
        assert [r["available_points"] for r in mine.rows("loyalty_profiles")] == [150]
        assert [r["status"] for r in mine.rows("loyalty_redemptions")] == ["issued"]
        assert sorted(r["amount"] for r in mine.rows("point_transactions")) == [-500, 50, 100, 500]
        assert [c["code"] for c in (await phone.ask("coupons", {}))["coupons"]] == [code]

        bill = await script.do(till, SALES, "createSale", {
            "customerId": customer, "items": [{"name": "เซรั่ม", "priceSt": 150000, "quantity": 2}]})
        sale = bill["saleId"]
        assert (bill["subtotalSt"], bill["discountSt"], bill["totalSt"]) == (300000, 0, 300000)
        assert bill["status"] == "pending"
        applied = await script.do(till, SALES, "applyCoupon", {"saleId": sale, "code": code.lower()})
        assert (applied["discountSt"], applied["couponDiscountSt"], applied["totalSt"]) == (30000, 30000, 270000)
        await phone.ping()
        assert mine.find("customer_coupons", code=code)[0]["status"] == "reserved"
        assert [r["available_points"] for r in mine.rows("loyalty_profiles")] == [150], "applying moves no points"
        error = await till.refused("paySale", {"saleId": sale, "amountSt": 300000, "paymentMethod": "CASH"})
        assert (error["code"], error["details"]["expected_st"]) == ("amount_mismatch", 270000)
        paid = await script.do(till, SALES, "paySale", {"saleId": sale, "amountSt": 270000, "paymentMethod": "CASH"})
        assert (paid["status"], paid["pointsAwarded"], paid["availablePoints"]) == ("paid", 270, 420)
        assert [r["payment_status"] for r in theirs.find("pos_transactions", id=sale)] == ["paid"]

        await phone.ping()
        assert [r["status"] for r in mine.rows("customer_coupons")] == ["used"]
        redemption = database.one("SELECT * FROM loyalty_redemptions WHERE customer_id=?", customer)
        assert (redemption["status"], redemption["applied_pos_transaction_id"]) == ("applied", sale)
        assert [row for row in ledger(shop, customer) if row[1] < 0] == [("redeemed", -500, f"redeem:{key}")]
        assert ledger(shop, customer)[-1] == ("earned", 270, f"sale:{sale}:earn")
        portal = await phone.ask("loyaltyProfile", {})
        expected = {
            "availablePoints": 420, "totalPoints": 920, "totalSpentSt": 770000, "tierProgressBp": 7700,
            "currentTier": "bronze", "nextTier": {"tier": "silver", "floorSt": 1000000, "missingSt": 230000}}
        assert expected.items() <= portal.items(), portal
        for client, replica in ((phone, mine), (till, theirs)):
            await client.ping()
            for table in replica.tables:
                database.compare(replica, table, "customer_id=?", customer)
        assert [(r["available_points"], r["total_points"], r["total_spent_st"], r["tier_progress_bp"])
                for r in mine.rows("loyalty_profiles")] == [(420, 920, 770000, 7700)]
        history = await phone.ask("pointHistory", {})
        assert [row["amount"] for row in history["transactions"]] == [270, -500, 50, 500, 100]
        assert [(r["code"], r["status"], r["appliedPosTransactionId"]) for r in history["redemptions"]] == [
            (code, "applied", sale)]


def ledger(shop, customer):
    return [(row["type"], row["amount"], row["event_key"]) for row in shop.database.read(
        "SELECT * FROM point_transactions WHERE customer_id=? ORDER BY rowid", customer)]


async def test_scenarios_1_and_2_to_the_last_number_and_every_command_again_changes_no_row(new_shop):
    shop, script = new_shop(), Script()
    customer = await scenario_1(shop, script)
    async with await Client.open(shop.server, SALES) as sales:
        await script.do(sales, SALES, "linkCustomer", {"customerId": customer, "email": CUSTOMER})
    await scenario_2(shop, script, customer)
    names = [line[2] for line in script.lines]
    assert names == ["initialize", "confirmPayment", "startTreatment", "completeTreatment", "linkCustomer",
                     "createReward", "createReward", "createReward", "createReward", "redeemReward", "createSale",
                     "applyCoupon", "paySale"]

    await nothing_changes(shop, script)
    shop.server.restart()
    await nothing_changes(shop, script)
    shop.server.kill()
    shop.server.start()
    await nothing_changes(shop, script)
    Books(shop.database, shop.clinic).check()
    profile = shop.database.one("SELECT * FROM loyalty_profiles WHERE customer_id=?", customer)
    assert (profile["available_points"], profile["total_spent_st"], profile["tier_progress_bp"]) == (420, 770000, 7700)


async def nothing_changes(shop, script):
    """Twice over, on the same connections and on new ones: the stored answers, no row of any table, no delta."""
    who = (OWNER, SALES, BEAUTICIAN, CUSTOMER)
    clients = {name: await Client.open(shop.server, name) for name in who}
    watch = await clients[OWNER].subscribe([*LOYALTY, "pos_transactions", "workflow_states", "customers"])
    before = everything(shop.database)
    await script.again_on(clients)
    await script.again(shop.server)
    await clients[OWNER].ping()
    assert differences(before, everything(shop.database)) == {}
    assert watch.commits == {}
    for client in clients.values():
        await client.close()


async def test_points_whose_time_ended_while_the_server_was_down_go_once(new_shop):
    shop = new_shop()
    customer, other = await shop_module.customers(shop, 2)
    async with await Client.open(shop.server, OWNER) as owner:
        for one in (customer, other):
            await shop_module.award(owner, one, 400)
        reward = await shop_module.reward(owner, cost=120)
        await shop_module.coupon(owner, reward, customer)
        watch = await owner.subscribe(LOYALTY)
    shop.server.stop()
    with shop.database.writing() as connection:
        # The welcome has ended; of it the reward took all of the first one's, and none of the other's.
        connection.execute(
            "UPDATE point_credits SET expires_at=? WHERE transaction_id IN "
            "(SELECT id FROM point_transactions WHERE event_key IN (?,?))",
            (story.now() - 1000, f"welcome:{customer}", f"welcome:{other}"))
        assert connection.execute(
            "UPDATE sys_timers SET due=?, not_before=? WHERE kind LIKE '%xpir%' AND clinic_id=?",
            (story.now() - 500, story.now() - 500, shop.clinic)).rowcount
    shop.server.start()
    async with await Client.open(shop.server, OWNER, [watch]) as owner:
        credit = shop.database.one("SELECT id FROM point_transactions WHERE event_key=?", f"welcome:{other}")["id"]
        gone = (await watch.until(lambda replica: replica.find("point_transactions", type="expired")))
        assert [(row["customer_id"], row["amount"], row["event_key"]) for row in gone] == [
            (other, -100, f"expire:{credit}")]
        assert (await owner.ask("loyaltyProfile", {"customerId": other}))["availablePoints"] == 400
        assert (await owner.ask("loyaltyProfile", {"customerId": customer}))["availablePoints"] == 380
        # What is gone is not there to be spent.
        assert (await shop_module.coupon(owner, reward, other))["availablePoints"] == 280
    shop.server.kill()
    shop.server.start()
    async with await Client.open(shop.server, OWNER, [watch]) as owner:
        await shop_module.award(owner, other, 1)
        await owner.ping()
        assert len(watch.find("point_transactions", type="expired")) == 1
    shop_module.check(shop)
