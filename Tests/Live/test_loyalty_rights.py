"""Whose points, coupons and bills they are, and who may touch them."""

import json

import pytest
import shop as shop_module
from aura_client import Client
from shop import ADMIN, BEAUTICIAN, LOYALTY, NEIGHBOUR, OWNER, SALES

NOWHERE = "0190c0de-0000-7000-8000-000000000000"
# Each with arguments that would do, had one the right: CUSTOMER, REWARD and the others stand for ids.
COMMANDS = {
    "redeemReward": {"rewardId": "REWARD", "customerId": "CUSTOMER"},
    "cancelRedemption": {"redemptionId": "REDEMPTION"},
    "createSale": {"customerId": "CUSTOMER", "items": [{"name": "x", "priceSt": 100}]},
    "applyCoupon": {"saleId": "SALE", "code": "CODE"},
    "removeCoupon": {"saleId": "SALE"},
    "paySale": {"saleId": "SALE", "amountSt": 300000, "paymentMethod": "CASH"},
    "voidSale": {"saleId": "SALE"},
    "refundSale": {"saleId": "PAID", "reason": "x"},
    "awardPoints": {"customerId": "CUSTOMER", "points": 1, "transactionId": "t"},
    "unlockAchievement": {"achievementId": "ACHIEVEMENT", "customerId": "CUSTOMER"},
    "recordReview": {"workflowId": "WORKFLOW"},
    "createReward": {"name": "x", "type": "discount_percentage", "pointsCost": 1, "percentBp": 1},
    "updateReward": {"rewardId": "REWARD", "pointsCost": 1},
    "createAchievement": {"name": "x", "conditions": {"visitCount": 1}},
    "updateAchievement": {"achievementId": "ACHIEVEMENT", "pointsReward": 1000},
    "updateLoyaltySettings": {"welcomeBonus": 1000},
    "linkCustomer": {"customerId": "CUSTOMER", "email": "customer1@shop.aura"},
    "unlinkCustomer": {"customerId": "CUSTOMER"},
}
QUERIES = ("loyaltyProfile", "rewards", "pointHistory", "coupons")
FORBIDDEN = {
    # A customer redeems and gives back, for themselves; see below.
    "customer": set(COMMANDS) - {"redeemReward", "cancelRedemption"},
    "beautician": set(COMMANDS),
    "sales": {"cancelRedemption", "refundSale", "awardPoints", "createReward", "updateReward", "createAchievement",
              "updateAchievement", "updateLoyaltySettings"},
    "admin": set(),
}


async def things(shop, who=OWNER, customer=None):
    """One of each thing that commands name, all of one customer; by the words that stand for them."""
    async with await Client.open(shop.server, who) as owner:
        lead = await owner.do("initialize", shop_module.story.lead_args())
        customer = customer or lead["customerId"]
        await shop_module.award(owner, customer, 1000)
        reward = await shop_module.reward(owner)
        redeemed = await shop_module.coupon(owner, reward, customer)
        achievement = await owner.do("createAchievement", {
            "name": f"สำเร็จ {lead['workflowId']}", "conditions": {"visitCount": 400}, "isActive": False})
        return {
            "CUSTOMER": customer, "REWARD": reward, "REDEMPTION": redeemed["redemptionId"],
            "CODE": redeemed["couponCode"], "SALE": await shop_module.bill(owner, customer),
            "PAID": await shop_module.sold(owner, customer), "WORKFLOW": lead["workflowId"],
            "ACHIEVEMENT": achievement["achievementId"]}


# What none of them is.
NOTHING = {
    word: NOWHERE for word in ("CUSTOMER", "REWARD", "REDEMPTION", "SALE", "PAID", "WORKFLOW", "ACHIEVEMENT")
} | {"CODE": "RWD-ZZZZZZZZ"}


def filled(args, ids):
    text = json.dumps(args)
    for word, identity in ids.items():
        text = text.replace(f'"{word}"', f'"{identity}"')
    return json.loads(text)


async def unchanged(shop, calls):
    """Runs `calls` and holds every row but the stored outcomes of refused commands against what was before."""
    but = ("sys_commands", "sys_audit")
    before = shop_module.everything(shop.database, but=but)
    await calls
    assert shop_module.differences(before, shop_module.everything(shop.database, but=but)) == {}


