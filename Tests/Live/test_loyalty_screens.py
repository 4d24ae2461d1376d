"""Points, coupons and bills on the screens of those whom they concern, and on nobody else's."""

import json
import re

import shop as shop_module
import story
from aura_client import TABLES, Client
from shop import BAHT, BEAUTICIAN, LOYALTY, NEIGHBOUR, OWNER, SALES

CUSTOMERS_COLUMNS = {
    "point_transactions": {"id", "clinic_id", "customer_id", "type", "amount", "description", "workflow_id",
                           "reward_id", "expires_at", "created_at", "version"},
    "loyalty_redemptions": {"id", "clinic_id", "customer_id", "reward_id", "points_cost", "code", "status",
                            "issued_at", "applied_at", "version", "created_at", "updated_at"},
    "customer_coupons": {"id", "clinic_id", "customer_id", "code", "source", "type", "percent_bp", "amount_st",
                         "treatment_id", "stackable", "status", "valid_from", "valid_until", "used_at", "version",
                         "created_at", "updated_at"},
}


async def test_every_posting_is_one_commit_on_the_screens_of_the_customer_and_the_staff_and_on_no_others(shop):
    server, database = shop.server, shop.database
    (address, customer), (other_address, other) = await shop.account(), await shop.account()
    async with await Client.open(server, address) as phone, await Client.open(server, other_address) as stranger, \
            await Client.open(server, SALES) as till, await Client.open(server, OWNER) as owner, \
            await Client.open(server, NEIGHBOUR) as neighbour:
        mine, staffs, owners = [await c.subscribe(LOYALTY) for c in (phone, till, owner)]
        not_theirs = [await c.subscribe([*LOYALTY, "pos_transactions"]) for c in (stranger, neighbour)]
        reward = await shop_module.reward(owner, cost=300)
        # The same commit holds the posting and the balance after it, for whoever looks.
        posted = []

        async def follows(client, name, args, amount, *tables):
            ack = await client.command(name, args)
            assert ack["ok"], (name, ack)
            await phone.ping()
            await till.ping()
            await owner.ping()
            for replica in (mine, staffs, owners):
                commit = replica.commits[ack["cursor"]["seq"]]
                rows = {table: [] for table in LOYALTY}
                for change in commit["changes"]:
                    rows[change["table"]].append(change["row"])
                assert {table for table in LOYALTY if rows[table]} == {*tables}, (name, commit)
                assert all(row["customer_id"] == customer for part in rows.values() for row in part)
                if amount:
                    assert [row["amount"] for row in rows["point_transactions"]] == [amount], (name, rows)
                    balance = 100 + sum(posted) + amount
                    assert [row["available_points"] for row in rows["loyalty_profiles"]] == [balance], (name, rows)
            # Causes are for staff alone.
            assert mine.commits[ack["cursor"]["seq"]].get("cause") is None
            assert staffs.commits[ack["cursor"]["seq"]]["cause"]["command"] == name
            posted.append(amount)
            return ack["result"]

        postings = ("point_transactions", "loyalty_profiles")
        coupons = ("customer_coupons", "loyalty_redemptions")
        await follows(owner, "awardPoints", {"customerId": customer, "points": 900, "transactionId": customer},
                      900, *postings)
        first = await follows(phone, "redeemReward", {"rewardId": reward}, -300, *postings, *coupons)
        await follows(phone, "cancelRedemption", {"redemptionId": first["redemptionId"]}, 300, *postings, *coupons)
        second = await follows(till, "redeemReward", {"rewardId": reward, "customerId": customer}, -300,
                               *postings, *coupons)
        sale = await shop_module.bill(till, customer, 2000 * BAHT)
        await follows(till, "applyCoupon", {"saleId": sale, "code": second["couponCode"]}, 0, "customer_coupons")
        await follows(till, "paySale", shop_module.pay_args(sale, 1800 * BAHT), 180, *postings, *coupons)
        await follows(owner, "refundSale", {"saleId": sale, "amountSt": 300 * BAHT, "reason": "คืน"}, -30, *postings)
        await follows(owner, "refundSale", {"saleId": sale, "reason": "คืน"}, -150, *postings, *coupons)
        assert posted == [900, -300, 300, -300, 0, 180, -30, -150]
        for table in LOYALTY:
            database.compare(mine, table, "customer_id=?", customer)
            database.compare(staffs, table)
        for client, replica in zip((stranger, neighbour), not_theirs):
            await client.ping()
            assert replica.commits == {}, replica.commits
        assert {row["customer_id"] for row in not_theirs[0].rows("loyalty_profiles")} == {other}
        for table, columns in CUSTOMERS_COLUMNS.items():
            assert set(mine.rows(table)[0]) == columns, table


async def test_a_filter_on_another_customer_shows_a_customer_nothing(shop):
    (address, customer), (_, other) = await shop.account(), await shop.account()
    async with await Client.open(shop.server, address) as phone, await Client.open(shop.server, OWNER) as owner:
        reward = await shop_module.reward(owner, cost=50)
        replica = await phone.subscribe([*LOYALTY, "pos_transactions"], {"customer_id": other})
        await shop_module.coupon(owner, reward, other)
        await shop_module.sold(owner, other)
        await phone.ping()
        assert replica.commits == {} and all(replica.rows(table) == [] for table in replica.tables)
        # A code is not found by its status either.
        replica = await phone.subscribe(["customer_coupons"], {"status": "active"})
        assert replica.rows("customer_coupons") == []
        assert customer != other


