"""The two acceptance scenarios by a client that knows nothing but the original's routes, to the last number, and that
saying every call again under its key changes no row."""

import datetime

import pytest
import story
from aura_client import Client
from original_client import Original, say_again
from shop import BEAUTICIAN, OWNER, SALES, TREATMENT, differences, everything
from test_loyalty import REWARDS, ledger

PERSON = {"name": "คุณมาลี", "email": "malee@example.test", "age": 34}


def iso(milliseconds):
    at = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03d}Z"


def my_staff_id(server, who, clinic):
    user = server.login(who)[0]["user"]
    return next(m["staff"] for m in user["memberships"] if m["clinic"] == clinic), user["id"]


def lead(shop, sales, staff):
    person = {**PERSON, **{k: v for k, v in story.person().items() if k == "phone"}}
    answer = sales.post(
        "/api/workflow", action="initialize", salesId=staff, clinicId=shop.clinic, customerData=person, scanId="scan-1")
    assert answer["message"] == answer["data"]["message"]
    return answer["data"]["journeyId"], answer["data"]["customerId"]


def pay_in_one(shop, sales, journey, beautician, start):
    """The later client: amount, method, beautician and time in one call."""
    return sales.post(
        "/api/workflow", action="confirmPayment", workflowId=journey, amount=5000, paymentMethod="PROMPTPAY",
        beauticianId=beautician, treatmentName=TREATMENT, scheduledTime=iso(start))["data"]


def pay_in_two(shop, sales, journey, beautician, start):
    """The original's own client: the payment, then the beautician's task."""
    paid = sales.post(
        "/api/workflow", action="transition", workflowId=journey, toStage="payment_confirmed",
        metadata={"amount": 5000.0, "paymentMethod": "PROMPTPAY", "treatmentName": TREATMENT})["data"]
    customer = paid["customerId"]
    sales.post(
        "/api/workflow", action="createTask", journeyId=journey, customerId=customer, beauticianId=beautician,
        treatmentName=TREATMENT, scheduledTime=iso(start))
    return paid


