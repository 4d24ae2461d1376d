"""Who may do what over HTTP: tokens, cookies, clinics and roles, and that nothing is told of what is not the caller's."""

import asyncio
import json
import time
import uuid

import pytest
import story
from database import Database, copy_row
from original_client import Original, lasting
from shop import BEAUTICIAN, OWNER, SALES, SALES2, customers, reward
from aura_client import Client
from test_http_scenarios import iso, lead, my_staff_id, pay_in_one

NOBODY = "0199ffff-ffff-7fff-bfff-ffffffffffff"


def paid_case(shop):
    """A case that waits for its treatment: (case, customer, beautician's staff id)."""
    sales = Original(shop.server, SALES)
    staff, _ = my_staff_id(shop.server, BEAUTICIAN, shop.clinic)
    journey, customer = lead(shop, sales, my_staff_id(shop.server, SALES, shop.clinic)[0])
    pay_in_one(shop, sales, journey, staff, story.next_slot())
    return journey, customer, staff


def perform_task(shop, journey):
    return shop.database.value(
        "SELECT id FROM task_queue WHERE workflow_id=? AND task_type='perform_treatment'", journey)


# Tokens


@pytest.mark.parametrize("method, path", [
    ("GET", "/api/tasks"), ("POST", "/api/workflow"), ("GET", "/api/loyalty"), ("PATCH", "/api/tasks"),
    ("PUT", f"/api/workflow/{NOBODY}/stage"), ("POST", "/api/loyalty/redeem"), ("GET", "/api/notifications"),
])
def test_without_a_valid_token_nothing_is_told(server, method, path):
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"},
                    {"Cookie": "aura_session=nonsense"}, {"Cookie": "aura_refresh=x"}):
        status, received, body = server.http(method, path, {} if method != "GET" else None, headers)
        assert status == 401 and received["www-authenticate"] == "Bearer", (headers, body)
        assert b"UNAUTHORIZED" in body


def test_a_token_that_has_ended_says_so_and_one_of_a_session_that_ended_is_none(new_server):
    server = new_server()
    short = server.printed_token("sales", ttl=1)
    time.sleep(1.3)
    ended = Original(server, "sales", token=short)
    ended.refused("GET", "/api/tasks", status=401, code="TOKEN_EXPIRED")
    grant, cookie = server.login("sales")
    client = Original(server, "sales", token=grant["access_token"])
    client.get("/api/tasks")
    assert server.http("POST", "/api/auth/logout", {}, {"Cookie": cookie})[0] == 200
    client.refused("GET", "/api/tasks", status=401, code="UNAUTHORIZED")


def test_a_browser_needs_no_script_that_keeps_the_token_but_a_page_of_the_hubs_own(server):
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(
        "POST", "/api/auth/login", json.dumps({"email": "owner@demo.aura", "password": server.password}),
        {"Content-Type": "application/json"})
    response = connection.getresponse()
    cookies = {c.split("=")[0]: c for c in response.headers.get_all("set-cookie")}
    response.read()
    session = cookies["aura_session"]
    assert "HttpOnly" in session and "SameSite=Strict" in session and "Path=/api;" in session
    cookie = {"Cookie": session.split(";")[0]}
    assert server.http("GET", "/api/tasks", headers=cookie)[0] == 200
    body = {"action": "markAllRead"}
    own = {"Origin": server.origin}
    assert server.http("POST", "/api/notifications", body, {**cookie, **own})[0] == 200
    assert server.http("POST", "/api/notifications", body, cookie)[0] == 200, "no browser"
    for foreign in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
                    {"Sec-Fetch-Site": "same-site"}):
        assert server.http("POST", "/api/notifications", body, {**cookie, **foreign})[0] == 403, foreign
    # Who has the token itself is no page that uses somebody's cookie.
    bearer = {"Authorization": f"Bearer {server.token('owner')}", "Origin": "https://evil.example"}
    assert server.http("POST", "/api/notifications", body, bearer)[0] == 200
    status, headers, _ = server.http("POST", "/api/auth/logout", {}, cookie)
    assert status == 200 and "Max-Age=0" in headers["set-cookie"]


