"""Tokens: which are taken, until when, and what ends them."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
import uuid

import story
from aura_client import Client
from raw_socket import said_hello


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def parts(token):
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


def forged(header, claims, secret=b""):
    body = base64url(json.dumps(header).encode()) + "." + base64url(json.dumps(claims).encode())
    return body + "." + (base64url(hmac.new(secret, body.encode(), hashlib.sha256).digest()) if secret else "")


def test_a_token_of_a_login_says_who_and_nothing_of_what(server):
    header, claims = parts(server.token("sales"))
    assert header["alg"] == "HS256"
    assert {"iss", "aud", "sub", "exp", "iat", "sid", "epoch"} <= set(claims)
    assert not {"role", "clinic", "email", "memberships", "password"} & set(claims)


def test_a_token_that_the_installation_did_not_sign_is_refused(server):
    good = server.token("owner")
    header, claims = parts(good)
    head, body, signature = good.split(".")
    flipped = signature[:-2] + ("AA" if signature[-2:] != "AA" else "BB")
    cases = {
        "alg none": forged({"alg": "none", "typ": "JWT"}, claims),
        "alg None": forged({"alg": "None", "typ": "JWT"}, claims),
        "alg none with the old signature": forged({"alg": "none"}, claims) + signature,
        "no signature": f"{head}.{body}.",
        "two parts": f"{head}.{body}",
        "four parts": good + ".x",
        "a flipped signature": f"{head}.{body}.{flipped}",
        "an empty secret": forged(header, claims, b"\0"),
        "the secret `secret`": forged(header, claims, b"secret"),
        "claims of another": f"{head}.{base64url(json.dumps({**claims, 'sub': str(uuid.uuid4())}).encode())}.{signature}",
        "RS256 in the header": forged({**header, "alg": "RS256"}, claims, b"secret"),
        "HS512 in the header": forged({**header, "alg": "HS512"}, claims, b"secret"),
        "a key id that is a path": forged({**header, "kid": "../../../dev/null"}, claims, b"\0"),
        "no JSON": base64url(b"{") + "." + base64url(b"{") + "." + signature,
        "an array": base64url(b"[]") + "." + base64url(b"[]") + "." + signature,
        "sixty thousand letters": "a" * 60_000,
    }
    for name, token in cases.items():
        code, frame = said_hello(server, token)
        assert frame["type"] == "error", (name, frame)
        assert (code, frame["code"]) in ((4001, "unauthenticated"), (4000, "bad_request")), (name, code, frame)
    assert said_hello(server, good)[0] is None


def test_an_expired_token_is_told_so(server):
    token = server.printed_token("sales", ttl=1)
    time.sleep(2.2)
    code, frame = said_hello(server, token)
    assert frame["code"] == "token_expired" and code in (4001, 4200), (code, frame)


async def test_a_printed_token_serves_until_its_time_and_the_socket_is_closed_then(server):
    token = server.printed_token("sales", ttl=4)
    async with await Client.open(server, token) as client:
        due = await client.push("auth_due", 3)
        assert abs(due["at"] - client.welcome["expires_at"]) < 1500
        code = await client.ended(8)
        assert code == 4200
        assert time.time() * 1000 >= client.welcome["expires_at"] - 1000


async def test_a_fresh_token_on_the_open_socket_carries_it_on(server):
    async with await Client.open(server, server.printed_token("sales", ttl=3)) as client:
        replica = await client.subscribe(["customers"])
        await client.push("auth_due", 3)
        answer = await client.request({"type": "auth", "token": server.token("sales")}, "authenticated")
        assert answer["type"] == "authenticated" and answer["expires_at"] > client.welcome["expires_at"]
        await asyncio.sleep(3.5)
        await story.lead(client)
        assert client.is_open and replica.commits


async def test_another_subjects_token_on_the_open_socket_closes_it(server):
    async with await Client.open(server, "sales") as client:
        await client.send({"type": "auth", "id": 99, "token": server.token("owner")})
        client._expect(99, "authenticated").add_done_callback(lambda f: f.exception())
        assert await client.ended() == 4001


async def test_a_bad_token_on_the_open_socket_does_not_make_it_better(server):
    async with await Client.open(server, "sales") as client:
        client._expect(99, "authenticated").add_done_callback(lambda f: f.cancelled() or f.exception())
        await client.send({"type": "auth", "id": 99, "token": "garbage"})
        try:
            assert await client.ended(2) == 4001
        except AssertionError:
            client.raise_fault()
            assert any(f["type"] == "error" and f.get("re") == 99 for f in client.received)


async def test_logout_closes_the_sessions_sockets_and_its_token_is_worth_nothing(own_server):
    answer, cookie = own_server.login("sales")
    token = answer["access_token"]
    async with await Client.open(own_server, token) as mine, await Client.open(own_server, "sales") as elsewhere:
        assert own_server.token("sales") != token
        status, _, _ = own_server.http("POST", "/api/auth/logout", {}, {
            "Cookie": cookie, "Authorization": f"Bearer {token}"})
        assert status in (200, 204)
        assert await mine.ended(2) in (4001, 4003, 4200)
        await elsewhere.ping()
    code, frame = said_hello(own_server, token)
    assert code == 4001 and frame["code"] in ("unauthenticated", "token_expired"), frame


def test_the_answer_to_a_login_never_names_a_password(server):
    answer, _ = server.login("admin")
    text = json.dumps(answer)
    assert "password" not in text and "$argon2" not in text


async def test_a_socket_that_took_a_newer_sign_in_ends_with_that_one(own_server):
    """The old session's end must not matter any more, the new one's must."""
    server = own_server
    old, old_cookie = server.login("admin")
    new, new_cookie = server.login("admin")
    async with await Client.open(server, old["access_token"]) as client:
        answer = await client.request({"type": "auth", "token": new["access_token"]}, "authenticated")
        assert answer["type"] == "authenticated"
        server.http("POST", "/api/auth/logout", {}, {
            "Cookie": new_cookie, "Authorization": f"Bearer {new['access_token']}"})
        assert await client.ended(3) in (4001, 4003, 4200)
    assert old_cookie != new_cookie
