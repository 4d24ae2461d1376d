"""The pages behind the links in messages: what they show, what they do, and what they do not do for whoever guesses."""

import asyncio
import html
import json
import re
import time
import uuid
from urllib.parse import urlencode

import pytest
from aura_client import Client
from aura_server import wait_until
from database import Database
from delivery_house import customer, only_rule, treated

PAGES = ("care", "survey", "book", "portal", "stop")
WORDS = "คุณ{customerName} หลังทำ{treatmentName} {careLink} {surveyLink} {bookingLink} {portalLink} เลิกรับ {optOutLink}"
WILD = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Message:
    """A message that somebody has got, and what a browser does with its links."""

    def __init__(self, server, owner, identity, links):
        self.server, self.owner, self.identity, self.links = server, owner, identity, links

    def path(self, page, **query):
        return f"/m/{page}/{self.identity}" + (f"?{urlencode(query)}" if query else "")

    def get(self, page, **query):
        status, headers, body = self.server.http("GET", self.path(page, **query))
        return status, headers, body.decode()

    def post(self, page, headers=FORM, **fields):
        return self.server.http("POST", self.path(page), urlencode(fields).encode(), headers)

    @property
    def row(self):
        row = self.owner.database.one("SELECT * FROM followup_executions WHERE id=?", self.identity)
        return {**row, "response": json.loads(row["response"])}

    @property
    def preferences(self):
        row = self.owner.database.one("SELECT * FROM customer_preferences WHERE customer_id=?", self.row["customer_id"])
        return {**row, "consents": json.loads(row["consents"])}

    def tasks(self, reason):
        return [task for task in self.owner.database.read(
            "SELECT * FROM task_queue WHERE json_extract(task_data, '$.execution_id')=?", self.identity)
            if json.loads(task["task_data"]).get("reason") == reason]


async def message(server, name="แพรว", opted_in=True):
    """Somebody who was treated gets a message with all its links; without a gateway it is a call's script."""
    owner = await Client.open(server, "owner")
    owner.is_checked = False
    owner.database = Database(server.data)
    await owner.do("updateFollowUpSettings", {"baseUrl": f"http://127.0.0.1:{server.port}/m", "contactPhone": "02 000 0000"})
    rule = await only_rule(owner, ["call"])
    await owner.do("updateFollowUpRule", {"ruleId": rule, "words": {
        "th": {"message": WORDS}, "en": {"message": WORDS}}})
    workflow, person, _ = await customer(owner, name)
    if opted_in:
        await owner.do("updatePreferences", {
            "customerId": person, "marketingOptIn": True, "consent": {"version": "2026-01"}})
    await treated(owner, workflow)
    find = "SELECT * FROM followup_executions WHERE workflow_id=? AND status='sent'"
    row = None
    end = time.monotonic() + 20
    while not row:
        rows = owner.database.read(find, workflow)
        row = rows[0] if rows else None
        assert row or time.monotonic() < end
        await asyncio.sleep(0.05)
    [task] = owner.database.read(
        "SELECT description FROM task_queue WHERE workflow_id=? AND task_type='customer_follow_up'", workflow)
    return Message(server, owner, row["id"], re.findall(r"http://127\.0\.0\.1:\d+(/m/\S+)", task["description"]))


def plain(text):
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", text, flags=re.S))))


async def test_every_link_of_a_message_leads_to_its_page(new_server):
    server = new_server("--commands-per-second", 1000)
    mail = await message(server)
    assert sorted(mail.links) == sorted(f"/m/{page}/{mail.identity}" for page in PAGES)
    for page in PAGES:
        status, headers, text = mail.get(page)
        assert status == 200 and headers["content-type"] == "text/html; charset=utf-8"
        assert '<html lang="th">' in text and "02 000 0000" in text and 'href="tel:020000000"' in text
        # Nothing but its own style: no script, no picture, no other address, and no trace of where one came from.
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy
        assert headers["referrer-policy"] == "no-referrer" and headers["cache-control"] == "no-store"
        assert headers["x-robots-tag"] == "noindex, nofollow" and headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in headers and "<script" not in text and "style=" not in text
        status, _, english = mail.get(page, lang="en")
        assert status == 200 and '<html lang="en">' in english
        assert mail.get(page, lang="xx")[2] == text
        status, head, nothing = server.http("HEAD", mail.path(page))
        assert status == 200 and nothing == b"" and int(head["content-length"]) > 1000
    assert "ไฮดรา" in mail.get("care")[2] and "Hydra" in mail.get("care", lang="en")[2]
    await mail.owner.close()