@pytest.mark.parametrize("role", ["customer", "beautician", "sales"])
async def test_what_a_role_may_not_do_with_points_and_bills_is_forbidden(shop, role):
    ids = await things(shop)
    address = {"beautician": BEAUTICIAN, "sales": SALES}.get(role)
    if address is None:
        address, customer = await shop.account()
        # Not with their own either.
        ids = await things(shop, customer=customer)
    async with await Client.open(shop.server, address) as client:
        async def calls():
            for name in sorted(FORBIDDEN[role]):
                for which in (ids, NOTHING):
                    error = await client.refused(name, filled(COMMANDS[name], which), clinic=shop.clinic)
                    assert error["code"] == "forbidden", (name, error)
                    assert NOWHERE not in json.dumps(error) and ids["CUSTOMER"] not in json.dumps(error), error

        await unchanged(shop, calls())


async def test_what_the_other_roles_may_do_they_can(shop):
    for role, address in (("sales", SALES), ("admin", ADMIN)):
        ids = await things(shop)
        async with await Client.open(shop.server, address) as client:
            for name in ("createSale", "applyCoupon", "removeCoupon", "redeemReward", "voidSale"):
                await client.do(name, filled(COMMANDS[name], ids))
            error = await client.refused("paySale", filled(COMMANDS["paySale"], ids))
            assert error["details"]["payment_status"] == "void", error
            if role == "admin":
                for name in ("refundSale", "cancelRedemption", "updateReward", "updateAchievement"):
                    await client.do(name, filled(COMMANDS[name], ids))
            assert not FORBIDDEN[role] & {"createSale", "paySale"}


async def test_a_page_that_is_taken_away_shows_nothing_of_that_commit_or_later(shop):
    (address, customer), (other_address, _) = await shop.account(), await shop.account()
    async with await Client.open(shop.server, address) as phone, await Client.open(shop.server, SALES) as sales, \
            await Client.open(shop.server, OWNER) as owner:
        mine = await phone.subscribe(LOYALTY)
        for email in (other_address, SALES):
            error = await sales.refused("linkCustomer", {"customerId": customer, "email": email})
            assert error["code"] in ("duplicate", "forbidden"), error
        await shop_module.award(owner, customer, 1)
        await phone.ping()
        last = mine.seq
        gone = await owner.command("unlinkCustomer", {"customerId": customer})
        await shop_module.award(owner, customer, 2)
        assert await phone.ended() == 4003
        assert mine.seq == last < gone["cursor"]["seq"] and sum(
            row["amount"] for row in mine.rows("point_transactions")) == 101
        # Who comes next sees it all, and no more than it.
        await sales.do("linkCustomer", {"customerId": customer, "email": address})
        async with await Client.open(shop.server, address) as again:
            theirs = await again.subscribe(LOYALTY)
            assert sum(row["amount"] for row in theirs.rows("point_transactions")) == 103
            assert [row["customer_id"] for row in theirs.rows("loyalty_profiles")] == [customer]


async def test_a_customer_redeems_and_gives_back_for_themselves_only(shop):
    (address, customer), (other_address, other) = await shop.account(), await shop.account()
    async with await Client.open(shop.server, address) as phone, \
            await Client.open(shop.server, other_address) as stranger, await Client.open(shop.server, OWNER) as owner:
        reward = await shop_module.reward(owner, cost=40)

        async def calls():
            error = await phone.refused("redeemReward", {"rewardId": reward, "customerId": other})
            assert error["code"] == "forbidden" and other not in json.dumps(error), error

        await unchanged(shop, calls())
        mine = await phone.do("redeemReward", {"rewardId": reward, "customerId": customer})
        error = await stranger.refused("cancelRedemption", {"redemptionId": mine["redemptionId"]})
        unknown = await stranger.refused("cancelRedemption", {"redemptionId": NOWHERE})
        assert error["code"] == "not_found"
        assert json.dumps(error).replace(mine["redemptionId"], NOWHERE) == json.dumps(unknown)
        assert (await phone.do("cancelRedemption", {"redemptionId": mine["redemptionId"]}))["availablePoints"] == 100


