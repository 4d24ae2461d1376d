"""Two at once at the till: one wins, the other is told what happened and what leads on, and the rows add up.

The `shop` fixture adds its books up after every test.
"""

import asyncio

import pytest
import shop as shop_module
import story
from aura_client import Client, new_key
from shop import ADMIN, BAHT, BEAUTICIAN, OWNER, SALES, SALES2


async def at_once(*calls):
    """Sends commands without waiting between them: calls are (client, name, args) or with a key. Returns the acks."""
    futures = [await client.begin(name, args, key=key[0] if key else None) for client, name, args, *key in calls]
    return await asyncio.gather(*[call[0]._patiently(future) for call, future in zip(calls, futures)])


def outcome(acks):
    """The winner's ack and the loser's error."""
    won, lost = [a for a in acks if a["ok"]], [a for a in acks if not a["ok"]]
    assert len(won) == len(lost) == 1, acks
    assert not lost[0]["error"]["temporary"], lost
    return won[0], lost[0]["error"]


async def tills(shop, *who):
    return [await Client.open(shop.server, name) for name in who]


async def close(*clients):
    for client in clients:
        await client.close()


async def rich_customer(shop, points=1000):
    customer, = await shop_module.customers(shop, 1)
    async with await Client.open(shop.server, OWNER) as owner:
        assert await shop_module.award(owner, customer, points) == 100 + points
    return customer


@pytest.mark.parametrize("first", [0, 1])
async def test_one_coupon_at_two_tills_is_on_one_bill(shop, first):
    customer = await rich_customer(shop)
    one, two, owner = await tills(shop, SALES, SALES2, OWNER)
    code = (await shop_module.coupon(one, await shop_module.reward(owner), customer))["couponCode"]
    bills = [await shop_module.bill(till, customer) for till in (one, two)]
    calls = [(till, "applyCoupon", {"saleId": sale, "code": code}) for till, sale in zip((one, two), bills)]
    acks = await at_once(*(calls if first == 0 else reversed(calls)))
    won, error = outcome(acks)
    assert error["code"] == "coupon_unavailable" and error["details"]["reason"] == "reserved", error
    assert error["details"]["code"] == code and error["message"] == "It is on another bill."
    held = won["result"]["saleId"]
    other = next(sale for sale in bills if sale != held)
    # What leads on: the other bill lets go of it.
    assert (await one.do("removeCoupon", {"saleId": held}))["totalSt"] == 300000
    assert (await two.do("applyCoupon", {"saleId": other, "code": code}))["totalSt"] == 270000
    # And paid it is used, for good.
    await two.do("paySale", shop_module.pay_args(other, 270000))
    error = await one.refused("applyCoupon", {"saleId": held, "code": code})
    assert (error["code"], error["details"]["reason"]) == ("coupon_unavailable", "used")
    await close(one, two, owner)


async def test_two_redemptions_and_points_for_one(shop):
    address, customer = await shop.account()
    phone, till, owner = await tills(shop, address, SALES, OWNER)
    await shop_module.award(owner, customer, 500)
    reward = await shop_module.reward(owner, cost=400)
    acks = await at_once(
        (phone, "redeemReward", {"rewardId": reward}),
        (till, "redeemReward", {"rewardId": reward, "customerId": customer}))
    won, error = outcome(acks)
    assert won["result"]["availablePoints"] == 200
    assert error["code"] == "insufficient_points", error
    assert error["details"] == {"reward_id": reward, "reason": "points", "points": 400, "available_points": 200}
    # What leads on: the missing points.
    assert await shop_module.award(owner, customer, 200) == 400
    assert (await shop_module.coupon(phone, reward))["availablePoints"] == 0
    await close(phone, till, owner)