async def test_looking_changes_nothing_but_that_the_link_was_followed(new_server):
    server = new_server("--commands-per-second", 1000)
    mail = await message(server)
    before = mail.row
    assert before["response"] == {}
    for headers in ({"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}):
        assert server.http("GET", mail.path("stop"), headers=headers)[0] == 200
    assert server.http("HEAD", mail.path("stop"))[0] == 200
    await asyncio.sleep(0.3)
    assert mail.row["response"] == {} and mail.row["version"] == before["version"]
    for _ in range(3):
        for page in PAGES:
            assert mail.get(page)[0] == 200
    # A program that follows every link, and guesses at forms with GET.
    for query in ({"do": "stop"}, {"do": "rate", "rating": "1"}, {"do": "call"}, {"List-Unsubscribe": "One-Click"}):
        assert mail.get("stop", **query)[0] == 200
    wait_until(lambda: mail.row["response"])
    await asyncio.sleep(0.3)
    row = mail.row
    assert set(row["response"]) == {"opened_at", "clicked_at"} and row["status"] == "delivered"
    assert row["version"] == before["version"] + 1
    assert mail.preferences["marketing_opt_in"] == 1 and not mail.tasks("call_asked")
    await mail.owner.close()


async def test_who_confirms_gets_no_more_news_and_may_take_it_back(new_server):
    server = new_server("--commands-per-second", 1000)
    mail = await message(server)
    assert 'name="do" value="stop"' in mail.get("stop")[2]
    for _ in range(2):
        status, headers, _ = mail.post("stop", do="stop")
        assert status == 303 and headers["location"] == "?lang=th"
        assert mail.preferences["marketing_opt_in"] == 0
    text = mail.get("stop")[2]
    assert "เรียบร้อยค่ะ" in text and 'value="stop"' not in text and 'value="undo"' in text
    withdrawn = [row for row in mail.owner.database.read(
        "SELECT * FROM customer_journey_events WHERE customer_id=? AND event_type='consent_withdrawn'",
        mail.row["customer_id"])]
    assert len(withdrawn) == 1 and mail.preferences["consents"]["marketing"]["channel"] == "link"
    assert mail.post("stop", do="undo")[0] == 303
    assert mail.preferences["marketing_opt_in"] == 1
    assert mail.preferences["consents"]["marketing"]["version"] == "2026-01"
    assert 'value="stop"' in mail.get("stop")[2]
    await mail.owner.close()


@pytest.mark.parametrize("kind", ["urlencoded", "multipart"])
async def test_a_mail_program_opts_out_with_one_click(new_server, kind):
    server = new_server("--commands-per-second", 1000)
    mail = await message(server)
    if kind == "urlencoded":
        body, type_ = b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"
    else:
        body = (b"--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n")
        type_ = "multipart/form-data; boundary=x"
    for _ in range(2):
        # RFC 8058: no cookie, no redirect.
        status, headers, _ = server.http("POST", mail.path("stop"), body, {"Content-Type": type_})
        assert status == 200 and "location" not in headers
    assert mail.preferences["marketing_opt_in"] == 0
    assert "clicked_at" not in mail.row["response"]
    assert server.http("POST", mail.path("care"), body, {"Content-Type": type_})[0] == 422
    await mail.owner.close()


async def test_a_survey_is_answered_once_however_often_it_is_sent(new_server):
    server = new_server("--commands-per-second", 1000)
    mail = await message(server)
    for fields in ({}, {"rating": "0"}, {"rating": "6"}, {"rating": "five"}, {"rating": "٣"}):
        status, _, body = mail.post("survey", do="rate", comment=WILD, **fields)
        # What was written is not lost.
        assert status == 422 and 'role="alert"' in body.decode() and html.escape(WILD).replace("&#x27;", "&#39;") in body.decode()
    assert mail.row["response"] == {}
    comment = "ดีมาก\r\n" + WILD
    for _ in range(3):
        assert mail.post("survey", do="rate", rating="2", comment=comment)[0] == 303
    response = mail.row["response"]
    assert response["rating"] == 2 and response["sentiment"] == "negative" and len(response["replies"]) == 1
    assert response["reply_text"] == "2 ดีมาก\n" + WILD
    assert [task["description"] for task in mail.tasks("unhappy")] == [response["reply_text"]]
    text = mail.get("survey")[2]
    # What somebody has written is not shown to whoever has the link.
    assert "คุณให้ 2 จาก 5" in plain(text) and "alert(1)" not in text
    assert mail.post("survey", do="rate", rating="5")[0] == 303
    assert mail.row["response"]["sentiment"] == "positive" and "5 จาก 5" in plain(mail.get("survey")[2])
    assert mail.post("survey", do="rate", rating="4", comment="ก" * 9_000)[0] == 413
    assert mail.post("survey", do="rate", rating="4", comment="ก" * 1_500)[0] == 303
    assert len(mail.row["response"]["reply_text"]) <= 1_002
    await mail.owner.close()


async def test_who_asks_for_a_call_is_called_once(new_server):
    server = new_server("--commands-per-second", 1000)
    mail = await message(server)
    for note in ("หลังห้าโมง", "again"):
        assert mail.post("book", do="call", note=note)[0] == 303
    [task] = mail.tasks("call_asked")
    assert task["description"] == "หลังห้าโมง" and task["priority"] == "high" and "แพรว" in task["title"]
    assert task["assigned_to"] == mail.owner.database.one(
        "SELECT assigned_sales_id FROM workflow_states WHERE id=?", task["workflow_id"])["assigned_sales_id"]
    for page in ("book", "care", "portal"):
        assert "เราจะโทรหาคุณ" in mail.get(page)[2] and 'value="call"' not in mail.get(page)[2]
    await mail.owner.close()


async def test_a_name_full_of_markup_is_a_name(new_server):
    server = new_server("--commands-per-second", 1000)
    mail = await message(server, WILD)
    for page in PAGES:
        for language in ("th", "en"):
            text = mail.get(page, lang=language)[2]
            assert "<script" not in text and "<img" not in text and "alert(1)</" not in text
    assert WILD in plain(mail.get("book")[2])
    # And what comes in the address is not in the page.
    assert "evil" not in mail.get("book", lang='"><evil>')[2]
    await mail.owner.close()


async def test_whatever_is_no_page_is_one_and_the_same_answer(new_server):
    server = new_server("--commands-per-second", 1000)
    mail = await message(server)
    row = mail.row
    [waiting] = [each["id"] for each in mail.owner.database.read(
        "SELECT id FROM followup_executions WHERE attempts=0 LIMIT 1")] or [str(uuid.uuid4())]
    paths = [
        f"/m/care/{uuid.uuid4()}", "/m/", "/m/care", "/m/care/", "/m/care/x", f"/m/nothing/{mail.identity}",
        f"/m/care/{mail.identity}/more", f"/m/offer/{mail.identity}", f"/m/pay/{mail.identity}",
        f"/m/stop/{row['customer_id']}", f"/m/stop/{row['workflow_id']}", f"/m/stop/{waiting}",
        f"/m/care/{mail.identity[:-1]}", f"/m/care/{mail.identity}'", f"/m/stop/{row['rule_id']}",
    ]
    answers = {server.http("GET", path)[::2] for path in paths}
    answers |= {server.http("POST", path, b"do=stop", FORM)[::2] for path in paths}
    [(status, body)] = answers
    assert status == 404 and "ไม่พบหน้านี้" in body.decode() and "This page is not here" in body.decode()
    assert "Aura" not in body.decode()
    status, headers, _ = server.http("DELETE", mail.path("care"))
    assert status == 405 and headers["allow"] == "GET, HEAD, POST"
    assert server.http("POST", mail.path("stop"), b"x" * 20_000, FORM)[0] == 413
    for body in (b"", b"do=stop%", b"do", b"&&&=", b"do=rate&rating=5", b"%FF=%00", b'{"do":"stop"}'):
        assert server.http("POST", mail.path("stop"), body, FORM)[0] in (422,), body
    assert server.http("POST", mail.path("stop"), b"do=stop", {"Content-Type": "text/plain"})[0] == 422
    assert mail.preferences["marketing_opt_in"] == 1
    # Erased is gone.
    with mail.owner.database.writing() as connection:
        connection.execute("UPDATE customers SET anonymized_at=1 WHERE id=?", (row["customer_id"],))
    assert server.http("GET", mail.path("care"))[0] == 404
    await mail.owner.close()


async def test_guessing_comes_to_an_end_and_leaves_others_their_pages(new_server):
    server = new_server("--commands-per-second", 1000, "--trusted-proxy", "127.0.0.1")
    mail = await message(server)
    loop = asyncio.get_running_loop()

    def guess(_):
        return server.http("GET", f"/m/stop/{uuid.uuid4()}", headers={"X-Forwarded-For": "203.0.113.7"})

    statuses = [(await loop.run_in_executor(None, guess, None)) for _ in range(100)]
    refused = [headers for status, headers, _ in statuses if status == 429]
    assert refused and all(int(headers["retry-after"]) >= 1 for headers in refused)
    assert sum(status == 404 for status, _, _ in statuses) < 80
    assert server.http("GET", mail.path("stop"), headers={"X-Forwarded-For": "203.0.113.7"})[0] == 429
    assert server.http("GET", mail.path("stop"), headers={"X-Forwarded-For": "198.51.100.9"})[0] == 200
    # One message's form cannot be sent without end either.
    statuses = [server.http("POST", mail.path("survey"), b"do=rate&rating=%d" % (n % 5 + 1), {
        **FORM, "X-Forwarded-For": "198.51.100.9"})[0] for n in range(30)]
    assert statuses[:15] == [303] * 15 and 429 in statuses
    await mail.owner.close()
