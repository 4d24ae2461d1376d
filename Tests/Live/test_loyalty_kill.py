"""Sales, coupons, redemptions, refunds and cancels without pause, SIGKILL at random moments; then the books balance.

AURA_TORTURE_ROUNDS (3) kills; AURA_SEED repeats one run's random choices.
"""

import asyncio
import os
import random
import time

import pytest
import shop as shop_module
import story
from aura_client import Broken, Client, Replica, new_key
from books import Books
from shop import ADMIN, BAHT, BEAUTICIAN, LOYALTY, OWNER, SALES, SALES2

ROUNDS = int(os.environ.get("AURA_TORTURE_ROUNDS", "3"))
TOPICS = [*LOYALTY, "pos_transactions"]
# What may be refused among so many hands; anything else is a fault.
REFUSALS = {"insufficient_points", "coupon_unavailable", "invalid_transition", "amount_mismatch", "stale_version"}


class Counter:
    """What all hands know: the clinic's customers, bills and redemptions as far as acks have told."""

    def __init__(self, shop, rewards, customers, beautician, generator):
        self.shop, self.rewards, self.customers, self.beautician = shop, rewards, customers, beautician
        self.generator = generator
        self.open = []
        self.paid = []
        self.redeemed = []
        self.workflows = {"lead": [], "paid": [], "started": []}

    def invent(self, role):
        """A command that a role may give, (name, args). Bills and coupons of others too: hands meet."""
        choose = self.generator.choice
        if role == "customer":
            return "redeemReward", {"rewardId": choose(self.rewards)}
        if role == "beautician":
            for stage, name in (("started", "completeTreatment"), ("paid", "startTreatment")):
                if self.workflows[stage]:
                    return name, {"workflowId": self.workflows[stage].pop(0)}
            return None
        if role == "owner" and self.generator.random() < 0.5:
            return self.leaders_wish()
        return self.sellers_wish()

    def leaders_wish(self):
        choose, number = self.generator.choice, self.generator.random()
        if number < 0.4 and self.paid:
            sale, total = choose(self.paid[-20:])
            part = {} if self.generator.random() < 0.6 else {"amountSt": self.generator.randrange(1, total + 1)}
            return "refundSale", {"saleId": sale, "reason": "คืน", **part}
        if number < 0.6 and self.redeemed:
            return "cancelRedemption", {"redemptionId": choose(self.redeemed[-20:])[0]}
        if number < 0.85 and self.workflows["lead"]:
            return "confirmPayment", {
                "workflowId": self.workflows["lead"].pop(0), "amountSt": 5000 * BAHT, "paymentMethod": "CARD",
                "treatmentId": self.shop.treatment, "beauticianId": self.beautician,
                "scheduledTime": story.next_slot()}
        return "awardPoints", {
            "customerId": choose(self.customers), "points": self.generator.randrange(1, 300),
            "transactionId": new_key()}

    def sellers_wish(self):
        choose, number = self.generator.choice, self.generator.random()
        customer = choose(self.customers)
        if number < 0.06:
            return "initialize", story.lead_args()
        if number < 0.3 or not self.open:
            return "createSale", shop_module.sale_args(customer, self.generator.randrange(1, 3000) * 1001)
        sale = choose(self.open[-8:])
        if number < 0.5:
            mine = [code for _, owner, code in self.redeemed if owner == sale["customerId"]]
            if mine:
                return "applyCoupon", {"saleId": sale["saleId"], "code": choose(mine)}
        if number < 0.8:
            # What it came to when it was last heard of; a coupon may have changed it since.
            return "paySale", shop_module.pay_args(sale["saleId"], sale["totalSt"], choose(["CASH", "CARD"]))
        if number < 0.86:
            return choose(["voidSale", "removeCoupon"]), {"saleId": sale["saleId"]}
        return "redeemReward", {"rewardId": choose(self.rewards), "customerId": customer}

    def learn(self, name, ack):
        if not ack["ok"]:
            assert ack["error"]["code"] in REFUSALS, (name, ack)
            return
        result = ack["result"]
        if name == "initialize":
            self.customers.append(result["customerId"])
            self.workflows["lead"].append(result["workflowId"])
        elif name == "confirmPayment":
            self.workflows["paid"].append(result["workflowId"])
            self.paid.append((result["saleId"], 5000 * BAHT))
        elif name == "startTreatment":
            self.workflows["started"].append(result["workflowId"])
        elif name == "redeemReward":
            self.redeemed.append((result["redemptionId"], result["customerId"], result["couponCode"]))
        elif "saleId" in result:
            self.open = [sale for sale in self.open if sale["saleId"] != result["saleId"]]
            if result["status"] == "pending":
                self.open.append(result)
            elif result["status"] == "paid":
                self.paid.append((result["saleId"], result["totalSt"]))


