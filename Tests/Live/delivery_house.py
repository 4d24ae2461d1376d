"""A clinic whose messages leave through the reference receiver: rules that write at once, and customers to write to."""

import json
import time

import story
from gateway_receiver import SECRET

CHANNELS = ("sms", "line", "whatsapp", "email")


def gateways_file(path, authority, routes, hosts=("localhost",)):
    """Writes the server's configuration: `routes` is {clinic code: {channel: url, or the whole entry}}."""
    def entry(route):
        return {"kind": "webhook", "url": route, "secret": SECRET} if isinstance(route, str) else route

    path.write_text(json.dumps({
        "hosts": {host: {"allowPrivate": True, "ca": str(authority.ca)} for host in hosts},
        "gateways": {code: {channel: entry(route) for channel, route in channels.items()}
                     for code, channels in routes.items()},
    }))
    path.chmod(0o600)
    return path


def noon_zone():
    """A zone in which it is about noon now: whoever lives there may be written to."""
    offset = 12 - time.gmtime().tm_hour
    return f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"


async def only_rule(owner, channels=("sms",), kind="post_treatment", **conditions):
    """Switches the clinic's rules off and makes one of its own, at once unless `conditions` say when. Returns its id."""
    for rule in owner.database.read("SELECT id FROM followup_rules WHERE active AND clinic_id=?", owner.clinic):
        await owner.do("updateFollowUpRule", {"ruleId": rule["id"], "active": False})
    # No night, so that the hour at which the tests run does not matter.
    await owner.do("updateFollowUpSettings", {"quietFrom": 24, "quietTo": 0})
    words = {"th": {"subject": "หลังทำ {treatmentName}", "message": "คุณ{customerName} ผิวเป็นอย่างไรบ้างคะ"},
             "en": {"subject": "After {treatmentName}", "message": "How is your skin, {customerName}?"}}
    made = await owner.do("createFollowUpRule", {
        "name": "ทดสอบ", "type": kind, "conditions": conditions or {"hoursAfter": 0}, "channels": list(channels),
        "words": words})
    return made["ruleId"]


async def customer(owner, name=None, **contact):
    """A new customer's case with their clock at noon. Returns (case, customer, phone)."""
    person = {**story.person(name), **contact}
    made = await owner.do("initialize", {"customerData": person})
    customer = made["customerId"]
    await owner.do("updatePreferences", {"customerId": customer, "timezone": noon_zone()})
    return made["workflowId"], customer, person["phone"]


async def treated(owner, workflow):
    """Pays and has the treatment done: the rules' cause."""
    await story.paid(owner, workflow, owner.staff)
    await owner.do("startTreatment", {"workflowId": workflow})
    await owner.do("completeTreatment", {"workflowId": workflow})