async def test_two_customers_and_the_last_of_a_reward(shop):
    (first, _), (second, _) = await shop.account(), await shop.account()
    one, two, owner = await tills(shop, first, second, OWNER)
    reward = await shop_module.reward(owner, cost=50, maxRedemptions=1)
    won, error = outcome(await at_once(*[(c, "redeemReward", {"rewardId": reward}) for c in (one, two)]))
    assert (error["code"], error["details"]) == (
        "coupon_unavailable", {"reward_id": reward, "reason": "sold_out"})
    assert shop.database.value("SELECT current_redemptions FROM loyalty_rewards WHERE id=?", reward) == 1
    # What leads on: it comes back.
    await owner.do("cancelRedemption", {"redemptionId": won["result"]["redemptionId"]})
    shown = {r["id"]: r for r in (await two.ask("rewards", {}))["rewards"]}[reward]
    assert (shown["left"], shown["open"]) == (1, True)
    await close(one, two, owner)


async def test_a_limit_for_each_customer_holds_against_two_taps(shop):
    address, customer = await shop.account()
    phone, tablet, owner = await tills(shop, address, address, OWNER)
    await shop_module.award(owner, customer, 900)
    reward = await shop_module.reward(owner, cost=50, perCustomerLimit=1)
    _, error = outcome(await at_once(*[(c, "redeemReward", {"rewardId": reward}) for c in (phone, tablet)]))
    assert (error["code"], error["details"]["reason"], error["details"]["limit"]) == ("coupon_unavailable", "limit", 1)
    await close(phone, tablet, owner)


async def test_two_cancels_give_the_points_back_once(shop):
    address, customer = await shop.account()
    phone, owner = await tills(shop, address, OWNER)
    reward = await shop_module.reward(owner, cost=80)
    redemption = (await shop_module.coupon(phone, reward))["redemptionId"]
    acks = await at_once(*[(c, "cancelRedemption", {"redemptionId": redemption}) for c in (phone, owner)])
    assert [ack["ok"] for ack in acks] == [True, True]
    assert sorted(ack["result"]["already"] for ack in acks) == [False, True]
    assert {ack["result"]["availablePoints"] for ack in acks} == {100}
    rows = shop.database.read("SELECT amount FROM point_transactions WHERE customer_id=? ORDER BY rowid", customer)
    assert [row["amount"] for row in rows] == [100, -80, 80]
    await close(phone, owner)


@pytest.mark.parametrize("first", ["applyCoupon", "cancelRedemption"])
async def test_a_coupon_that_is_given_back_while_it_is_put_on_a_bill_is_one_of_both(shop, first):
    customer = await rich_customer(shop)
    till, owner = await tills(shop, SALES, OWNER)
    coupon = await shop_module.coupon(till, await shop_module.reward(owner), customer)
    sale = await shop_module.bill(till, customer)
    calls = {
        "applyCoupon": (till, "applyCoupon", {"saleId": sale, "code": coupon["couponCode"]}),
        "cancelRedemption": (owner, "cancelRedemption", {"redemptionId": coupon["redemptionId"]})}
    acks = await at_once(calls[first], *[call for name, call in calls.items() if name != first])
    won, error = outcome(acks)
    assert error["code"] == "coupon_unavailable", error
    state = shop.database.one("SELECT status FROM customer_coupons WHERE code=?", coupon["couponCode"])["status"]
    if "saleId" in won["result"]:
        assert (state, error["details"]["coupon_status"]) == ("reserved", "reserved")
        await till.do("removeCoupon", {"saleId": sale})
        await owner.do("cancelRedemption", {"redemptionId": coupon["redemptionId"]})
    else:
        assert (state, error["details"]["reason"]) == ("cancelled", "cancelled")
    await close(till, owner)


