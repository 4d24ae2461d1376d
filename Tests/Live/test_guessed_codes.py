"""Codes that are guessed: a wrong one and another customer's are answered alike, and after ten nobody is answered.

Tries are counted by person, so that each test lets somebody guess who does so in no other test.
"""

import asyncio
import json

import pytest
import shop as shop_module
import story
from aura_client import Client, new_key
from shop import ADMIN, BAHT, NEIGHBOUR, OWNER, SALES, SALES2

WRONG = "RWD-ZZZZZZZZ"
TRIES = 10


async def once(client, name, args):
    """One answer, whatever it is: who is told to slow down does not wait here."""
    return await client._patiently(await client.begin(name, args))


async def guess(client, sale, code=WRONG):
    return await once(client, "applyCoupon", {"saleId": sale, "code": code})


def is_refused(answer):
    return answer["type"] == "ack" and not answer["ok"] and answer["error"]["code"] == "coupon_unavailable"


def is_limited(answer):
    return answer["type"] == "error" and answer["code"] == "rate_limited"


@pytest.fixture
def guessed_shop(new_shop):
    """A shop whose guessers nobody else needs any more."""
    return new_shop()


async def test_a_wrong_code_another_customers_and_another_clinics_are_answered_alike(guessed_shop):
    shop = guessed_shop
    mine, other = await shop_module.customers(shop, 2)
    async with await Client.open(shop.server, OWNER) as owner, await Client.open(shop.server, NEIGHBOUR) as next_door:
        reward = await shop_module.reward(owner, cost=50)
        others = (await shop_module.coupon(owner, reward, other))["couponCode"]
        neighbours = await next_door.do("initialize", story.lead_args())
        theirs = (await shop_module.coupon(
            next_door, await shop_module.reward(next_door, cost=50), neighbours["customerId"]))["couponCode"]
        sale = await shop_module.bill(owner, mine)
        workflow = (await owner.do("initialize", story.lead_args()))["workflowId"]
        before = shop_module.everything(shop.database, but=("sys_commands",))
        for name, args in (
                ("applyCoupon", {"saleId": sale}),
                ("confirmPayment", {"workflowId": workflow, "amountSt": 500000, "paymentMethod": "CASH",
                                    "treatmentId": shop.treatment})):
            field = "code" if name == "applyCoupon" else "couponCode"
            answers = []
            for code in (WRONG, others, theirs):
                answer = await once(owner, name, {**args, field: code})
                assert is_refused(answer), answer
                assert answer["error"]["details"] == {"code": code}, answer
                text = json.dumps(answer, ensure_ascii=False)
                answers.append(text.replace(code, "CODE").replace(answer["key"], "KEY").replace(
                    f'"re": {answer["re"]}', '"re": 0'))
            assert len(set(answers)) == 1, answers
        assert shop_module.differences(before, shop_module.everything(shop.database, but=("sys_commands",))) == {}
        # The next step: the customer whose it is.
        theirs_now = await shop_module.bill(owner, other)
        assert (await owner.do("applyCoupon", {"saleId": theirs_now, "code": others}))["discountSt"] > 0


