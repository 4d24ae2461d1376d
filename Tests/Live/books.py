"""The invariants of points, rewards and the till, added up in SQL and Python from the rows alone.

None of the server's own sums is believed: balances, what is left of a credit, spend and tier are made anew from the
ledger and the bills, and then compared with what the server has kept.
"""

import collections
import json

FLOORS_ST = [
    ("bronze", 0), ("silver", 1_000_000), ("gold", 3_000_000), ("platinum", 6_000_000), ("diamond", 10_000_000)]
CREDITS, DEBITS = ("earned", "bonus"), ("redeemed", "expired")


class Books:
    """A clinic's rows in one reading. Amounts in points and satang."""

    def __init__(self, database, clinic):
        self.database, self.clinic = database, clinic
        tables = database.together({
            name: f"SELECT rowid AS row_number, * FROM {name} WHERE clinic_id=? ORDER BY rowid"
            for name in ("loyalty_profiles", "point_transactions", "point_credits", "loyalty_redemptions",
                         "loyalty_rewards", "customer_coupons", "pos_transactions", "loyalty_months")
        }, clinic)
        self.profiles = {row["customer_id"]: row for row in tables["loyalty_profiles"]}
        self.ledger = tables["point_transactions"]
        self.kept = {row["transaction_id"]: row for row in tables["point_credits"]}
        self.redemptions = {row["id"]: row for row in tables["loyalty_redemptions"]}
        self.rewards = tables["loyalty_rewards"]
        self.coupons = {row["id"]: row for row in tables["customer_coupons"]}
        self.sales = {row["id"]: row for row in tables["pos_transactions"] if row["type"] == "sale"}
        self.refunds = [row for row in tables["pos_transactions"] if row["type"] == "refund"]
        self.months = tables["loyalty_months"]
        self.of = collections.defaultdict(list)
        for row in self.ledger:
            self.of[row["customer_id"]].append(row)

    def check(self):
        """All of it. A broken invariant is an AssertionError that names the row."""
        self.check_ledger()
        self.check_balances()
        self.check_spend()
        self.check_bills()
        self.check_coupons()
        self.check_stock()
        self.check_points_of_sales()
        self.database.integrity()
        return self

    @property
    def net_st(self):
        """What is left of each sale's money after its refunds."""
        net = {identity: sale["paid_st"] for identity, sale in self.sales.items()}
        for refund in self.refunds:
            net[refund["parent_id"]] -= refund["total_st"]
        return net

    def check_ledger(self):
        """(3) and what makes it true: a debit takes from credits of the same customer that were there."""
        keys = collections.Counter(row["event_key"] for row in self.ledger)
        assert all(count == 1 for count in keys.values()), keys.most_common(3)
        assert set(self.of) <= set(self.profiles), "a ledger without a profile"
        self.left = {}
        for row in self.ledger:
            assert row["type"] not in CREDITS or row["amount"] > 0, row
            assert row["type"] not in DEBITS or row["amount"] < 0, row
            taken = json.loads(row["allocations"])
            if row["amount"] > 0:
                assert not taken and 0 <= row["absorbed"] <= row["amount"], row
                self.left[row["id"]] = row["amount"] - row["absorbed"]
                continue
            assert row["absorbed"] == 0 and all(points > 0 for points in taken.values()), row
            short = -row["amount"] - sum(taken.values())
            assert short == 0 or (row["type"] == "refund" and short > 0), ("a debit beyond its credits", row)
            owners = {r["id"] for r in self.of[row["customer_id"]] if r["row_number"] < row["row_number"]}
            assert set(taken) <= owners, ("from a credit of somebody else, or a later one", row)
            for credit, points in taken.items():
                self.left[credit] -= points
        amounts = {row["id"]: row["amount"] for row in self.ledger}
        for credit, left in self.left.items():
            assert 0 <= left <= amounts[credit], ("left of a credit", credit, left)
            assert self.kept[credit]["remaining"] == left, ("the kept rest", self.kept[credit], left)
            assert self.kept[credit]["is_open"] == (left > 0), self.kept[credit]
        assert set(self.kept) == set(self.left), "a rest without a credit"

    def check_balances(self):
        """(1), (2), (4), (5)."""
        for customer, profile in self.profiles.items():
            rows = self.of[customer]
            available = sum(row["amount"] for row in rows)
            assert profile["available_points"] == available, (profile, available)
            left = sum(self.left[row["id"]] for row in rows if row["amount"] > 0)
            assert left == max(0, available), ("rests and debt at once", profile, left)
            total = sum(row["amount"] for row in rows
                        if row["type"] in CREDITS or (row["type"] == "refund" and row["amount"] < 0))
            assert profile["total_points"] == total, (profile, total)
            balance = 0
            for row in rows:
                balance += row["amount"]
                assert balance >= 0 or row["amount"] > 0 or row["type"] == "refund", ("below nothing by", row)

    def check_spend(self):
        """(6): net spend from the bills, the tier and its progress from the net spend."""
        spent, net = collections.Counter(), self.net_st
        for identity, sale in self.sales.items():
            spent[sale["customer_id"]] += net[identity]
        for customer, profile in self.profiles.items():
            satang = spent[customer]
            assert profile["total_spent_st"] == satang, (profile, satang)
            rank = max(index for index, (_, floor) in enumerate(FLOORS_ST) if satang >= floor)
            tier, floor = FLOORS_ST[rank]
            progress = 10_000 if rank == 4 else (satang - floor) * 10_000 // (FLOORS_ST[rank + 1][1] - floor)
            assert (profile["current_tier"], profile["tier_progress_bp"]) == (tier, progress), profile
        # What is kept by month for tiers that rest on the last ones adds up to the whole.
        for column, whole in (("spent_st", "total_spent_st"), ("points", "total_points")):
            kept = collections.Counter()
            for row in self.months:
                kept[row["customer_id"]] += row[column]
            assert all(kept[customer] == profile[whole] for customer, profile in self.profiles.items()), (column, kept)
        assert not [customer for customer in spent if spent[customer] and customer not in self.profiles]

    def check_bills(self):
        net = self.net_st
        for identity, sale in self.sales.items():
            assert sale["total_st"] == sale["subtotal_st"] - sale["discount_st"] + sale["tax_st"] >= 0, sale
            items = sum(item["price_st"] * item["quantity"] for item in json.loads(sale["items"]))
            assert sale["subtotal_st"] == items, (sale, items)
            status, paid, left = sale["payment_status"], sale["paid_st"], net[identity]
            if status in ("pending", "void"):
                assert (paid, left, sale["paid_at"]) == (0, 0, None), sale
            else:
                assert paid == sale["total_st"] and sale["paid_at"], sale
            assert status != "paid" or left == paid, sale
            assert status != "partially_refunded" or 0 < left < paid, sale
            assert status != "refunded" or left == 0, sale
        numbers = [row["transaction_number"] for row in [*self.sales.values(), *self.refunds]]
        assert len(numbers) == len(set(numbers))

    def check_coupons(self):
        """(7), both ways, and that a redemption and its coupon say the same."""
        together = {
            "issued": ("active", "reserved"), "applied": ("used",), "cancelled": ("cancelled",),
            "expired": ("expired",)}
        by_redemption = {c["redemption_id"]: c for c in self.coupons.values() if c["redemption_id"]}
        assert set(by_redemption) == set(self.redemptions)
        for identity, redemption in self.redemptions.items():
            coupon = by_redemption[identity]
            assert coupon["status"] in together[redemption["status"]], (redemption, coupon)
            assert (coupon["code"], coupon["customer_id"]) == (redemption["code"], redemption["customer_id"])
            assert redemption["applied_pos_transaction_id"] == coupon["used_pos_transaction_id"], (redemption, coupon)
            keys = {row["event_key"]: row for row in self.of[redemption["customer_id"]]}
            assert keys[redemption["event_key"]]["amount"] == -redemption["points_cost"], redemption
            # Points that ended on other days come back apart.
            back = [row["amount"] for key, row in keys.items() if key.startswith(f"cancel:{identity}")]
            assert bool(back) == (redemption["status"] == "cancelled"), redemption
            assert not back or sum(back) == redemption["points_cost"], (redemption, back)
        debits = [row for row in self.ledger if row["type"] == "redeemed"]
        assert len(debits) == len(self.redemptions)
        for coupon in self.coupons.values():
            used, held = coupon["used_pos_transaction_id"], coupon["reserved_by_pos_id"]
            assert (used is not None) == (coupon["status"] == "used"), coupon
            assert (held is not None) == (coupon["status"] == "reserved"), coupon
            sale = self.sales[used or held] if used or held else None
            assert sale is None or sale["customer_id"] == coupon["customer_id"], (coupon, sale)
            assert sale is None or sale["coupon_id"] == coupon["id"], (coupon, sale)
            assert sale is None or sale["discount_st"] >= coupon["discount_st"] > 0, (coupon, sale)
            assert not used or sale["payment_status"] in ("paid", "partially_refunded"), (coupon, sale)
            assert not held or sale["payment_status"] == "pending", (coupon, sale)
        for sale in self.sales.values():
            if sale["coupon_id"] and sale["payment_status"] in ("pending", "paid", "partially_refunded"):
                coupon = self.coupons[sale["coupon_id"]]
                assert sale["id"] in (coupon["used_pos_transaction_id"], coupon["reserved_by_pos_id"]), (sale, coupon)

    def check_stock(self):
        """(9)"""
        taken = collections.Counter(r["reward_id"] for r in self.redemptions.values() if r["status"] != "cancelled")
        for reward in self.rewards:
            assert reward["current_redemptions"] == taken[reward["id"]], reward
            assert reward["max_redemptions"] is None or taken[reward["id"]] <= reward["max_redemptions"], reward

    def check_points_of_sales(self):
        """A sale's points less its clawbacks are what the rest of its money brings, at the rate of when it was paid."""
        net = self.net_st
        keys = {row["event_key"]: row for row in self.ledger}
        refunds = collections.defaultdict(list)
        for refund in self.refunds:
            refunds[refund["parent_id"]].append(refund)
        for identity, sale in self.sales.items():
            earned = keys.get(f"sale:{identity}:earn")
            if sale["workflow_id"] is None and sale["paid_st"] >= 1_000:
                assert earned, ("a retail sale without points", sale)
            if earned is None:
                continue
            rate = self.kept[earned["id"]]
            assert rate["earn_rate_st"] == 1_000, rate
            points = sum(keys[key]["amount"] for r in refunds[identity] if (key := f"refund:{r['id']}") in keys)
            if sale["workflow_id"] and sale["payment_status"] == "refunded":
                bonus = keys.get(f"workflow:{sale['workflow_id']}:action:complete_treatment")
                points += bonus["amount"] if bonus else 0
            due = net[identity] * rate["multiplier_bp"] // (rate["earn_rate_st"] * 10_000)
            assert earned["amount"] + points == due, ("points of a sale", sale, earned["amount"], points, due)