@pytest.mark.parametrize("first", ["paySale", "voidSale"])
async def test_a_bill_that_is_paid_and_made_void_at_once_is_one_of_both(shop, first):
    customer = await rich_customer(shop)
    till, owner = await tills(shop, SALES, OWNER)
    code = (await shop_module.coupon(till, await shop_module.reward(owner), customer))["couponCode"]
    sale = await shop_module.bill(till, customer)
    await till.do("applyCoupon", {"saleId": sale, "code": code})
    calls = {"paySale": (till, "paySale", shop_module.pay_args(sale, 270000)),
             "voidSale": (owner, "voidSale", {"saleId": sale})}
    acks = await at_once(calls[first], *[call for name, call in calls.items() if name != first])
    won, error = outcome(acks)
    status = won["result"]["status"]
    assert status in ("paid", "void") and error["code"] == "invalid_transition", (won, error)
    assert error["details"]["payment_status"] == status and error["details"]["sale_id"] == sale
    coupon = shop.database.one("SELECT status FROM customer_coupons WHERE code=?", code)["status"]
    assert coupon == {"paid": "used", "void": "active"}[status]
    points = shop.database.read("SELECT amount FROM point_transactions WHERE event_key=?", f"sale:{sale}:earn")
    assert [row["amount"] for row in points] == ([270] if status == "paid" else [])
    await close(till, owner)


async def test_a_bill_is_paid_once_by_two_tills(shop):
    customer = await rich_customer(shop)
    one, two = await tills(shop, SALES, SALES2)
    sale = await shop_module.bill(one, customer)
    won, error = outcome(await at_once(
        (one, "paySale", shop_module.pay_args(sale, 300000, "CASH")),
        (two, "paySale", shop_module.pay_args(sale, 300000, "CARD"))))
    assert (error["code"], error["details"]["payment_status"]) == ("invalid_transition", "paid")
    # The same payment under another key is the same payment.
    method = shop.database.one("SELECT payment_method FROM pos_transactions WHERE id=?", sale)["payment_method"]
    again = await two.do("paySale", shop_module.pay_args(sale, 300000, method))
    assert again["already"] and again["version"] == won["result"]["version"]
    await close(one, two)


async def test_a_sale_is_paid_back_once_by_two_tills_and_never_more_than_was_paid(shop):
    customer = await rich_customer(shop)
    one, two = await tills(shop, OWNER, ADMIN)
    whole = await shop_module.sold(one, customer)
    _, error = outcome(await at_once(*[(c, "refundSale", {"saleId": whole, "reason": "x"}) for c in (one, two)]))
    assert (error["code"], error["details"]["payment_status"]) == ("invalid_transition", "refunded")
    parts = await shop_module.sold(one, customer)
    _, error = outcome(await at_once(
        *[(c, "refundSale", {"saleId": parts, "amountSt": 200000, "reason": "x"}) for c in (one, two)]))
    assert error["code"] == "amount_mismatch", error
    assert error["details"] == {"path": "args.amountSt", "amount_st": 200000, "refundable_st": 100000}
    await two.do("refundSale", {"saleId": parts, "amountSt": error["details"]["refundable_st"], "reason": "x"})
    profile = shop.database.one("SELECT * FROM loyalty_profiles WHERE customer_id=?", customer)
    assert (profile["available_points"], profile["total_spent_st"]) == (1100, 0)
    await close(one, two)


async def test_points_that_were_spent_are_owed_after_a_refund_and_block_until_they_are_earned_again(shop):
    customer = (await shop_module.customers(shop, 1))[0]
    till, owner = await tills(shop, SALES, OWNER)
    reward = await shop_module.reward(owner, cost=350)
    sale = await shop_module.sold(till, customer)
    await shop_module.coupon(till, reward, customer)
    assert (await owner.do("refundSale", {"saleId": sale, "reason": "คืน"}))["availablePoints"] == 400 - 350 - 300
    error = await till.refused("redeemReward", {"rewardId": reward, "customerId": customer})
    assert (error["code"], error["details"]["available_points"]) == ("insufficient_points", -250)
    await shop_module.sold(till, customer)
    credit = shop.database.one(
        "SELECT * FROM point_transactions WHERE customer_id=? ORDER BY rowid DESC LIMIT 1", customer)
    assert (credit["amount"], credit["absorbed"]) == (300, 250)
    assert (await till.ask("loyaltyProfile", {"customerId": customer}))["availablePoints"] == 50
    await close(till, owner)