class Hand:
    """A device that never gives up: keeps each key until its ack has come, through any number of crashes."""

    def __init__(self, who, role, counter, generator, where=None):
        self.who, self.role, self.counter, self.generator, self.where = who, role, counter, generator, where
        self.pending, self.sent, self.outcomes = [], {}, {}
        self.replica = Replica(counter.shop.clinic, TOPICS, where)
        self.is_finishing = False

    async def run(self):
        while not (self.is_finishing and not self.pending):
            try:
                await self.connected()
            except (ConnectionError, OSError, asyncio.TimeoutError, EOFError):
                await asyncio.sleep(0.05)
            except Exception as error:  # noqa: BLE001 - the library has its own for a handshake that was cut
                if not type(error).__module__.startswith("websockets"):
                    raise
                await asyncio.sleep(0.05)

    async def connected(self):
        server = self.counter.shop.server
        client = await asyncio.wait_for(Client.dial(server), 10)
        # The schema costs more than the server's work: a customer's frames stand for all.
        client.is_checked = self.role == "customer"
        try:
            await client.hello(server.token_of(self.who), [self.replica])
            for command in list(self.pending):
                await self.perform(client, command)
            while not self.is_finishing:
                burst = []
                for _ in range(self.generator.randrange(1, 5)):
                    wish = self.counter.invent(self.role)
                    if wish:
                        command = (new_key(), *wish)
                        burst.append(command)
                        self.pending.append(command)
                        self.sent[command[0]] = command
                await asyncio.gather(*[self.perform(client, command) for command in burst])
                # Customers are slower than tills.
                await asyncio.sleep(self.generator.random() * (0.2 if self.role == "customer" else 0.03))
        finally:
            client.vanish()
            await asyncio.gather(client._task, return_exceptions=True)
            if isinstance(client.fault, Broken):
                raise client.fault

    async def perform(self, client, command):
        key, name, args = command
        while True:
            answer = await asyncio.wait_for(
                await client.begin(name, args, key=key, clinic=self.counter.shop.clinic), 10)
            if answer["type"] == "ack" and (answer["ok"] or not answer["error"]["temporary"]):
                break
            assert answer.get("temporary", True), (name, args, answer)
            await asyncio.sleep(0.2)
        self.pending.remove(command)
        self.outcomes[key] = answer
        self.counter.learn(name, answer)


async def opened(shop, generator):
    """A clinic with rewards, customers of whom three sign in, and one who owes points; and the hands to work it."""
    accounts = [await shop.account() for _ in range(3)]
    known = [customer for _, customer in accounts] + await shop_module.customers(shop, 5)
    async with await Client.open(shop.server, OWNER) as owner, await Client.open(shop.server, BEAUTICIAN) as tablet:
        rewards = [await shop_module.reward(owner, cost=cost) for cost in (60, 150)]
        rewards.append((await owner.do("createReward", {
            "name": "ลด ฿200", "type": "discount_amount", "pointsCost": 250, "monetaryValueSt": 200 * BAHT,
            "maxRedemptions": 40, "perCustomerLimit": 6, "stackable": False}))["rewardId"])
        rewards.append((await owner.do("createReward", {
            "name": "เงิน", "type": "discount_percentage", "pointsCost": 90, "percentBp": 3333,
            "tierRequirement": "silver"}))["rewardId"])
        for customer in known:
            await shop_module.award(owner, customer, 200)
        # One below nothing from the start: spent what is then clawed back.
        sale = await shop_module.sold(owner, known[0], 9999 * BAHT)
        while (await shop_module.coupon(owner, rewards[0], known[0]))["availablePoints"] >= 60:
            pass
        assert (await owner.do("refundSale", {"saleId": sale, "reason": "คืน"}))["availablePoints"] < -900
        staff = tablet.staff
    everyone = [OWNER, ADMIN, SALES, SALES2, BEAUTICIAN, *[address for address, _ in accounts]]
    tokens = {who: shop.server.printed_token(who, ttl=3600) for who in everyone}
    shop.server.token_of = lambda who: tokens[who]
    counter = Counter(shop, rewards, known, staff, random.Random(generator.random()))
    roles = [(OWNER, "owner"), (ADMIN, "owner"), (SALES, "sales"), (SALES2, "sales"), (SALES, "sales"),
             (BEAUTICIAN, "beautician"), *[(address, "customer") for address, _ in accounts]]
    return [Hand(who, role, counter, random.Random(generator.random())) for who, role in roles]


