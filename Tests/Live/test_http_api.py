"""The HTTP API's manners: keys, refusals, two at once, what is malformed, and that every screen has a change at once."""

import asyncio
import concurrent.futures
import json
import time
import uuid

import openapi
import pytest
import story
from aura_client import Client
from original_client import Original, failed, lasting
from raw_socket import RawSocket
from shop import BEAUTICIAN, OWNER, SALES, SALES2, TREATMENT, customers
from test_http_rights import NOBODY, paid_case, perform_task
from test_http_scenarios import iso, lead, my_staff_id, pay_in_one


def at_once(*calls):
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [f.result() for f in [pool.submit(call) for call in calls]]


# Keys


def test_a_key_answers_once_and_only_for_its_own_request(shop):
    sales = Original(shop.server, SALES)
    journey, _ = lead(shop, sales, my_staff_id(shop.server, SALES, shop.clinic)[0])
    body = {"workflow_id": journey, "task_type": "contact_customer", "title": "โทรหาลูกค้า", "priority": "urgent"}
    key = str(uuid.uuid4())
    first = sales.do("POST", "/api/tasks", body, key)
    assert (first["task"]["task_type"], first["task"]["priority"]) == ("customer_follow_up", "critical")
    # Members in another order are the same request; changed since, the answer is still the first.
    sales.do("PATCH", "/api/tasks", {"task_id": first["task"]["id"], "status": "in_progress"})
    again = sales.send("POST", "/api/tasks", dict(reversed(body.items())), key)
    assert again[0] == 200 and lasting(again[2]) == lasting(first)
    for other in ({**body, "title": "อื่น"}, {**body, "extra": 1}):
        sales.refused("POST", "/api/tasks", other, key=key, status=409, code="COMMAND_REUSED")
    sales.refused("PATCH", "/api/tasks", {"task_id": first["task"]["id"]}, key=key, status=409, code="COMMAND_REUSED")
    # Somebody else's same key is another key.
    Original(shop.server, OWNER).do("POST", "/api/tasks", body, key)
    # Without keys nothing is guessed: two requests are two tasks.
    made = [sales.send("POST", "/api/tasks", body)[2]["task"]["id"] for _ in range(2)]
    assert len(set(made)) == 2
    refusals = [sales.send("POST", "/api/workflow", {"action": "closeCase", "journeyId": journey}, key=f"{key}-x")
                for _ in range(2)]
    assert [r[0] for r in refusals] == [409, 409] and lasting(refusals[0][2]) == lasting(refusals[1][2])
    for bad in ("", " ", "a b", "x" * 129, "ü"):
        status = sales.send("POST", "/api/tasks", body, key=bad.encode("latin-1"))[0]
        assert status == 400, bad


def test_the_same_request_many_times_at_once_happens_once(shop):
    journey, customer, _ = paid_case(shop)
    owner, key = Original(shop.server, OWNER), str(uuid.uuid4())
    body = {"customerId": customer, "points": 40, "transactionId": f"t-{key}", "clinicId": shop.clinic}
    answers = at_once(*[lambda: owner.send("POST", "/api/loyalty/points", body, key)] * 8)
    assert {a[0] for a in answers} == {200} and len({json.dumps(lasting(a[2])) for a in answers}) == 1
    assert answers[0][2]["data"]["points"] == 140
    refusal = owner.refused("POST", "/api/loyalty/points", body, status=409, code="DUPLICATE_RESOURCE")
    assert refusal["details"]["transaction_id"] == body["transactionId"]