async def test_one_key_at_once_on_two_connections_is_one_command(shop):
    address, customer = await shop.account()
    one, two, owner = await tills(shop, address, address, OWNER)
    reward = await shop_module.reward(owner, cost=30)
    key = new_key()
    acks = await at_once(*[(c, "redeemReward", {"rewardId": reward}, key) for c in (one, two)])
    assert sorted(ack["duplicate"] for ack in acks) == [False, True]
    assert acks[0]["result"] == acks[1]["result"] and acks[0]["cursor"] == acks[1]["cursor"]
    assert shop.database.value(
        "SELECT count(*) FROM loyalty_redemptions WHERE event_key=?", f"redeem:{key}") == 1
    # With another body it is no repeat.
    other = await shop_module.reward(owner, cost=31)
    error = await two.refused("redeemReward", {"rewardId": other}, key=key)
    assert (error["code"], error["details"]) == ("key_reused", {"key": key})
    # From another person neither, whether or not it is for the same customer.
    till, = await tills(shop, SALES)
    same = await till.do("redeemReward", {"rewardId": reward, "customerId": customer}, key=key)
    assert same["already"] and same["couponCode"] == acks[0]["result"]["couponCode"]
    stranger, = await shop_module.customers(shop, 1)
    admin, = await tills(shop, ADMIN)
    error = await admin.refused("redeemReward", {"rewardId": reward, "customerId": stranger}, key=key)
    assert error["code"] == "key_reused", error
    assert shop.database.value("SELECT count(*) FROM loyalty_redemptions WHERE customer_id=?", stranger) == 0
    await close(one, two, owner, till, admin)


async def test_one_key_of_a_sale_and_its_payment_at_once_is_one_sale(shop):
    customer = await rich_customer(shop)
    one, two = await tills(shop, SALES, SALES)
    key = new_key()
    acks = await at_once(*[(c, "createSale", shop_module.sale_args(customer), key) for c in (one, two, one)])
    assert {ack["result"]["saleId"] for ack in acks} == {acks[0]["result"]["saleId"]}
    sale, key = acks[0]["result"]["saleId"], new_key()
    acks = await at_once(*[(c, "paySale", shop_module.pay_args(sale, 300000), key) for c in (two, one, two)])
    assert sorted(ack["duplicate"] for ack in acks) == [False, True, True]
    assert [ack["result"]["availablePoints"] for ack in acks] == [1400] * 3
    assert shop.database.value("SELECT count(*) FROM pos_transactions WHERE customer_id=?", customer) == 1
    await close(one, two)


async def test_a_coupon_that_excludes_others_and_one_that_has_no_effect_are_refused_with_their_reason(shop):
    customer = await rich_customer(shop)
    till, owner = await tills(shop, SALES, OWNER)
    alone = (await shop_module.coupon(
        till, await shop_module.reward(owner, cost=10, stackable=False), customer))["couponCode"]
    free = await owner.do("createReward", {
        "name": "ฟรี", "type": "free_service", "pointsCost": 10, "treatmentId": shop.treatment})
    free = (await shop_module.coupon(till, free["rewardId"], customer))["couponCode"]
    reduced = await shop_module.bill(till, customer, discountSt=10000)
    error = await till.refused("applyCoupon", {"saleId": reduced, "code": alone})
    assert (error["code"], error["details"]["reason"]) == ("coupon_unavailable", "not_stackable")
    error = await till.refused("applyCoupon", {"saleId": reduced, "code": free})
    assert (error["code"], error["details"]["reason"]) == ("coupon_unavailable", "treatment")
    both = (await till.do("createSale", {"customerId": customer, "items": [
        {"treatmentId": shop.treatment, "priceSt": 5000 * BAHT, "quantity": 2}, {"name": "ครีม", "priceSt": 70000}]}))
    applied = await till.do("applyCoupon", {"saleId": both["saleId"], "code": free})
    assert (applied["couponDiscountSt"], applied["totalSt"]) == (500000, 570000)
    error = await till.refused("applyCoupon", {"saleId": both["saleId"], "code": alone})
    assert (error["code"], error["details"]["reason"]) == ("coupon_unavailable", "other_coupon")
    await close(till, owner)