async def killed_and_started(server):
    server.kill()
    await asyncio.get_running_loop().run_in_executor(None, server.start)


@pytest.mark.seconds(60 + 30 * ROUNDS)
async def test_after_every_kill_the_books_balance_and_each_acknowledged_command_is_there_once(new_shop, seed):
    generator = random.Random(seed)
    shop = new_shop("--loops", generator.choice([1, 2]))
    hands = await opened(shop, generator)
    running = [asyncio.create_task(hand.run()) for hand in hands]
    amid = 0
    for round_ in range(ROUNDS):
        end = time.monotonic() + 0.5 + generator.random() * 1.2
        while time.monotonic() < end or not any(hand.pending for hand in hands):
            await asyncio.sleep(0.005)
            for task in running:
                if task.done():
                    task.result()
        amid += any(hand.pending for hand in hands)
        await killed_and_started(shop.server)
        # While everyone comes back and goes on.
        shop_module.check(shop)
        if round_ % 3 == 2:
            await asyncio.sleep(generator.random() * 0.1)
            await killed_and_started(shop.server)
    await asyncio.sleep(0.5)
    for hand in hands:
        hand.is_finishing = True
    await asyncio.wait_for(asyncio.gather(*running), 60)
    shop_module.check(shop)

    applied = check_outcomes(shop, hands)
    for hand in hands:
        async with await Client.open(shop.server, shop.server.token_of(hand.who), [hand.replica]) as client:
            await client.ping()
            compare(shop, hand)
    repeated = await nothing_is_done_again(shop, hands, generator)
    books = Books(shop.database, shop.clinic)
    owing = [rows for rows in books.of.values() if min_balance(rows) < 0]
    kinds = {kind: sum(name == kind for hand in hands for key, name, _ in hand.sent.values()
                       if hand.outcomes[key]["ok"]) for kind in sorted({c[1] for h in hands for c in h.sent.values()})}
    print(f"{ROUNDS} kills, {amid} amid commands; {applied} applied, {repeated} repeated; {len(owing)} customers have "
          f"owed points; {kinds}")
    assert owing and amid
    for kind in ("createSale", "applyCoupon", "paySale", "redeemReward", "refundSale", "cancelRedemption"):
        assert kinds[kind] > 0, kinds


def min_balance(rows):
    balance, least = 0, 0
    for row in rows:
        balance += row["amount"]
        least = min(least, balance)
    return least


def compare(shop, hand):
    """What a device holds at the end is what the database holds; a customer's is what is theirs."""
    condition, values = "1", ()
    if hand.role == "customer":
        customer = shop.database.value(
            "SELECT c.id FROM customers c JOIN users u ON u.id=c.user_id WHERE u.email=?", hand.who)
        condition, values = "customer_id=?", (customer,)
    for table in TOPICS:
        held = hand.replica.tables[table]
        if table == "point_transactions" and len(held) >= 1000:
            # Of a ledger a snapshot shows the newest thousand.
            assert held.keys() <= shop.database.rows(table, shop.clinic, condition, *values).keys()
            continue
        shop.database.compare(hand.replica, table, condition, *values)