async def test_a_customer_may_give_back_for_a_day_and_then_the_clinic_does(new_shop):
    shop = new_shop()
    address, customer = await shop.account()
    async with await Client.open(shop.server, OWNER) as owner:
        coupon = await shop_module.coupon(owner, await shop_module.reward(owner, cost=40), customer)
    shop.server.stop()
    with shop.database.writing() as connection:
        connection.execute(
            "UPDATE loyalty_redemptions SET issued_at=issued_at-? WHERE id=?",
            (25 * shop_module.story.HOUR, coupon["redemptionId"]))
    shop.server.start()
    async with await Client.open(shop.server, address) as phone, \
            await Client.open(shop.server, OWNER) as owner:
        error = await phone.refused("cancelRedemption", {"redemptionId": coupon["redemptionId"]})
        assert error["code"] == "too_late" and "issued_at" in error["details"], error
        done = await owner.do("cancelRedemption", {"redemptionId": coupon["redemptionId"]})
        assert (done["status"], done["availablePoints"]) == ("cancelled", 100)


async def test_a_customer_asks_for_their_own_points_only(shop):
    (address, customer), (_, other) = await shop.account(), await shop.account()
    async with await Client.open(shop.server, address) as phone, await Client.open(shop.server, SALES) as sales:
        for name in QUERIES:
            mine = await phone.ask(name, {})
            assert mine == await phone.ask(name, {"customerId": customer}) and mine["customerId"] == customer
            for stranger in (other, NOWHERE):
                answer = await phone.query(name, {"customerId": stranger})
                assert not answer["ok"] and answer["error"]["code"] == "forbidden", (name, answer)
                assert stranger not in json.dumps(answer)
            assert (await sales.ask(name, {"customerId": other}))["customerId"] == other
        theirs = shop.database.one(
            "SELECT id FROM point_transactions WHERE customer_id=? ORDER BY rowid LIMIT 1", other)["id"]
        answer = await phone.query("pointHistory", {"after": theirs})
        assert not answer["ok"] and answer["error"]["code"] == "not_found", "a page after a posting of somebody else"


async def test_what_is_another_clinics_is_not_found_in_mine_and_forbidden_there(shop):
    theirs, mine = await things(shop, NEIGHBOUR), await things(shop, OWNER)
    heads = {clinic: shop.database.head(clinic) for clinic in (shop.clinic, shop.neighbour)}
    async with await Client.open(shop.server, OWNER) as owner:
        async def calls():
            for name, args in COMMANDS.items():
                error = await owner.refused(name, filled(args, theirs), clinic=shop.neighbour)
                assert error["code"] == "forbidden", (name, error)
                if filled(args, theirs) == args:
                    continue
                error = await owner.refused(name, filled(args, theirs), clinic=shop.clinic)
                assert error["code"] == "not_found", (name, error)
                unknown = await owner.refused(name, filled(args, NOTHING), clinic=shop.clinic)
                assert error["message"] == unknown["message"], (name, error, unknown)
            # Mine and theirs in one command.
            for name, args in (
                    ("redeemReward", {"rewardId": theirs["REWARD"], "customerId": mine["CUSTOMER"]}),
                    ("redeemReward", {"rewardId": mine["REWARD"], "customerId": theirs["CUSTOMER"]}),
                    ("unlockAchievement", {"achievementId": theirs["ACHIEVEMENT"], "customerId": mine["CUSTOMER"]}),
                    ("createSale", {"customerId": mine["CUSTOMER"], "items": [
                        {"treatmentId": NOWHERE, "priceSt": 1}]}),
                    ("createReward", {"name": "x", "type": "free_service", "pointsCost": 1, "treatmentId": NOWHERE})):
                error = await owner.refused(name, args)
                assert error["code"] in ("not_found", "bad_request"), (name, error)
            for name in QUERIES:
                answer = await owner.query(name, {"customerId": theirs["CUSTOMER"]})
                assert not answer["ok"] and answer["error"]["code"] == "not_found", (name, answer)
                answer = await owner.query(name, {"customerId": theirs["CUSTOMER"]}, shop.neighbour)
                assert answer.get("code", answer.get("error", {}).get("code")) == "forbidden", (name, answer)

        await unchanged(shop, calls())
    assert heads == {clinic: shop.database.head(clinic) for clinic in heads}


# Numbers

TOO_LARGE = 10_000_000_001
HUGE = 2**53 - 1