async def test_after_ten_guesses_over_several_connections_there_is_no_answer_and_others_go_on(guessed_shop):
    shop = guessed_shop
    customer, = await shop_module.customers(shop, 1)
    async with await Client.open(shop.server, OWNER) as owner:
        reward = await shop_module.reward(owner, cost=50)
        code = (await shop_module.coupon(owner, reward, customer))["couponCode"]
        sale = await shop_module.bill(owner, customer)
        guessers = [await Client.open(shop.server, SALES) for _ in range(4)]
        # At once, so that no connection waits for another's count.
        answers = await asyncio.gather(*[guess(guessers[n % 4], sale, f"RWD-AAAAAA{n:02d}") for n in range(25)])
        assert sum(map(is_refused, answers)) == TRIES and sum(map(is_limited, answers)) == 25 - TRIES, answers
        for answer in filter(is_limited, answers):
            assert answer["temporary"] and 0 < answer["retry_ms"] <= 60_000, answer
        # A new connection, the right code, another way of naming a code: still the same person.
        async with await Client.open(shop.server, SALES) as again:
            assert is_limited(await guess(again, sale, code))
            workflow = await story.lead(again)
            payment = {"amountSt": 500000, "paymentMethod": "CASH", "treatmentId": shop.treatment, "couponCode": code}
            assert is_limited(await once(again, "confirmPayment", {"workflowId": workflow, **payment}))
            assert is_limited(await once(again, "transition", {
                "workflowId": workflow, "toStage": "payment_confirmed", "metadata": payment}))
            # What names no code goes on.
            assert (await once(again, "removeCoupon", {"saleId": sale}))["ok"]
            payment.pop("couponCode")
            assert (await once(again, "confirmPayment", {"workflowId": workflow, **payment}))["ok"]
        for guesser in guessers:
            await guesser.close()
        for who in (SALES2, ADMIN, OWNER):
            async with await Client.open(shop.server, who) as other:
                assert (await guess(other, sale, code))["ok"], who
                assert (await once(other, "removeCoupon", {"saleId": sale}))["ok"]


async def test_a_guess_through_a_transition_is_a_guess(guessed_shop):
    shop = guessed_shop
    async with await Client.open(shop.server, SALES2) as sales:
        workflow = await story.lead(sales)
        answers = [await once(sales, "transition", {
            "workflowId": workflow, "toStage": "payment_confirmed",
            "metadata": {"amountSt": 1, "paymentMethod": "CASH", "treatmentId": shop.treatment,
                         "couponCode": f"RWD-BBBBBB{n:02d}"}}) for n in range(TRIES + 1)]
        assert all(map(is_refused, answers[:TRIES])) and is_limited(answers[TRIES]), answers


async def test_right_codes_and_refusals_that_are_no_guess_cost_no_try(guessed_shop):
    shop = guessed_shop
    customer, = await shop_module.customers(shop, 1)
    async with await Client.open(shop.server, ADMIN) as till:
        reward = await shop_module.reward(till, cost=50)
        code = (await shop_module.coupon(till, reward, customer))["couponCode"]
        one, two = await shop_module.bill(till, customer), await shop_module.bill(till, customer)
        for n in range(TRIES - 1):
            assert is_refused(await guess(till, one, f"RWD-CCCCCC{n:02d}"))
        for _ in range(TRIES + 5):
            assert (await guess(till, one, code))["ok"]
            held = await guess(till, two, code)
            assert is_refused(held) and held["error"]["details"]["reason"] == "reserved"
            assert (await once(till, "removeCoupon", {"saleId": one}))["ok"]
        # A bill that is not there, a code that is no text: nothing was looked up.
        missing = await guess(till, new_key(), "RWD-DDDDDDDD")
        assert missing["error"]["code"] == "not_found"
        assert (await once(till, "applyCoupon", {"saleId": one, "code": 7}))["code"] == "bad_request"
        # The tenth try is still there, and it is the last.
        assert is_refused(await guess(till, one, WRONG))
        assert is_limited(await guess(till, one, code))


async def test_who_asks_again_under_the_key_of_a_right_code_gets_the_stored_answer(guessed_shop):
    shop = guessed_shop
    customer, = await shop_module.customers(shop, 1)
    async with await Client.open(shop.server, SALES) as till:
        async with await Client.open(shop.server, OWNER) as owner:
            reward = await shop_module.reward(owner, cost=50)
        code = (await shop_module.coupon(till, reward, customer))["couponCode"]
        sale = await shop_module.bill(till, customer, 1000 * BAHT)
        key, args = new_key(), {"saleId": sale, "code": code}
        first = await till._patiently(await till.begin("applyCoupon", args, key=key))
        for _ in range(TRIES + 2):
            again = await till._patiently(await till.begin("applyCoupon", args, key=key))
            assert again == {**first, "re": again["re"], "duplicate": True}