def check_outcomes(shop, hands):
    """Every command has one outcome; what was acknowledged is in the rows and the log, once. Returns how many were."""
    database, applied = shop.database, 0
    head = database.check_log(shop.clinic)
    causes = {row["seq"]: row["cause"] for row in database.read(
        "SELECT seq, cause FROM sys_changes WHERE clinic_id=?", shop.clinic)}
    keys = {row["event_key"] for row in database.read(
        "SELECT event_key FROM point_transactions WHERE clinic_id=?", shop.clinic)}
    sales = database.rows("pos_transactions", shop.clinic)
    redemptions = database.rows("loyalty_redemptions", shop.clinic)
    for hand in hands:
        assert set(hand.outcomes) == set(hand.sent), "a command without an outcome"
        for key, (_, name, args) in hand.sent.items():
            ack = hand.outcomes[key]
            if not ack["ok"]:
                assert f"redeem:{key}" not in keys, (name, ack)
                continue
            applied += 1
            result, seq = ack["result"], ack["cursor"]["seq"]
            assert seq <= head
            if not result.get("already"):
                assert key in str(causes[seq]), (name, seq, causes[seq])
            if name == "redeemReward":
                assert f"redeem:{key}" in keys and redemptions[result["redemptionId"]]["event_key"] == f"redeem:{key}"
            elif name == "cancelRedemption":
                assert redemptions[result["redemptionId"]]["status"] == "cancelled", result
            elif name == "awardPoints":
                assert f"award:{args['transactionId']}" in keys
            elif name == "paySale":
                assert sales[result["saleId"]]["payment_status"] in ("paid", "partially_refunded", "refunded"), result
            elif name == "voidSale":
                assert sales[result["saleId"]]["payment_status"] == "void", result
            elif name == "refundSale":
                assert sales[result["refundId"]]["total_st"] == result["refundedSt"], result
            elif name == "completeTreatment":
                assert f"workflow:{result['workflowId']}:action:complete_treatment" in keys
    made = [hand.outcomes[key]["result"] for hand in hands for key, name, _ in hand.sent.values()
            if name in ("createSale", "refundSale") and hand.outcomes[key]["ok"]]
    ids = [result.get("refundId", result["saleId"]) for result in made]
    assert len(ids) == len(set(ids)), "two commands, one sale"
    return applied


async def nothing_is_done_again(shop, hands, generator):
    """A sample of what was sent, again under its keys: the stored answers, no row of any table. Returns how many."""
    clients = {hand.who: await Client.open(shop.server, shop.server.token_of(hand.who)) for hand in hands}
    commands = [(hand, command) for hand in hands for command in hand.sent.values()]
    commands = generator.sample(commands, min(len(commands), 100 + 20 * ROUNDS))
    before = shop_module.everything(shop.database)
    for hand, (key, name, args) in commands:
        answer = await clients[hand.who].command(name, args, key=key, clinic=shop.clinic)
        first = hand.outcomes[key]
        assert answer == {**first, "re": answer["re"], "duplicate": True}, (name, first, answer)
    assert shop_module.differences(before, shop_module.everything(shop.database)) == {}
    for client in clients.values():
        await client.close()
    return len(commands)


async def test_a_replica_that_follows_points_over_a_kill_ends_equal_to_the_database(new_shop):
    shop = new_shop()
    address, customer = await shop.account()
    topics = ["point_transactions", "loyalty_profiles"]
    staffs, mine = Replica(shop.clinic, topics), Replica(shop.clinic, topics)
    async with await Client.open(shop.server, SALES, [staffs]) as till, \
            await Client.open(shop.server, address, [mine]) as phone, \
            await Client.open(shop.server, OWNER) as owner:
        reward = await shop_module.reward(owner, cost=10)
        sent = [await phone.begin("redeemReward", {"rewardId": reward}) for _ in range(3)]
        sent += [await owner.begin("awardPoints", {
            "customerId": customer, "points": 5, "transactionId": f"kill-{n}"}) for n in range(25)]
        await till._patiently(asyncio.ensure_future(sent[10]))
        shop.server.kill()
        for client in (till, phone, owner):
            await client._ended.wait()
        await asyncio.gather(*sent, return_exceptions=True)
    shop.server.start()
    async with await Client.open(shop.server, OWNER) as owner:
        await shop_module.sold(owner, customer)
        await shop_module.award(owner, (await shop_module.customers(shop, 1))[0], 7)
    async with await Client.open(shop.server, SALES, [staffs]) as till, \
            await Client.open(shop.server, address, [mine]) as phone:
        assert (staffs.mode, mine.mode) == ("resume", "resume")
        await till.ping()
        await phone.ping()
        for table in topics:
            shop.database.compare(staffs, table)
            shop.database.compare(mine, table, "customer_id=?", customer)
        assert len(mine.rows("loyalty_profiles")) == 1 and len(staffs.rows("loyalty_profiles")) == 2
    shop_module.check(shop)