# Clinics


def test_rows_of_another_clinic_are_rows_that_are_not_there(shop):
    journey, customer, _ = paid_case(shop)
    task = perform_task(shop, journey)
    stranger = Original(shop.server, "owner@neighbour.aura")
    for method, path, body in [
        ("PATCH", "/api/tasks", {"task_id": "ID", "status": "in_progress"}),
        ("POST", "/api/workflow", {"action": "startTreatment", "journeyId": "ID"}),
        ("PUT", "/api/workflow/ID/stage", {"new_stage": "in_treatment"}),
        ("POST", "/api/loyalty/points", {"customerId": "ID", "points": 5, "transactionId": str(uuid.uuid4())}),
        ("POST", "/api/pos/transactions", {"customerId": "ID", "items": [{"name": "x", "price": 1}]}),
        ("POST", "/api/consent", {"customerId": "ID", "purpose": "marketing", "given": False}),
        ("GET", "/api/loyalty?customerId=ID", None), ("GET", "/api/customer/loyalty?customerId=ID", None),
        ("GET", "/api/workflow/unified?action=get&workflow_id=ID", None), ("GET", "/api/consent?customerId=ID", None),
    ]:
        real = {"/api/tasks": task, "/api/loyalty/points": customer, "/api/pos/transactions": customer,
                "/api/consent": customer}.get(path, customer if "customerId" in path else journey)
        told = []
        for row in (real, NOBODY):
            asked = json.loads(json.dumps(body).replace("ID", row)) if body else None
            status, _, answer = stranger.send(method, path.replace("ID", row), asked)
            told.append((status, json.loads(json.dumps(lasting(answer)).replace(row, "ID"))))
        assert told[0] == told[1] and told[0][0] == 404, (method, path, told)
    assert stranger.get("/api/pos/transactions", customerId=customer)["transactions"] == []


def test_a_clinic_that_is_not_mine_is_refused_whether_or_not_it_exists_and_written_down(own_server):
    server = own_server
    stranger = Original(server, "owner@other.aura")
    home = Database(server.data).value("SELECT id FROM clinics ORDER BY created_at, id LIMIT 1")
    assert stranger.get("/api/tasks", clinicId=server.other_clinic)
    answers = []
    for clinic in (home, NOBODY):
        for method, path, body in [("GET", f"/api/tasks?clinicId={clinic}", None), (
                "POST", "/api/workflow", {"action": "checkIn", "journeyId": NOBODY, "clinicId": clinic})]:
            refusal = stranger.refused(method, path, body, status=403, code="FORBIDDEN")
            answers.append((method, refusal["message"], refusal["details"]))
        stranger.refused("GET", "/api/tasks", status=403, headers={"X-Clinic-Id": clinic})
    assert len(set(map(repr, answers))) == 2
    denied = Database(server.data).read("SELECT * FROM sys_audit WHERE kind='denied' AND clinic_id=?", home)
    assert denied, "nobody wrote it down"


def test_who_belongs_to_two_clinics_says_which(own_server):
    server = own_server
    both = Original(server, "sales")
    assert both.refused("GET", "/api/tasks", status=400)["details"]["fields"] == ["clinicId"]
    home = Database(server.data).value("SELECT id FROM clinics ORDER BY created_at, id LIMIT 1")
    for clinic in (home, server.other_clinic):
        status, _, answer = both.send("GET", "/api/tasks", headers={"X-Clinic-Id": clinic})
        assert status == 200 and {t["clinic_id"] for t in answer["tasks"]} <= {clinic}
        made = both.post(
            "/api/workflow", action="initialize", clinicId=clinic, customerData=story.person())["data"]
        assert Database(server.data).value(
            "SELECT clinic_id FROM workflow_states WHERE id=?", made["journeyId"]) == clinic
    both.refused("GET", f"/api/tasks?clinicId={home}", status=400, headers={"X-Clinic-Id": server.other_clinic})
    both.refused("GET", "/api/tasks", status=400, headers={"X-Clinic-Id": "no-uuid"})
    assert both.send("GET", f"/api/achievements?clinic_id={home}")[0] == 200
    both.refused("GET", "/api/achievements", status=400, code="MISSING_REQUIRED_FIELDS")