def test_two_who_start_one_task_are_one_who_has_and_one_who_is_told_who(shop):
    journey, _, staff = paid_case(shop)
    task = perform_task(shop, journey)
    beautician, owner = Original(shop.server, BEAUTICIAN), Original(shop.server, OWNER)
    answers = at_once(
        lambda: (BEAUTICIAN, beautician.send("PATCH", "/api/tasks", {"task_id": task, "status": "in_progress"})),
        lambda: (OWNER, owner.send("POST", "/api/workflow", {
            "action": "startTreatment", "journeyId": journey,
            "beauticianId": my_staff_id(shop.server, OWNER, shop.clinic)[0]})))
    answers.sort(key=lambda a: a[1][0])
    (_, (won, _, _)), (_, (lost, _, told)) = answers
    assert (won, lost, told["code"]) == (200, 409, "TASK_ALREADY_STARTED")
    assert told["details"]["started_by_name"] and told["details"]["started_at"].endswith("Z")
    starts = shop.database.read(
        "SELECT * FROM workflow_actions WHERE workflow_id=? AND type='start_treatment'", journey)
    assert len(starts) == 1


async def test_what_is_done_over_http_is_on_every_screen_at_once(shop):
    sales, loop = Original(shop.server, SALES), asyncio.get_running_loop()
    staff, _ = my_staff_id(shop.server, BEAUTICIAN, shop.clinic)
    own, _ = my_staff_id(shop.server, SALES, shop.clinic)
    async with await Client.open(shop.server, BEAUTICIAN) as tablet:
        tasks = await tablet.subscribe(["task_queue", "workflow_events"], {"assigned_to": "me"})
        journey, _ = await loop.run_in_executor(None, lead, shop, sales, own)
        began = time.monotonic()
        await loop.run_in_executor(None, pay_in_one, shop, sales, journey, staff, story.next_slot())
        await tasks.until(lambda r: r.find("task_queue", workflow_id=journey, task_type="perform_treatment"))
        assert time.monotonic() - began < 1
        (commit,) = [c for c in tasks.commits.values() if (c.get("cause") or {}).get("command") == "confirmPayment"][-1:]
        assert commit["cause"]["by"], commit
        # And the other way round: what the socket did is in the next answer.
        await tablet.do("startTreatment", {"workflowId": journey})
        seen = await loop.run_in_executor(
            None, lambda: sales.get("/api/workflow/unified", action="get", workflow_id=journey))
        assert seen["data"]["workflow"]["current_stage"] == "in_treatment"


# Refusals


def test_refusals_have_the_originals_codes(shop):
    server = shop.server
    sales, owner = Original(server, SALES), Original(server, OWNER)
    journey, customer = lead(shop, sales, my_staff_id(server, SALES, shop.clinic)[0])
    post = "/api/workflow"
    assert sales.refused("POST", post, {}, status=400, code="MISSING_REQUIRED_FIELDS")["details"]["fields"] == ["action"]
    unknown = sales.refused("POST", post, {"action": "fly"}, status=400, code="VALIDATION_ERROR")
    assert unknown["message"] == "Invalid action"
    missing = sales.refused("POST", post, {"action": "confirmPayment"}, status=400, code="MISSING_REQUIRED_FIELDS")
    assert missing["details"]["fields"] == ["journeyId", "amount", "paymentMethod"]
    wrong = sales.refused("POST", post, {
        "action": "confirmPayment", "journeyId": journey, "amount": 4999, "paymentMethod": "CASH",
        "treatmentName": TREATMENT}, status=409, code="AMOUNT_MISMATCH")
    assert (wrong["details"]["expected"], wrong["details"]["amount"]) == (5000, 4999)
    sales.refused("POST", post, {"action": "completeTreatment", "journeyId": journey}, status=403)
    moved = sales.refused("POST", post, {"action": "noShow", "journeyId": journey}, status=409, code="INVALID_TRANSITION")
    assert moved["details"]["current_stage"] == "lead_created"
    bad = sales.refused("POST", "/api/tasks", {
        "workflow_id": journey, "task_type": "contact_customer", "title": "x", "due_date": "tomorrow"}, status=400)
    assert (bad["code"], bad["details"]["path"]) == ("VALIDATION_ERROR", "due_date")
    past = sales.refused("POST", post, {
        "action": "confirmPayment", "journeyId": journey, "amount": 5000, "paymentMethod": "CASH",
        "treatmentName": TREATMENT, "scheduledTime": "2020-01-01T11:00:00+07:00"}, status=409, code="TOO_LATE")
    assert past["details"]["path"] == "scheduledTime"
    task = sales.post("/api/tasks", workflow_id=journey, task_type="contact_customer", title="x")["task"]
    sales.do("PATCH", "/api/tasks", {"task_id": task["id"], "notes": "one", "version": task["version"]})
    stale = sales.refused(
        "PATCH", "/api/tasks", {"task_id": task["id"], "notes": "two", "version": task["version"]}, status=409,
        code="STALE_VERSION")
    assert stale["details"]["version"] == task["version"] + 1
    sales.refused("POST", "/api/achievements", {
        "customer_id": customer, "clinic_id": shop.clinic, "achievement_id": NOBODY}, status=404)
    consent = sales.refused("POST", post, {
        "action": "scanCustomer", "journeyId": journey, "scanResults": {"skin": "dry"}}, status=409)
    assert consent["code"] == "CONSENT_REQUIRED"
    scanned = sales.post(post, action="scanCustomer", journeyId=journey, scanResults={"price_st": 7, "at": 1e12},
                         consent={"version": "1"})["data"]
    assert scanned["stage"] == "scanned"
    # What a machine has measured is shown as it came.
    seen = sales.get("/api/workflow/unified", action="get", workflow_id=journey)["data"]["workflow"]["scan_results"]
    assert seen == {"price_st": 7, "at": 1e12}


