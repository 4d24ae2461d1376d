"""The clinic's day in commands, with the arguments that the domain gives them: the one place that knows their names."""

import itertools
import random
import time

HOUR = 3_600_000
PRICE_BAHT = 5000

_slots = itertools.count(1)
_people = itertools.count(random.randrange(1_000_000))


def now():
    return int(time.time() * 1000)


def next_slot():
    """A start that no other test has taken, in Unix ms; far from the demo's own appointments."""
    return now() + (48 + next(_slots) * 2) * HOUR


def person(name=None):
    n = next(_people)
    return {"name": name or f"ลูกค้า {n}", "phone": f"08{n:08d}"}


def lead_args(name=None, **more):
    return {"customerData": person(name), **more}


async def lead(client, name=None, **options):
    """A new customer's case. Returns its id."""
    result = await client.do("initialize", lead_args(name), **options)
    return result["workflowId"]


def payment_args(workflow, beautician, start=None, **more):
    return {
        "workflowId": workflow, "amount": PRICE_BAHT, "paymentMethod": "PROMPTPAY", "beauticianId": beautician,
        "treatmentName": "Hydra Facial", "scheduledTime": start or next_slot(), **more,
    }


async def paid(client, workflow, beautician, start=None, **options):
    return await client.do("confirmPayment", payment_args(workflow, beautician, start), **options)


async def ready(sales, beautician, start=None):
    """A case that only waits for its treatment to begin. Returns its id."""
    workflow = await lead(sales)
    await paid(sales, workflow, beautician, start)
    return workflow


def task_args(workflow, title="โทรหาลูกค้า", **more):
    return {"workflowId": workflow, "type": "customer_follow_up", "title": title, **more}


async def task(client, workflow, title="โทรหาลูกค้า", **more):
    """A task of its own on a case: the smallest commit there is. Returns its id."""
    result = await client.do("createTask", task_args(workflow, title, **more))
    return result["taskId"]
