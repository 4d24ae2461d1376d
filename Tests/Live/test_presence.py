"""Who is there: outside the log, never durable, forgiving for ten seconds."""

import asyncio
import time

from aura_client import Client
from database import Database


async def quiet(client, seconds):
    """Presence frames that come within `seconds`."""
    before = len([f for f in client.received if f["type"] == "presence"])
    await asyncio.sleep(seconds)
    return [f for f in client.received if f["type"] == "presence"][before:]


async def test_presence_begins_with_all_and_names_those_who_come_and_go(server):
    async with await Client.open(server, "owner") as owner:
        replica = await owner.subscribe(["presence"])
        await replica.until(lambda r: r.history)
        assert replica.history[0]["op"] == "all"
        assert owner.user["id"] in replica.present
        async with await Client.open(server, "beautician2") as tablet:
            who = tablet.user["id"]
            await replica.until(lambda r: who in r.present)
            one = replica.present[who]
            async with await Client.open(server, "beautician2"):
                await replica.until(lambda r: r.present.get(who) != one)
                assert who in replica.present, "two devices are one person"
            await asyncio.sleep(1)
            assert who in replica.present
            gone = time.monotonic()
        await replica.until(lambda r: who not in r.present, 16)
        assert 8 < time.monotonic() - gone < 14, "ten seconds of grace"
        assert replica.history[-1]["op"] == "leave"


async def test_a_short_absence_is_nobodys_business(server):
    async with await Client.open(server, "owner") as owner:
        replica = await owner.subscribe(["presence"])
        async with await Client.open(server, "beautician") as tablet:
            who = tablet.user["id"]
            await replica.until(lambda r: who in r.present)
        await asyncio.sleep(1)
        async with await Client.open(server, "beautician"):
            await asyncio.sleep(0.3)
            assert who in replica.present
            assert not [f for f in replica.history if f["op"] == "leave" and who in [u["id"] for u in f["users"]]]


async def test_duty_is_part_of_presence(server):
    async with await Client.open(server, "owner") as owner, await Client.open(server, "beautician") as tablet:
        replica = await owner.subscribe(["presence"])
        who = tablet.user["id"]
        await replica.until(lambda r: who in r.present)
        await tablet.do("setDuty", {"duty": "break"})
        await replica.until(lambda r: "break" in str(r.present[who]))
        await tablet.do("setDuty", {"duty": "on"})
        await replica.until(lambda r: "break" not in str(r.present[who]))


async def test_presence_is_not_in_the_log_and_shows_nobody_of_another_clinic(server):
    head = Database(server.data).head(server.other_clinic)
    async with await Client.open(server, "owner@other.aura") as other:
        replica = await other.subscribe(["presence"])
        await replica.until(lambda r: r.history)
        async with await Client.open(server, "sales"), await Client.open(server, "sales@other.aura") as colleague:
            await replica.until(lambda r: colleague.user["id"] in r.present)
            assert set(replica.present) <= {other.user["id"], colleague.user["id"]} | {
                row["user_id"] for row in Database(server.data).read(
                    "SELECT user_id FROM clinic_staff WHERE clinic_id=?", server.other_clinic)}
    assert Database(server.data).head(server.other_clinic) == head


async def test_presence_beside_tables_in_one_subscription(server):
    async with await Client.open(server, "owner") as owner:
        replica = await owner.subscribe(["task_queue", "presence"])
        await replica.until(lambda r: r.history)
        assert replica.is_live and replica.history[0]["op"] == "all"


async def test_one_whose_membership_ends_but_who_stays_connected_leaves_that_clinics_presence(own_server):
    server = own_server
    async with await Client.open(server, "owner@other.aura") as owner, await Client.open(server, "sales") as both:
        replica = await owner.subscribe(["presence"])
        who = both.user["id"]
        await replica.until(lambda r: who in r.present)
        member = next(m for m in both.user["memberships"] if m["clinic"] == server.other_clinic)
        await owner.do("revokeMembership", {"staffId": member["staff"], "reason": "ย้าย"})
        await replica.until(lambda r: who not in r.present, 13)
        assert both.is_open