async def test_a_bill_with_its_coupon_and_payment_is_all_or_nothing(shop):
    (customer,) = await customers(shop, 1)
    sales, owner = Original(shop.server, SALES), Original(shop.server, OWNER)
    body = {"customerId": customer, "items": [{"name": "ครีม", "quantity": 2, "price": 450.25}], "discount": 0.5}
    path = "/api/pos/transactions"
    sales.refused("POST", path, {**body, "couponCode": "RWD-NOTATALL"}, status=409, code="COUPON_UNAVAILABLE")
    wrong = sales.refused(
        "POST", path, {**body, "paymentMethod": "CASH", "amount": 899}, status=409, code="AMOUNT_MISMATCH")
    assert (wrong["details"]["expected"], wrong["details"]["amount"]) == (900, 899)
    sales.refused("POST", path, {**body, "paymentMethod": "GOLD"}, status=400, code="VALIDATION_ERROR")
    sales.refused("POST", path, {**body, "items": [{"name": "x", "price": 0.005}]}, status=400)
    assert sales.get(path, customerId=customer)["transactions"] == []
    paid = sales.post(path, **body, paymentMethod="CASH")["data"]
    shown = paid["transaction"]
    assert (shown["subtotal"], shown["discount"], shown["total"], shown["paid"], shown["payment_status"]) == (
        900.5, 0.5, 900.0, 900.0, "paid")
    change = {"transactionId": paid["transactionId"], "action": "refund", "amount": 450.25, "reason": "คืนหนึ่งชิ้น"}
    sales.refused("PATCH", path, change, status=403, code="INSUFFICIENT_PERMISSIONS")
    back = owner.do("PATCH", path, change)["data"]
    assert (back["refunded"], back["transaction"]["payment_status"]) == (450.25, "partially_refunded")
    open_bill = sales.post(path, **body)["data"]["transactionId"]
    void = sales.do("PATCH", path, {"transactionId": open_bill, "action": "void"})["data"]
    assert void["transaction"]["payment_status"] == "void"
    listed = sales.get(path, customerId=customer, limit=2)["data"]
    rest = sales.get(path, customerId=customer, limit=2, after=listed["next"])["data"]
    assert len({t["id"] for t in listed["transactions"] + rest["transactions"]}) == 3 and rest["next"] is None