async def test_a_whole_refund_gives_the_coupon_back_and_it_can_be_used_again(shop):
    customer = await rich_customer(shop)
    till, owner = await tills(shop, SALES, OWNER)
    coupon = await shop_module.coupon(till, await shop_module.reward(owner), customer)
    for balance in (600 + 270, 600 + 270):
        sale = await shop_module.bill(till, customer)
        await till.do("applyCoupon", {"saleId": sale, "code": coupon["couponCode"]})
        assert (await till.do("paySale", shop_module.pay_args(sale, 270000)))["availablePoints"] == balance
        error = await owner.refused("cancelRedemption", {"redemptionId": coupon["redemptionId"]})
        assert (error["code"], error["details"]["status"], error["details"]["coupon_status"]) == (
            "coupon_unavailable", "applied", "used")
        assert (await owner.do("refundSale", {"saleId": sale, "reason": "x"}))["availablePoints"] == 600
        states = shop.database.one(
            "SELECT c.status AS coupon, r.status AS redemption FROM customer_coupons c "
            "JOIN loyalty_redemptions r ON r.id=c.redemption_id WHERE c.code=?", coupon["couponCode"])
        assert states == {"coupon": "active", "redemption": "issued"}
    await close(till, owner)


async def test_a_treatment_paid_with_a_coupon_and_called_off_gives_all_of_it_back(shop):
    sales, owner = await tills(shop, SALES, OWNER)
    lead = await sales.do("initialize", story.lead_args())
    customer, workflow = lead["customerId"], lead["workflowId"]
    code = (await shop_module.coupon(sales, await shop_module.reward(owner, cost=100), customer))["couponCode"]
    payment = {"workflowId": workflow, "paymentMethod": "CASH", "treatmentId": shop.treatment, "couponCode": code}
    error = await sales.refused("confirmPayment", {**payment, "amountSt": 500000})
    assert (error["code"], error["details"]["expected_st"], error["details"]["coupon_st"]) == (
        "amount_mismatch", 450000, 50000)
    await sales.do("confirmPayment", {**payment, "amountSt": 450000})
    states = "SELECT c.status FROM customer_coupons c WHERE c.code=?"
    assert shop.database.value(states, code) == "used"
    await owner.do("cancel", {"workflowId": workflow, "reason": "ย้ายบ้าน", "settlement": "refund"})
    assert shop.database.value(states, code) == "active"
    profile = await sales.ask("loyaltyProfile", {"customerId": customer})
    assert (profile["availablePoints"], profile["totalSpentSt"], profile["totalPoints"]) == (0, 0, 100)
    await close(sales, owner)


async def test_a_treatment_paid_back_in_parts_loses_its_bonus_with_the_last_part_only(shop):
    sales, tablet, owner = await tills(shop, SALES, BEAUTICIAN, OWNER)
    lead = await sales.do("initialize", story.lead_args())
    customer, workflow = lead["customerId"], lead["workflowId"]
    paid = await sales.do("confirmPayment", story.payment_args(
        workflow, tablet.staff, treatmentName=shop_module.TREATMENT))
    # What goes back before the treatment was never earned.
    before = await owner.do("refundSale", {"saleId": paid["saleId"], "amountSt": 123456, "reason": "x"})
    assert before["availablePoints"] == 100
    await tablet.do("startTreatment", {"workflowId": workflow})
    await tablet.do("completeTreatment", {"workflowId": workflow})
    balances = []
    for amount in ({"amountSt": 99}, {"amountSt": 200000}, {}):
        refund = await owner.do("refundSale", {"saleId": paid["saleId"], "reason": "x", **amount})
        balances.append(refund["availablePoints"])
    # 376,544 satang are 376 points, 376,445 still are, 176,445 are 176, and nothing is nothing, the bonus of 50 too.
    assert balances == [100 + 376 + 50, 100 + 176 + 50, 100]
    assert (await sales.ask("loyaltyProfile", {"customerId": customer}))["totalSpentSt"] == 0
    await close(sales, tablet, owner)
