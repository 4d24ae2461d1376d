"""Points, rewards and the till in commands, in a clinic of its own of which every number is known: no achievements, no
rewards but those that a test makes, one treatment at ฿5,000."""

import dataclasses
import itertools
import json

import story
from aura_client import Client, new_key
from books import Books, check_clinics
from database import Database, add_clinic, copy_row

OWNER, ADMIN, SALES, SALES2 = "owner@shop.aura", "admin@shop.aura", "sales@shop.aura", "sales2@shop.aura"
BEAUTICIAN, NEIGHBOUR = "beautician@shop.aura", "owner@neighbour.aura"
TREATMENT = "Acceptance Facial"
BAHT = 100

# What loyalty changes and a client may follow.
LOYALTY = ["loyalty_profiles", "point_transactions", "customer_coupons", "loyalty_redemptions"]

_awards = itertools.count(1)


@dataclasses.dataclass
class Shop:
    """A server with the clinic, and the clinic next door."""

    server: object
    clinic: str
    neighbour: str
    treatment: str
    # Of people who can sign in and are nobody's customer yet.
    addresses: list
    is_balanced: bool = True

    async def account(self):
        """A new customer who signs in themselves: (address, customer's id)."""
        address, (customer,) = self.addresses.pop(), await customers(self, 1)
        async with await Client.open(self.server, OWNER) as owner:
            await owner.do("linkCustomer", {"customerId": customer, "email": address})
        return address, customer

    @property
    def database(self):
        return Database(self.server.data)


def build(server):
    """Makes both clinics in a stopped server's database."""
    clinic = add_clinic(server.data, "SHOP", {
        OWNER: "clinic_owner", ADMIN: "clinic_admin", SALES: "sales_staff", SALES2: "sales_staff",
        BEAUTICIAN: "clinic_staff"})
    neighbour = add_clinic(server.data, "NEXT", {NEIGHBOUR: "clinic_owner"})
    database = Database(server.data)
    with database.writing() as connection:
        connection.execute("UPDATE clinics SET settings='{}' WHERE id IN (?,?)", (clinic, neighbour))
        some = connection.execute("SELECT * FROM treatments WHERE clinic_id=? LIMIT 1", (clinic,)).fetchone()
        treatment = copy_row(
            connection, "treatments", some, names=json.dumps({"th": "ทรีตเมนต์ทดสอบ", "en": TREATMENT}),
            duration_minutes=60, price_st=5000 * BAHT, requires_consent=0, required_skill=None, completion_bonus=50)
        someone = connection.execute("SELECT * FROM users WHERE password_hash IS NOT NULL LIMIT 1").fetchone()
        addresses = [f"customer{number}@shop.aura" for number in range(30)]
        for address in addresses:
            copy_row(connection, "users", someone, email=address, full_name=address, is_super_admin=0)
    return Shop(server, clinic, neighbour, treatment, addresses)


def check(shop):
    """The books of both clinics balance."""
    for clinic in (shop.clinic, shop.neighbour):
        Books(shop.database, clinic).check()
    check_clinics(shop.database)


async def customers(shop, count):
    """New customers of the clinic, each with the hundred points of their welcome. Returns their ids."""
    async with await Client.open(shop.server, OWNER) as owner:
        return [(await owner.do("initialize", story.lead_args()))["customerId"] for _ in range(count)]


# Commands


def reward_args(name="ลด 10%", cost=500, **more):
    return {"name": name, "type": "discount_percentage", "pointsCost": cost, "percentBp": 1000, **more}


async def reward(owner, **more):
    return (await owner.do("createReward", reward_args(**more)))["rewardId"]


async def award(owner, customer, points):
    """Points by hand. Returns the balance."""
    result = await owner.do(
        "awardPoints", {"customerId": customer, "points": points, "transactionId": f"award-{next(_awards)}"})
    return result["availablePoints"]


def sale_args(customer, price=3000 * BAHT, **more):
    return {"customerId": customer, "items": [{"name": "เซรั่ม", "priceSt": price}], **more}


async def bill(client, customer, price=3000 * BAHT, **more):
    """An open bill. Returns its id."""
    return (await client.do("createSale", sale_args(customer, price, **more)))["saleId"]


def pay_args(sale, amount, method="CASH"):
    return {"saleId": sale, "amountSt": amount, "paymentMethod": method}


async def sold(client, customer, price=3000 * BAHT):
    """A bill that is paid. Returns its id."""
    sale = await bill(client, customer, price)
    await client.do("paySale", pay_args(sale, price))
    return sale


async def coupon(client, reward, customer=None):
    """A reward redeemed. Returns the result of the command, the code in it."""
    return await client.do("redeemReward", {"rewardId": reward, **({"customerId": customer} if customer else {})})


# What was said, so that it can be said again


class Script:
    """Every command that was sent, with its key and its ack."""

    def __init__(self):
        self.lines = []

    async def do(self, client, who, name, args, clinic=None):
        """The result of a command that must succeed."""
        key = new_key()
        ack = await client.command(name, args, key=key, clinic=clinic or client.clinic)
        assert ack["type"] == "ack" and ack["ok"] and not ack["duplicate"], (name, args, ack)
        self.lines.append((who, clinic or client.clinic, name, args, key, ack))
        return ack["result"]

    async def again(self, server):
        """Sends it all once more, each line on a new connection; the answers must be the stored ones."""
        for who, clinic, name, args, key, ack in self.lines:
            async with await Client.open(server, who) as client:
                await self._same(client, clinic, name, args, key, ack)

    async def again_on(self, clients):
        """The same on connections that are open: `clients` by who they are."""
        for who, clinic, name, args, key, ack in self.lines:
            await self._same(clients[who], clinic, name, args, key, ack)

    @staticmethod
    async def _same(client, clinic, name, args, key, ack):
        answer = await client.command(name, args, key=key, clinic=clinic)
        assert answer == {**ack, "re": answer["re"], "duplicate": True}, (name, ack, answer)


def everything(database, *, but=()):
    """All rows of all tables, for a comparison before and after."""
    names = [row["name"] for row in database.read(
        "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'")]
    return {
        name: sorted((tuple(row.items()) for row in database.read(f"SELECT * FROM {name}")), key=repr)
        for name in names if name not in but
    }


def differences(before, after):
    """What has come and gone, by table; nothing when nothing has."""
    found = {}
    for name in before.keys() | after.keys():
        old, new = set(map(repr, before.get(name, []))), set(map(repr, after.get(name, [])))
        if old != new:
            found[name] = {"gone": sorted(old - new)[:3], "come": sorted(new - old)[:3]}
    return found