async def test_an_achievement_is_unlocked_once(shop):
    (customer,) = await customers(shop, 1)
    async with await Client.open(shop.server, OWNER) as client:
        made = await client.do("createAchievement", {
            "name": f"ของขวัญ {uuid.uuid4()}", "conditions": {"visitCount": 50}, "pointsReward": 30})
    owner = Original(shop.server, OWNER)
    body = {"customer_id": customer, "clinic_id": shop.clinic, "achievement_id": made["achievementId"]}
    owner.refused("POST", "/api/achievements", body, status=409, code="INVALID_TRANSITION")
    answer = owner.do("POST", "/api/achievements", {**body, "override": True, "reason": "ลูกค้าเก่า"})
    assert (answer["points_awarded"], answer["achievement"]["id"]) == (30, made["achievementId"])
    owner.refused("POST", "/api/achievements", {**body, "override": True, "reason": "x"}, status=400,
                  code="DUPLICATE_RESOURCE")
    told = owner.get("/api/achievements", clinic_id=shop.clinic, customer_id=customer)
    assert told["customerProgress"] == {"unlocked": [made["achievementId"]], "total": 1}
    async with await Client.open(shop.server, OWNER) as client:
        await client.do("updateAchievement", {"achievementId": made["achievementId"], "isActive": False})


def test_the_second_faces_of_the_original_do_the_same(shop):
    server = shop.server
    sales, owner = Original(server, SALES), Original(server, OWNER)
    staff, _ = my_staff_id(server, BEAUTICIAN, shop.clinic)
    own, _ = my_staff_id(server, SALES, shop.clinic)
    made = sales.post("/api/workflow/management", action="create_workflow", data={"customerData": story.person()})
    journey = made["data"]["journeyId"]
    other = sales.post("/api/workflow/unified", action="create", customerData=story.person())["data"]["journeyId"]
    moved = sales.do("PUT", f"/api/workflow/{journey}/stage", {
        "new_stage": "payment_confirmed", "assign_to": staff,
        "metadata": {"amount": 5000, "paymentMethod": "CARD", "treatmentName": TREATMENT}})["data"]
    assert (moved["current_stage"], moved["beauticianId"]) == ("payment_confirmed", staff)
    scheduled = sales.post(
        "/api/workflow/management", action="execute_transition", workflowId=journey,
        data={"new_stage": "treatment_planned", "metadata": {"scheduledTime": iso(story.next_slot())}})["data"]
    assert scheduled["stage"] == "treatment_scheduled"
    sales.refused("POST", "/api/workflow/unified", {
        "action": "transition", "workflow_id": journey, "new_stage": "completed"}, status=409, code="INVALID_TRANSITION")
    second, _ = my_staff_id(server, SALES2, shop.clinic)
    handed = owner.do("PUT", f"/api/workflow/{other}/stage", {
        "new_stage": "scanned", "assign_to": second, "metadata": {"scanResults": {}, "consent": {"version": "1"}}})
    assert handed["data"]["stage"] == "scanned"
    assert shop.database.value("SELECT assigned_sales_id FROM workflow_states WHERE id=?", other) == second
    task = sales.post("/api/workflow/management", action="create_task", workflowId=journey,
                      data={"task_type": "contact_customer", "title": "โทร"})["data"]["task"]
    done = sales.post("/api/workflow/management", action="update_task_status",
                      data={"taskId": task["id"], "status": "completed"})["data"]["task"]
    assert done["status"] == "completed" and done["completed_by"] == own
    listed = sales.get("/api/workflow/unified", action="list_by_sales", sales_id=own, limit=200)["data"]["workflows"]
    assert {journey} <= {w["id"] for w in listed}
    stage = sales.get("/api/workflow/unified", action="list_by_clinic", stage="treatment_scheduled", limit=200)
    assert journey in {w["id"] for w in stage["data"]["workflows"]}
    posted = sales.send("POST", "/api/workflow/management", {"action": "list_workflows", "data": {"stage": "scanned"}})
    assert posted[0] == 200 and all(w["current_stage"] == "scanned" for w in posted[2]["data"]["workflows"])
    tasks = sales.get("/api/workflow/management", type="workflow_tasks", workflowId=journey)["data"]["tasks"]
    assert task["id"] in {t["id"] for t in tasks}
    stats = sales.get("/api/workflow/management", type="workflow_stats")["data"]
    counted = {row["current_stage"]: row["n"] for row in shop.database.read(
        "SELECT current_stage, count(*) n FROM workflow_states WHERE clinic_id=? AND status='active' GROUP BY 1",
        shop.clinic)}
    assert {stage: n for stage, n in stats["byStage"].items() if n} == counted
    events = sales.get("/api/workflow/management", type="event_history", workflowId=journey)["data"]["events"]
    assert {"workflow_created", "payment_received"} <= {e["event_type"] for e in events}
    assert all(e["created_at"].endswith("Z") for e in events)
    title = f"ประชุม {uuid.uuid4()}"
    owner.post("/api/workflow/management", action="broadcast_event", data={"title": title, "message": "18:00"})
    bell = sales.get("/api/notifications", unread="true", page=1, limit=1)
    assert bell["notifications"][0]["title"] == title
    assert bell["pagination"]["totalPages"] == bell["pagination"]["total"] == bell["unreadCount"]
    note = bell["notifications"][0]["id"]
    read = sales.post("/api/notifications", action="markRead", notificationId=note)["data"]
    assert read["notification"]["is_read"] and not read["already"]
    Original(server, BEAUTICIAN).refused(
        "POST", "/api/notifications", {"action": "markRead", "notificationId": note}, status=404)
    left = sales.get("/api/notifications", unread="true")["unreadCount"]
    assert left == bell["unreadCount"] - 1
    assert sales.post("/api/notifications", action="markAllRead")["data"]["updatedCount"] == left
    owner.post("/api/notifications", action="send", type="note", title="ถึงตัวเอง", message="x", priority="high")
    assert owner.get("/api/notifications", limit=1)["notifications"][0]["title"] == "ถึงตัวเอง"