@pytest.mark.parametrize("pay", [pay_in_one, pay_in_two])
def test_the_first_scenario_ends_with_the_same_rows_for_both_clients(shop, pay):
    record, server, database, clinic = [], shop.server, shop.database, shop.clinic
    sales, beautician = Original(server, SALES, record), Original(server, BEAUTICIAN, record)
    (sales_staff, sales_user), (staff, user) = (
        my_staff_id(server, who, clinic) for who in (SALES, BEAUTICIAN))

    journey, customer = lead(shop, sales, sales_user)
    state = database.one("SELECT * FROM workflow_states WHERE id=?", journey)
    assert (state["current_stage"], state["version"], state["assigned_sales_id"]) == ("lead_created", 1, sales_staff)
    assert ledger(shop, customer) == [("bonus", 100, f"welcome:{customer}")]

    start = story.next_slot()
    paid = pay(shop, sales, journey, user if pay is pay_in_two else staff, start)
    sale = database.one("SELECT * FROM pos_transactions WHERE workflow_id=?", journey)
    assert (sale["id"], sale["total_st"], sale["payment_status"], sale["payment_method"]) == (
        paid["saleId"], 500000, "paid", "PROMPTPAY")
    assert paid["amount"] == 5000
    state = database.one("SELECT * FROM workflow_states WHERE id=?", journey)
    assert (state["current_stage"], state["version"], state["assigned_beautician_id"], state["scheduled_start"]) == (
        "treatment_scheduled", 3, staff, start)
    seen = sales.get("/api/workflow/unified", action="get", workflow_id=journey)["data"]
    assert [(a["action_type"], a["from_stage"], a["to_stage"]) for a in seen["actions"]] == [
        ("initialize", None, "lead_created"), ("confirm_payment", "lead_created", "payment_confirmed"),
        ("schedule_appointment", "payment_confirmed", "treatment_scheduled")]
    for action in seen["actions"]:
        assert action["data"] == action["action_metadata"] and action["performed_at"] == action["created_at"]
    assert seen["actions"][1]["data"]["skipped"] == ["scanned", "proposal_sent"]
    assert seen["actions"][1]["data"]["amount"] == 5000
    assert seen["workflow"]["scheduled_start"] == iso(start)

    mine = beautician.get("/api/tasks", status="pending", limit=100)
    assert mine["tasks"] == mine["data"]["tasks"]
    (task,) = [t for t in mine["tasks"] if t["workflow_id"] == journey and t["task_type"] == "perform_treatment"]
    assert (task["priority"], task["due_date"], task["assigned_to"]) == ("high", iso(start), staff)
    joined = task["workflow_states"]
    assert (joined["id"], joined["current_stage"], joined["customer_id"]) == (journey, "treatment_scheduled", customer)
    assert joined["customers"]["id"] == customer and joined["customers"]["full_name"] == PERSON["name"]

    # The original's tablet says both, whichever first; the second is told that it was so already.
    beautician.post("/api/workflow", action="startTreatment", journeyId=journey, beauticianId=staff)
    again = beautician.do("PATCH", "/api/tasks", {"task_id": task["id"], "status": "in_progress"})
    assert again["task"]["status"] == "in_progress" and again["task"]["started_by"] == staff
    assert again["task"] == again["data"]["task"]
    assert database.one("SELECT version, current_stage FROM workflow_states WHERE id=?", journey) == {
        "version": 4, "current_stage": "in_treatment"}
    bell = sales.get("/api/notifications", unread="true", limit=50)
    assert any(n["type"] == "treatment_started" for n in bell["notifications"]), bell
    assert bell["pagination"]["limit"] == 50 and bell["pagination"]["total"] >= 1

    beautician.do("PATCH", "/api/tasks", {"task_id": task["id"], "status": "completed", "notes": "เรียบร้อย"})
    done = beautician.post("/api/workflow", action="completeTreatment", journeyId=journey, notes="เรียบร้อย")["data"]
    assert (done["stage"], done["version"], done["already"]) == ("treatment_completed", 5, True)
    assert ledger(shop, customer) == [
        ("bonus", 100, f"welcome:{customer}"), ("earned", 500, f"sale:{sale['id']}:earn"),
        ("bonus", 50, f"workflow:{journey}:action:complete_treatment")]
    loyalty = sales.get("/api/customer/loyalty", customerId=customer, clinicId=clinic)
    profile = loyalty["profile"]
    assert (profile["availablePoints"], profile["total_points"], profile["totalSpent"], profile["total_visits"],
            profile["current_tier"], profile["tierProgressBp"]) == (650, 650, 5000, 1, "bronze", 5000)
    assert sorted(t["amount"] for t in loyalty["transactions"]) == [50, 100, 500]
    upsell = [t for t in sales.get("/api/tasks", status="pending", limit=100)["tasks"]
              if t["workflow_id"] == journey and t["task_type"] == "follow_up_upsell"]
    assert len(upsell) == 1 and upsell[0]["assigned_to"] == sales_staff

    before = everything(database)
    say_again(server, record)
    say_again(server, record)
    assert differences(before, everything(database)) == {}