def test_a_super_admin_from_outside_gives_a_reason_and_it_is_kept(new_server):
    server = new_server(start=False)
    database = Database(server.data)
    with database.writing() as connection:
        someone = connection.execute("SELECT * FROM users WHERE password_hash IS NOT NULL LIMIT 1").fetchone()
        copy_row(connection, "users", someone, email="super@aura.test", full_name="Super", is_super_admin=1)
    clinic = database.value("SELECT id FROM clinics LIMIT 1")
    server.start()
    above = Original(server, "super@aura.test")
    above.refused("GET", "/api/notifications", status=403, code="FORBIDDEN")
    path = f"/api/workflow/unified?action=list_by_clinic&clinicId={clinic}"
    above.refused("GET", path, status=403)
    assert above.send("GET", path + "&reason=ticket-17")[2]["data"]["workflows"]
    body = {"action": "initialize", "clinicId": clinic, "customerData": story.person(),
            "salesId": database.value("SELECT id FROM clinic_staff WHERE role='sales_staff' LIMIT 1")}
    above.refused("POST", "/api/workflow", body, status=403)
    above.do("POST", "/api/workflow", {**body, "reason": "ticket-18"})
    kept = {(row["kind"], reason) for row in database.read("SELECT * FROM sys_audit WHERE clinic_id=?", clinic)
            if (reason := json.loads(row["detail"]).get("reason"))}
    assert {("super_admin_read", "ticket-17"), ("super_admin_command", "ticket-18")} <= kept


# Roles


def test_each_role_may_do_its_own_only(shop):
    server = shop.server
    journey, customer, staff = paid_case(shop)
    sales, other = Original(server, SALES), Original(server, SALES2)
    beautician, owner = Original(server, BEAUTICIAN), Original(server, OWNER)
    for who, method, path, body in [
        (sales, "POST", "/api/workflow", {"action": "startTreatment", "journeyId": journey}),
        (sales, "POST", "/api/loyalty/points", {"customerId": customer, "points": 5, "transactionId": "mine"}),
        (other, "POST", "/api/workflow", {"action": "scheduleAppointment", "journeyId": journey,
                                          "scheduledTime": iso(story.next_slot())}),
        (beautician, "POST", "/api/pos/transactions", {"customerId": customer, "items": [{"name": "x", "price": 1}]}),
        (sales, "POST", "/api/notifications", {"action": "send", "title": "x", "message": "y", "role": "all"}),
    ]:
        who.refused(method, path, body, status=403, code="INSUFFICIENT_PERMISSIONS")
    # A body may name somebody; it does not make one somebody.
    sales_staff, _ = my_staff_id(server, SALES, shop.clinic)
    beautician.refused(
        "POST", "/api/workflow", {"action": "startTreatment", "journeyId": journey, "beauticianId": sales_staff},
        status=403, code="INSUFFICIENT_PERMISSIONS")
    beautician.refused(
        "POST", "/api/workflow", {"action": "completeTreatment", "journeyId": journey, "customerId": NOBODY},
        status=404, code="RESOURCE_NOT_FOUND")
    owner.post("/api/loyalty/points", customerId=customer, points=5, transactionId=str(uuid.uuid4()))

    hidden = beautician.get("/api/pos/transactions", customerId=customer)["transactions"]
    assert hidden and not {"total", "paid", "items"} & set(hidden[0])
    assert sales.get("/api/pos/transactions", customerId=customer)["transactions"][0]["total"] == 5000
    assert beautician.get("/api/loyalty", customerId=customer)["data"]["totalSpent"] is None
    seen = beautician.get("/api/workflow/unified", action="get", workflow_id=journey)["data"]
    assert "treatment_plan" not in seen["workflow"] and all("data" not in a for a in seen["actions"])
    for kind in ("workflow_stats", "dashboard_summary", "clinic_workflows", "event_history"):
        for who in (owner, sales, beautician):
            told = who.get("/api/workflow/management", type=kind, clinicId=shop.clinic)["data"]
            if kind == "dashboard_summary":
                assert ("total" in told["today"]["payments"]) == (who is not beautician), told