# Manners


def test_every_path_says_what_it_takes(server):
    token = {"Authorization": f"Bearer {server.token('owner')}"}
    for path, methods in openapi.DOCUMENT["paths"].items():
        if path.startswith("/api/auth/"):
            continue
        path = path.replace("{id}", NOBODY)
        status, headers, body = server.http("OPTIONS", path)
        expected = {m.upper() for m in methods} | {"OPTIONS"} | ({"HEAD"} if "get" in methods else set())
        assert status == 204 and body == b"" and set(headers["allow"].split(", ")) == expected, (path, headers)
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"} - expected:
            status, headers, body = server.http(method, path, b"" if method != "GET" else None, token)
            assert status == 405 and set(headers["allow"].split(", ")) == expected, (method, path, status)
            if method != "HEAD":
                failed(path, json.loads(body))
    status, headers, body = server.http("HEAD", "/api/tasks", headers=token)
    assert status == 200 and body == b"" and int(headers["content-length"]) > 50
    for path in ("/api/nothing", "/api/workflow/", "/api/tasks/x", "/api/loyalty/pointss", "/api/auth/x"):
        status, headers, body = server.http("GET", path, headers=token)
        assert status == 404 and json.loads(body)["error"], (path, body)
    assert server.http("GET", "/api/openapi.json")[2] == openapi.PATH.read_bytes()
    assert b"<h1" in server.http("GET", "/api/")[2]