async def test_a_customer_is_told_of_their_coupon_and_nobody_else_is(shop):
    (address, customer), (other_address, _) = await shop.account(), await shop.account()
    async with await Client.open(shop.server, address) as phone, \
            await Client.open(shop.server, other_address) as stranger, \
            await Client.open(shop.server, OWNER) as owner, await Client.open(shop.server, SALES) as sales:
        bells = [await client.subscribe(["notifications"]) for client in (phone, stranger, sales)]
        reward = await shop_module.reward(owner, cost=60)
        code = (await shop_module.coupon(phone, reward))["couponCode"]
        for client in (phone, stranger, sales):
            await client.ping()
        told = [json.dumps(list(bell.commits.values()), ensure_ascii=False).count(code) for bell in bells]
        assert told[0] >= 1 and told[1:] == [0, 0], told
        assert [n["customer_id"] for n in bells[0].rows("notifications")] == [customer]


async def test_a_beautician_sees_no_money_of_bills_coupons_and_spend(shop):
    customer, = await shop_module.customers(shop, 1)
    async with await Client.open(shop.server, BEAUTICIAN) as tablet, await Client.open(shop.server, OWNER) as owner:
        replica = await tablet.subscribe(list(TABLES))
        reward = await shop_module.reward(owner, cost=70)
        code = (await shop_module.coupon(owner, reward, customer))["couponCode"]
        # 10 % of it is 85,047.99: what the coupon takes, and what is paid, are sums of their own.
        sale = await shop_module.bill(owner, customer, 850480 * 10)
        await owner.do("applyCoupon", {"saleId": sale, "code": code})
        await owner.do("paySale", shop_module.pay_args(sale, 765432 * 10))
        await owner.do("refundSale", {"saleId": sale, "amountSt": 1, "reason": "x"})
        await tablet.ping()
        assert replica.find("point_transactions", customer_id=customer) and replica.commits
        shown = json.dumps([list(replica.commits.values()), replica.tables])
        for name in ("loyaltyProfile", "rewards", "pointHistory", "coupons"):
            shown += json.dumps(await tablet.ask(name, {"customerId": customer}))
        money = re.compile(r"(?<![0-9a-f])(85048|850480|7654320|7654319|76543.2|76,543|8504800)(?![0-9a-f])")
        found = money.search(shown)
        assert not found, shown[max(0, found.start() - 300):found.end() + 100]


async def test_a_customer_sees_a_secret_achievement_only_once_it_is_theirs(shop):
    address, customer = await shop.account()
    async with await Client.open(shop.server, address) as phone, await Client.open(shop.server, OWNER) as owner:
        conditions = {"totalSpent": 900_000_000}
        secret = await owner.do("createAchievement", {
            "name": f"ลับ {customer}", "conditions": conditions, "pointsReward": 0, "isSecret": True})
        public = await owner.do("createAchievement", {
            "name": f"เปิด {customer}", "conditions": conditions, "pointsReward": 0})

        async def shown(client, **args):
            profile = await client.ask("loyaltyProfile", args)
            return {a["id"]: a["unlocked"] for a in profile["achievements"]}

        seen = await shown(phone)
        assert secret["achievementId"] not in seen and seen[public["achievementId"]] is False
        assert (await shown(owner, customerId=customer))[secret["achievementId"]] is False
        replica = await phone.subscribe(["loyalty_profiles", "notifications", "point_transactions"])
        assert secret["achievementId"] not in json.dumps(replica.tables)
        await owner.do("unlockAchievement", {
            "achievementId": secret["achievementId"], "customerId": customer, "override": True}, reason="ของขวัญ")
        assert (await shown(phone))[secret["achievementId"]] is True
        await phone.ping()
        assert secret["achievementId"] in replica.rows("loyalty_profiles")[0]["unlocked_achievements"]
        for one in (secret, public):
            await owner.do("updateAchievement", {"achievementId": one["achievementId"], "isActive": False})


async def test_points_of_a_treatment_come_with_its_completion_in_one_commit(shop):
    async with await Client.open(shop.server, SALES) as sales, await Client.open(shop.server, BEAUTICIAN) as tablet:
        workflow = await story.lead(sales)
        replica = await sales.subscribe([*LOYALTY, "workflow_states", "workflow_actions", "task_queue"])
        await sales.do(
            "confirmPayment", story.payment_args(workflow, tablet.staff, treatmentName=shop_module.TREATMENT))
        await tablet.do("startTreatment", {"workflowId": workflow})
        ack = await tablet.command("completeTreatment", {"workflowId": workflow})
        await sales.ping()
        changes = replica.commits[ack["cursor"]["seq"]]["changes"]
        stages = [c["row"]["current_stage"] for c in changes if c["table"] == "workflow_states"]
        amounts = sorted(c["row"]["amount"] for c in changes if c["table"] == "point_transactions")
        balances = [c["row"]["available_points"] for c in changes if c["table"] == "loyalty_profiles"]
        assert (stages, amounts, balances) == (["treatment_completed"], [50, 500], [650])