# Behind the second one the server is killed: what was answered is answered so by the next process.
async def test_the_second_scenario_redeems_once_and_spends_the_coupon_on_the_bill(new_shop):
    shop = new_shop()
    record, server, database, clinic = [], shop.server, shop.database, shop.clinic
    sales, beautician = Original(server, SALES, record), Original(server, BEAUTICIAN, record)
    staff, _ = my_staff_id(server, BEAUTICIAN, clinic)
    journey, customer = lead(shop, sales, my_staff_id(server, SALES, clinic)[0])
    pay_in_one(shop, sales, journey, staff, story.next_slot())
    beautician.post("/api/workflow", action="startTreatment", journeyId=journey, beauticianId=staff)
    beautician.post("/api/workflow", action="completeTreatment", journeyId=journey)
    address = shop.addresses.pop()
    # What the original has no route for: the clinic's rewards, and whose account a customer's is.
    async with await Client.open(server, OWNER) as owner:
        known = {r["name"] for r in (await owner.ask("rewards", {"customerId": customer}))["rewards"]}
        for args in REWARDS:
            if args["name"] not in known:
                await owner.do("createReward", args)
        await owner.do("linkCustomer", {"customerId": customer, "email": address})

    portal = Original(server, address, record)
    assert portal.get("/api/loyalty/points", customerId=customer, clinicId=clinic)["data"]["points"] == 650
    shown = portal.get("/api/loyalty/rewards")["data"]
    assert (shown["availablePoints"], shown["currentTier"]) == (650, "bronze")
    by_name = {r["name"]: r for r in shown["rewards"]}
    tenth = by_name["ลด 10%"]
    assert tenth["open"] and {by_name["ลด ฿500"]["locked"], by_name["Birthday Special"]["locked"]} == {"tier"}
    stock = tenth["left"]

    # The key in the body, as the original's portal sends it; the same once more is the same code.
    k1 = f"k1-{customer}"
    first = portal.do("POST", "/api/loyalty/redeem", {"rewardId": tenth["id"]}, key=k1)["data"]
    status, _, again = portal.send("POST", "/api/loyalty/redeem", {"rewardId": tenth["id"], "idempotencyKey": k1})
    assert status == 200 and again["data"] == first
    assert first["couponCode"] == first["redemptionCode"] and first["availablePoints"] == 150
    assert ledger(shop, customer)[-1] == ("redeemed", -500, f"redeem:{k1}")
    redemption = database.one("SELECT * FROM loyalty_redemptions WHERE customer_id=?", customer)
    coupon = database.one("SELECT * FROM customer_coupons WHERE customer_id=?", customer)
    assert (redemption["status"], redemption["code"]) == ("issued", first["couponCode"])
    assert (coupon["status"], coupon["percent_bp"], coupon["code"]) == ("active", 1000, first["couponCode"])
    left = {r["name"]: r["left"] for r in portal.get("/api/loyalty/rewards")["data"]["rewards"]}["ลด 10%"]
    assert left == stock - 1

    bill = sales.post(
        "/api/pos/transactions", customerId=customer, items=[{"name": "เซรั่ม", "quantity": 1, "price": 3000}],
        couponCode=first["couponCode"])["data"]
    assert (bill["discount"], bill["total"], bill["transaction"]["payment_status"]) == (300, 2700, "pending")
    paid = sales.post(
        "/api/payments", transactionId=bill["transactionId"], amount=2700.00, paymentMethod="CASH")["data"]
    assert (paid["pointsAwarded"], paid["availablePoints"], paid["transaction"]["paid"]) == (270, 420, 2700)
    coupon = database.one("SELECT * FROM customer_coupons WHERE customer_id=?", customer)
    redemption = database.one("SELECT * FROM loyalty_redemptions WHERE customer_id=?", customer)
    assert (coupon["status"], coupon["used_pos_transaction_id"], coupon["discount_st"]) == (
        "used", bill["transactionId"], 30000)
    assert (redemption["status"], redemption["applied_pos_transaction_id"]) == ("applied", bill["transactionId"])
    assert [amount for _, amount, _ in ledger(shop, customer)].count(-500) == 1
    profile = portal.get("/api/loyalty")["data"]
    assert (profile["availablePoints"], profile["totalPoints"], profile["totalSpent"], profile["tierProgressBp"]) == (
        420, 920, 7700, 7700)
    history = portal.get("/api/loyalty/history", limit=50)["data"]
    assert [t["amount"] for t in history["transactions"]].count(-500) == 1
    assert sum(t["amount"] for t in history["transactions"]) == 420
    (told,) = history["redemptions"]
    assert (told["code"], told["status"], told["pointsCost"], told["appliedPosTransactionId"], told["reward"]) == (
        first["couponCode"], "applied", 500, bill["transactionId"], {"name": "ลด 10%"})

    before = everything(database)
    say_again(server, record)
    server.kill()
    server.start()
    say_again(server, record)
    assert differences(before, everything(database)) == {}