@pytest.mark.parametrize("body, kind, status, code", [
    (b"", "application/json", 400, "INVALID_FORMAT"), (b"{", "application/json", 400, "INVALID_FORMAT"),
    (b"[]", "application/json", 400, "INVALID_FORMAT"), (b"null", "application/json", 400, "INVALID_FORMAT"),
    (b'{"action":1}', "application/json", 400, "VALIDATION_ERROR"), (b"\xff\xfe", "application/json", 400, "INVALID_FORMAT"),
    (b'{"a":1,"a":2}', "application/json", 400, "INVALID_FORMAT"),
    (b'{"a":' * 40 + b"1" + b"}" * 40, "application/json", 400, "INVALID_FORMAT"),
    (b"[" * 60_000, "application/json", 400, "INVALID_FORMAT"),
    (b'{"action":"checkIn","journeyId":1e999}', "application/json", 400, "INVALID_FORMAT"),
    (b'{"x":"' + b"a" * 70_000 + b'"}', "application/json", 413, "VALIDATION_ERROR"),
    (b'{"action":"checkIn"}', "text/plain", 415, "VALIDATION_ERROR"),
    (b"action=checkIn", "application/x-www-form-urlencoded", 415, "VALIDATION_ERROR"),
    (b'{"action":"checkIn"}', None, 415, "VALIDATION_ERROR"),
    (b'{"action":"checkIn","journeyId":"x"}', "application/json; charset=utf-8", 400, "VALIDATION_ERROR"),
], ids=lambda value: str(value)[:30])
def test_a_malformed_body_is_refused_with_its_reason(server, body, kind, status, code):
    headers = {"Authorization": f"Bearer {server.token('owner')}", **({"Content-Type": kind} if kind else {})}
    got, _, answer = server.http("POST", "/api/workflow", body, headers)
    assert got == status, answer
    assert failed("/api/workflow", json.loads(answer))["code"] == code


@pytest.mark.parametrize("query, status", [
    ("limit=0", 400), ("limit=-1", 400), ("limit=x", 400), ("limit=1.5", 400), ("limit=", 400), ("limit=99999", 200),
    ("status=flying", 400), ("status=pending%27%20OR%201=1", 400), ("clinicId=1", 400), ("&&limit=x", 400),
    ("%FF=1", 400), ("x=%ff&limit=1", 400), ("a=1&" * 33, 400), ("x=" + "a" * 2000, 400), ("unknown=1", 200),
], ids=lambda value: str(value)[:30])
def test_a_malformed_query_string_is_refused_or_left_alone(server, query, status):
    got, _, answer = Original(server, "owner").send("GET", f"/api/tasks?{query}")
    assert got == status, answer


def test_what_the_transport_refuses_is_said_in_the_apis_words(server):
    for head, status in [(b"Transfer-Encoding: chunked\r\n", 501), (b"", 411), (b"Content-Length: x\r\n", 400)]:
        with RawSocket(server) as raw:
            raw.send_bytes(b"POST /api/loyalty/redeem HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                           + head + b"\r\n")
            got, headers = raw.response_head()
            assert got == status and headers["content-type"].startswith("application/json"), (head, got, headers)
            failed("/api/loyalty/redeem", json.loads(raw._take(int(headers["content-length"]))))


def test_a_slow_body_is_waited_for_and_costs_nobody_else_anything(server):
    body = json.dumps({"action": "markAllRead"}).encode()
    with RawSocket(server, timeout=20) as raw:
        raw.send_bytes((
            f"POST /api/notifications HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token('owner')}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode())
        for byte in body:
            raw.send_bytes(bytes([byte]))
            assert server.is_healthy()
        assert raw.response_head()[0] == 200


def test_one_person_may_do_so_much_in_a_second_and_no_more(new_server):
    server = new_server()
    owner = Original(server, "owner")
    answers = [owner.send("POST", "/api/notifications", {"action": "markAllRead"}) for _ in range(60)]
    refused = [a for a in answers if a[0] == 429]
    assert {a[0] for a in answers} == {200, 429} and 5 < len(refused) < 40
    assert refused[0][2]["error"]["code"] == "RATE_LIMIT_EXCEEDED" and int(refused[0][1]["retry-after"]) >= 1
    assert Original(server, "admin").get("/api/tasks"), "another's limit is another's"
    garbage = [server.http("GET", "/api/tasks", headers={"Authorization": "Bearer x.y.z"})[0] for _ in range(90)]
    assert garbage[0] == 401 and garbage[-1] == 429
    assert Original(server, "admin").get("/api/tasks"), "who has a token is not kept out by who has none"