async def test_numbers_that_do_not_fit_are_refused_and_change_nothing(shop):
    ids = await things(shop)
    customer, sale, paid = ids["CUSTOMER"], ids["SALE"], ids["PAID"]
    bills = [
        [{"name": "x", "priceSt": TOO_LARGE}], [{"name": "x", "priceSt": HUGE}], [{"name": "x", "priceSt": -1}],
        [{"name": "x", "priceSt": 1.5}], [{"name": "x", "priceSt": "100"}],
        [{"name": "x", "priceSt": 1, "quantity": 0}], [{"name": "x", "priceSt": 1, "quantity": 1001}],
        # Each fits, their sum does not.
        [{"name": "x", "priceSt": 10_000_000_000, "quantity": 1000}] * 50,
        [{"name": "x", "priceSt": 5_000_000_001}] * 2, [], [{"name": "x", "priceSt": 1}] * 51,
    ]
    calls = [("createSale", {"customerId": customer, "items": items}) for items in bills]
    calls += [("createSale", shop_module.sale_args(customer, 100, discountSt=n)) for n in (101, -1, HUGE, 0.5)]
    calls += [("paySale", shop_module.pay_args(sale, n)) for n in (-1, TOO_LARGE, HUGE, 1e300, 300000.5, "300000")]
    calls += [("paySale", {"saleId": sale, "amount": n, "paymentMethod": "CASH"}) for n in (1e18, 3000.001, -3000)]
    calls += [("refundSale", {"saleId": paid, "amountSt": n, "reason": "x"}) for n in (0, -1, TOO_LARGE, HUGE, 0.5)]
    calls += [("awardPoints", {"customerId": customer, "points": n, "transactionId": f"n{n}"})
              for n in (0, -5, 10_001, HUGE, 1.5, "5")]
    calls += [("createReward", shop_module.reward_args(**{"cost": 1, name: n})) for name, n in (
        ("cost", 0), ("cost", -1), ("cost", HUGE), ("percentBp", 10_001), ("percentBp", 0), ("couponDays", HUGE),
        ("monetaryValueSt", TOO_LARGE), ("maxRedemptions", -1), ("perCustomerLimit", 0), ("validUntil", HUGE))]
    calls += [("createAchievement", {"name": "x", "conditions": c, "pointsReward": p}) for c, p in (
        ({"visitCount": 1}, HUGE), ({"visitCount": 1}, -1), ({"totalSpent": HUGE}, 1), ({"totalSpent": -1}, 1),
        ({"visitCount": HUGE}, 1), ({}, 1), ({"shoeSize": 44}, 1))]
    async with await Client.open(shop.server, OWNER) as owner:
        async def refuse():
            for name, args in calls:
                error = await owner.refused(name, args)
                assert error["code"] == "bad_request" and not error.get("temporary"), (name, args, error)
                assert error["details"]["path"].startswith("args"), (name, args, error)
            # One that fits and is wrong is told what would be right.
            error = await owner.refused("paySale", shop_module.pay_args(sale, 10_000_000_000))
            assert (error["code"], error["details"]["expected_st"]) == ("amount_mismatch", 300000)
            error = await owner.refused("refundSale", {"saleId": paid, "amountSt": 300001, "reason": "x"})
            assert (error["code"], error["details"]["refundable_st"]) == ("amount_mismatch", 300000)

        await unchanged(shop, refuse())


async def test_the_largest_sale_is_earned_spent_and_paid_back_to_the_last_satang(shop):
    customer, = await shop_module.customers(shop, 1)
    most = 10_000_000_000
    async with await Client.open(shop.server, OWNER) as owner:
        first = await shop_module.sold(owner, customer, most)
        second = await shop_module.bill(owner, customer, most)
        # A diamond earns double.
        paid = await owner.do("paySale", shop_module.pay_args(second, most, "TRANSFER"))
        assert (paid["pointsAwarded"], paid["availablePoints"]) == (20_000_000, 30_000_100)
        await owner.do("refundSale", {"saleId": first, "amountSt": most - 1, "reason": "x"})
        profile = await owner.ask("loyaltyProfile", {"customerId": customer})
        assert (profile["availablePoints"], profile["totalSpentSt"], profile["currentTier"]) == (
            20_000_100, most + 1, "diamond")
        await owner.do("refundSale", {"saleId": second, "reason": "x"})
        profile = await owner.ask("loyaltyProfile", {"customerId": customer})
        assert (profile["availablePoints"], profile["totalSpentSt"], profile["currentTier"]) == (100, 1, "bronze")