async def test_a_customer_sees_and_does_what_is_theirs(shop):
    server = shop.server
    address, own = await shop.account()
    (another,) = await customers(shop, 1)
    async with await Client.open(server, OWNER) as client:
        voucher = await reward(client, cost=10_000)
        cheap = await reward(client, cost=50)
    portal = Original(server, address)
    assert portal.get("/api/loyalty")["data"]["customerId"] == own
    assert portal.get("/api/customer/loyalty", customerId=own)["profile"]["available_points"] == 100
    for path in ("/api/loyalty", "/api/loyalty/points", "/api/loyalty/history", "/api/loyalty/rewards",
                 "/api/customer/loyalty", "/api/consent", "/api/referrals", "/api/pos/transactions"):
        portal.refused("GET", f"{path}?customerId={another}", status=403)
        assert portal.get(path)
    for path in ("/api/tasks", "/api/workflow/unified?action=list_by_clinic",
                 "/api/workflow/management?type=dashboard_summary", "/api/workflow/management?type=event_history"):
        portal.refused("GET", path, status=403, code="INSUFFICIENT_PERMISSIONS")
    portal.refused("POST", "/api/workflow", {"action": "initialize", "customerData": story.person()}, status=403)
    portal.refused("POST", "/api/loyalty/redeem", {"rewardId": cheap, "customerId": another}, status=403)
    lacking = portal.refused("POST", "/api/loyalty/redeem", {"rewardId": voucher}, status=409)
    assert lacking["code"] == "INSUFFICIENT_POINTS"
    assert portal.do("POST", "/api/loyalty", {"action": "redeem", "rewardId": cheap})["data"]["availablePoints"] == 50
    given = portal.post("/api/consent", purpose="marketing", given=True, version="2026-01")["data"]
    assert given["marketingOptIn"] and given["consents"]["marketing"]["version"] == "2026-01"
    assert portal.get("/api/consent")["data"]["marketingOptIn"]
    assert not portal.post("/api/consent", purpose="marketing", given=False)["data"]["marketingOptIn"]
    assert portal.get("/api/achievements", clinic_id=shop.clinic)["customerProgress"] == {"unlocked": [], "total": 0}
    code = portal.get("/api/referrals")["data"]["referralCode"]
    made = Original(server, SALES).post(
        "/api/referrals", referralCode=code, customerData=story.person("เพื่อนใหม่"))["data"]
    assert shop.database.value(
        "SELECT referred_by_customer_id FROM customers WHERE id=?", made["customerId"]) == own


async def test_guessed_codes_are_counted_together_with_the_sockets(new_shop):
    shop = new_shop()
    (customer,) = await customers(shop, 1)
    sales = Original(shop.server, SALES)
    bill = sales.post(
        "/api/pos/transactions", customerId=customer, items=[{"treatmentId": shop.treatment, "price": 5000.5}])["data"]
    assert bill["total"] == 5000.5 and shop.database.value(
        "SELECT total_st FROM pos_transactions WHERE id=?", bill["transactionId"]) == 500050
    change = {"transactionId": bill["transactionId"], "action": "applyCoupon"}
    for n in range(10):
        sales.refused("PATCH", "/api/pos/transactions", {**change, "couponCode": f"RWD-WRONG{n:03d}"},
                      status=409, code="COUPON_UNAVAILABLE")
    refusal = sales.refused("PATCH", "/api/pos/transactions", {**change, "couponCode": "RWD-WRONG999"}, status=429)
    assert refusal["code"] == "RATE_LIMIT_EXCEEDED" and int(refusal["headers"]["retry-after"]) >= 1
    sales.refused("POST", "/api/pos/transactions", {
        "customerId": customer, "items": [{"name": "x", "price": 1}], "couponCode": "RWD-WRONG998"}, status=429)
    async with await Client.open(shop.server, SALES) as client:
        args = {"saleId": bill["transactionId"], "code": "RWD-WRONG997"}
        answer = await asyncio.wait_for(await client.begin("applyCoupon", args), 5)
        assert answer["type"] == "error" and answer["code"] == "rate_limited"