def check_clinics(database):
    """(11): what foreign keys cannot see either. Every id in a ledger's JSON is its own clinic's."""
    credits = {row["id"]: row["clinic_id"] for row in database.read("SELECT id, clinic_id FROM point_transactions")}
    for row in database.read("SELECT clinic_id, allocations FROM point_transactions"):
        assert all(credits[credit] == row["clinic_id"] for credit in json.loads(row["allocations"])), row
    known = {row["id"]: row["clinic_id"] for row in database.read("SELECT id, clinic_id FROM achievements")}
    for row in database.read("SELECT clinic_id, unlocked_achievements FROM loyalty_profiles"):
        assert all(known[one] == row["clinic_id"] for one in json.loads(row["unlocked_achievements"])), row
    # Each foreign key of a table with a clinic names the clinic too, so that no row can refer to another clinic's.
    tables = [r["name"] for r in database.read("SELECT name FROM sqlite_master WHERE type='table'")]
    scoped = {name for name in tables
              if "clinic_id" in {c["name"] for c in database.read(f"SELECT name FROM pragma_table_info('{name}')")}}
    for name in scoped:
        keys = collections.defaultdict(list)
        for key in database.read(f"SELECT * FROM pragma_foreign_key_list('{name}')"):
            keys[key["id"]].append(key)
        for key in keys.values():
            if key[0]["table"] in scoped:
                assert ("clinic_id", "clinic_id") in {(part["from"], part["to"]) for part in key}, (name, key)
    assert database.read("PRAGMA foreign_key_check") == []
