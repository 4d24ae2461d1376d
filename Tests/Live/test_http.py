"""The same port over HTTP: health, files, signing in, TLS; and what is tried against them."""

import json
import os
import subprocess
import time

import pytest
from aura_client import Client
from aura_server import ROOT, executable, finish, free_port, wait_until
from raw_socket import RawSocket


def exchange(server, data, timeout=8):
    """Sends bytes and returns all that comes back until the connection is closed or silent."""
    with RawSocket(server, timeout=timeout) as raw:
        received = b""
        try:
            raw.send_bytes(data)
            raw.socket.settimeout(3)
            while True:
                more = raw.socket.recv(65536)
                if not more:
                    break
                received += more
        except OSError:
            pass
        return received


# Health and files


def test_healthz_answers(server):
    status, headers, body = server.http("GET", "/healthz")
    assert status == 200 and body
    assert server.http("HEAD", "/healthz")[0] == 200


def test_files_have_their_type_a_tag_and_headers_that_protect(server):
    for path in ("/", "/client/index.js"):
        status, headers, body = server.http("GET", path)
        assert status == 200 and body, path
        assert headers["content-type"].startswith("text/html" if path == "/" else "text/javascript"), headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "referrer-policy" in headers and headers["cache-control"] == "no-cache"
        again, unchanged, nothing = server.http("GET", path, headers={"If-None-Match": headers["etag"]})
        assert (again, nothing) == (304, b"")
        status, head, nothing = server.http("HEAD", path)
        assert (status, nothing) == (200, b"") and head["content-length"] == str(len(body))
    assert server.http("GET", "/no/such/file")[0] == 404


@pytest.mark.parametrize("path", [
    "/../Package.swift", "/../../etc/passwd", "/%2e%2e/Package.swift", "/%2e%2e%2f%2e%2e%2fetc/passwd",
    "/..%2fPackage.swift", "/client/../../Package.swift", "/client/%2e%2e/%2e%2e/Package.swift",
    "/..%5cPackage.swift", "/....//Package.swift", "//etc/passwd", "///etc/passwd", "/%2fetc%2fpasswd",
    "/client/index.js%00.html", "/%00", "/.git/config", "/.gitignore", "/client/.hidden", "/%c0%ae%c0%ae/Package.swift",
    "/client", "/client/%", "/client/%zz", "/client/%2", "/index.html/", "/client/index.js/x", "/?" + "a" * 3000,
    "/" + "a" * 3000, "/" + "../" * 200, "/\\..\\..\\etc\\passwd",
])
def test_no_path_leads_out_of_the_public_folder(server, path):
    answer = exchange(server, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode("latin-1"))
    assert b"root:x:" not in answer and b"swift-tools-version" not in answer and b"[core]" not in answer
    status = int(answer.split()[1]) if answer else None
    if path.startswith("/?"):
        assert status in (200, 400, 414, 431)
    elif path in ("/client", "//etc/passwd"):
        assert status in (301, 302, 307, 308, 400, 403, 404)
    elif path == "/" + "../" * 200:
        assert status in (200, 400, 404), "normalised to the root, if taken at all"
    elif "%00" in path:
        # libwebsockets cuts `/%00` to `/` before anyone can look at it; nothing but the front page can come of that.
        assert status in (None, 400, 404) or path == "/%00", (path, answer[:200])
    else:
        assert status in (400, 403, 404, 414, 431), (path, answer[:200])


def test_a_link_out_of_the_public_folder_is_not_followed(new_server, tmp_path):
    public = tmp_path / "public"
    (public / "deep").mkdir(parents=True)
    (public / "index.html").write_text("<p>inside")
    (tmp_path / "secret.txt").write_text("outside")
    (public / "leak.txt").symlink_to(tmp_path / "secret.txt")
    (public / "up").symlink_to(tmp_path)
    (public / ".env").write_text("outside")
    os.mkfifo(public / "pipe.txt")
    server = new_server(public=public)
    assert server.http("GET", "/")[2] == b"<p>inside"
    for path in ("/leak.txt", "/up/secret.txt", "/.env", "/deep/../.env", "/pipe.txt", "/up/"):
        status, _, body = server.http("GET", path, timeout=5)
        assert status in (403, 404) and b"outside" not in body, path


@pytest.mark.parametrize("request_", [
    b"DELETE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"PUT /index.html HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    b"PATCH /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
    b"TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"CONNECT evil:80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
], ids=lambda r: r.split()[0].decode())
def test_a_method_that_a_route_does_not_have_is_refused_in_time(server, request_):
    began = time.monotonic()
    answer = exchange(server, request_)
    assert time.monotonic() - began < 6
    assert not answer or 400 <= int(answer.split()[1]) < 502, answer[:200]
    assert not answer.split(b"\r\n")[0].endswith(b"200 OK")


@pytest.mark.parametrize("head", [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding : chunked\r\n", b"Content-Length: 5\r\nContent-Length: 50\r\n", b"Content-Length: -1\r\n",
    b"Content-Length: 99999999999999999999\r\n", b"Content-Length: 5x\r\n", b"Content-Length: +5\r\n",
], ids=lambda h: h.split(b"\r\n")[0].decode())
def test_a_body_of_unclear_length_smuggles_no_second_request(server, head):
    smuggled = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = exchange(
        server, b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + head
        + b"\r\n0\r\n\r\n" + smuggled)
    assert b"HTTP/1.1 200" not in answer, answer[:300]


def test_many_requests_on_one_connection_are_each_answered(server):
    with RawSocket(server) as raw:
        for path in ("/healthz", "/no/such", "/", "/healthz", "/client/index.js", "/healthz"):
            raw.send_bytes(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            status, headers = raw.response_head()
            assert status in (200, 404), (path, status)
            raw._take(int(headers.get("content-length", 0)))


def test_a_request_that_is_never_finished_is_given_up(server):
    before = server.descriptors()
    sockets = [RawSocket(server, timeout=40) for _ in range(30)]
    for n, raw in enumerate(sockets):
        raw.send_bytes(b"GET / HTTP/1.1\r\nHost: x\r\n" if n % 2 else b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\n"
                       b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    assert server.is_healthy()
    for raw in sockets:
        try:
            while raw.socket.recv(4096):
                pass
        except OSError:
            pass
        raw.socket.close()
    wait_until(lambda: server.descriptors() <= before + 2)


# Signing in


def test_login_gives_a_token_and_a_cookie_that_scripts_cannot_read(server):
    status, headers, body = server.http(
        "POST", "/api/auth/login", {"email": "ADMIN@demo.aura", "password": server.password})
    assert status == 200
    answer = json.loads(body)
    assert {"access_token", "expires_at", "user"} <= set(answer)
    assert answer["expires_at"] > time.time() * 1000
    cookie = headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "path=/api/auth" in cookie
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("body, statuses", [
    ({"email": "owner@demo.aura", "password": "wrong"}, {401}),
    ({"email": "nobody@demo.aura", "password": "wrong"}, {401}),
    ({"email": "owner@demo.aura", "password": ""}, {400, 401}),
    ({"email": "owner@demo.aura"}, {400}),
    ({"email": ["owner@demo.aura"], "password": {"$gt": ""}}, {400}),
    ({"email": "owner@demo.aura' OR '1'='1", "password": "x"}, {400, 401}),
    ({"email": "a" * 5000 + "@x", "password": "x"}, {400, 401, 413}),
    ({"email": "owner@demo.aura", "password": "x" * 100_000}, {400, 401, 413}),
    (b"{", {400}), (b"", {400, 411}), (b"[]", {400}), (b"\xff", {400}), (b"[" * 10_000, {400}),
], ids=lambda value: str(value)[:50])
def test_a_login_that_is_wrong_is_refused(new_server_once, body, statuses):
    status, headers, answer = new_server_once.http(
        "POST", "/api/auth/login", body, headers={"Content-Type": "application/json"})
    assert status in statuses | {429}, (status, answer)
    assert "set-cookie" not in headers
    assert b"argon" not in answer and b"sqlite" not in answer.lower()


@pytest.fixture(scope="module")
def new_server_once(fresh, tmp_path_factory):
    server = fresh(tmp_path_factory.mktemp("login") / "data").start()
    yield server
    finish(server)


def test_a_wrong_name_and_a_wrong_password_read_the_same(new_server):
    server = new_server()
    answers = [server.http("POST", "/api/auth/login", {"email": email, "password": "wrong"})
               for email in ("owner@demo.aura", "nobody@demo.aura")]
    assert answers[0][0] == answers[1][0] == 401
    first, second = (json.loads(body) for _, _, body in answers)
    assert {**first, "timestamp": 0} == {**second, "timestamp": 0}


def test_refresh_turns_the_cookie_and_the_old_one_betrays_a_thief(new_server):
    server = new_server()
    _, cookie = server.login("owner")

    def refresh(value):
        status, headers, body = server.http("POST", "/api/auth/refresh", {}, {"Cookie": value})
        return status, headers.get("set-cookie", "").split(";")[0], body

    status, second, body = refresh(cookie)
    assert status == 200 and json.loads(body)["access_token"] and second != cookie
    assert refresh(second)[0] == 200
    assert refresh("aura_refresh=garbage")[0] == 401
    assert refresh("")[0] == 401


def test_refresh_from_a_foreign_page_is_refused(server):
    _, cookie = server.login("admin")
    status, _, _ = server.http("POST", "/api/auth/refresh", {}, {"Cookie": cookie, "Origin": "https://evil.example"})
    assert status == 403


def test_guessing_passwords_ends_in_429_and_says_how_long(new_server):
    server = new_server()
    statuses = []
    retry = None
    for n in range(40):
        status, headers, _ = server.http(
            "POST", "/api/auth/login", {"email": "owner@demo.aura", "password": f"guess {n}"})
        statuses.append(status)
        if status == 429:
            retry = int(headers["retry-after"])
            break
    assert statuses[-1] == 429 and set(statuses[:-1]) == {401}, statuses
    assert len(statuses) <= 25 and retry >= 1
    assert server.http("POST", "/api/auth/login", {"email": "owner@demo.aura", "password": server.password})[0] == 429


async def test_argon_does_not_stall_the_sockets(new_server):
    import asyncio
    server = new_server()
    async with await Client.open(server, server.printed_token("sales")) as client:
        loop = asyncio.get_running_loop()
        guesses = [loop.run_in_executor(None, server.http, "POST", "/api/auth/login",
                                        {"email": f"{n}@demo.aura", "password": "x"}) for n in range(6)]
        worst = 0
        while not all(g.done() for g in guesses):
            began = loop.time()
            await client.ping()
            worst = max(worst, loop.time() - began)
            await asyncio.sleep(0.02)
        await asyncio.gather(*guesses)
        assert worst < 1.5, "a password's hash on the loop"


# TLS


async def test_with_a_certificate_everything_is_served_over_tls(new_server, tmp_path):
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    server = new_server("--tls-cert", certificate, "--tls-key", key, tls=True)
    assert server.http("GET", "/healthz")[0] == 200
    import story
    async with await Client.open(server, "sales") as sales, await Client.open(server, "owner") as owner:
        replica = await owner.subscribe(["customers", "workflow_states"])
        for _ in range(5):
            await story.lead(sales)
        await owner.ping()
        assert len(replica.commits) == 5
    from aura_server import Server
    plain = Server(server.data)
    plain.port = server.port
    assert not plain.is_healthy(), "plain HTTP on the TLS port"
    assert server.is_healthy()


# The command line


@pytest.mark.parametrize("options", [
    ["serve", "--nonsense"], ["serve", "--port", "99999"], ["serve", "--port", "x"], ["nonsense"],
    ["serve", "--port", "0", "--data", "/proc/no/such/folder"], ["token"],
    ["serve", "--port", "0", "--tls-cert", "/no/such/file", "--tls-key", "/no/such/file"],
], ids=lambda o: " ".join(o))
def test_a_bad_start_is_one_clear_sentence_and_a_status(binary, tmp_path, options):
    done = subprocess.run([executable(), *options], cwd=tmp_path, capture_output=True, text=True, timeout=20)
    assert done.returncode not in (0, None) and done.returncode > 0, done
    text = done.stderr + done.stdout
    assert 0 < len(text) < 4000 and "Fatal error" not in text, text


def test_a_port_in_use_is_told_and_nothing_is_left(new_server, tmp_path):
    server = new_server()
    done = subprocess.run(
        [executable(), "serve", "--port", str(server.port), "--data", tmp_path / "second", "--demo"],
        capture_output=True, text=True, timeout=20)
    assert done.returncode > 0 and str(server.port) in done.stderr + done.stdout, done


def test_a_second_server_on_the_same_data_is_refused(new_server):
    server = new_server()
    done = subprocess.run(
        [executable(), "serve", "--port", str(free_port()), "--data", str(server.data)],
        capture_output=True, text=True, timeout=20)
    assert done.returncode > 0, done
    assert server.is_healthy()


def test_a_database_of_a_newer_version_is_refused_and_not_touched(new_server):
    from database import Database
    server = new_server()
    server.stop()
    database = Database(server.data)
    columns = [row["name"] for row in database.read("SELECT name FROM pragma_table_info('sys_migrations')")]
    with database.writing() as connection:
        last = connection.execute("SELECT * FROM sys_migrations ORDER BY 1 DESC LIMIT 1").fetchone()
        row = dict(last)
        first = columns[0]
        row[first] = row[first] + 100 if isinstance(row[first], int) else "99999-from-the-future"
        if "name" in row and first != "name":
            row["name"] = "from the future"
        connection.execute(
            f"INSERT INTO sys_migrations ({','.join(row)}) VALUES ({','.join('?' * len(row))})", list(row.values()))
    done = subprocess.run(
        [executable(), "serve", "--port", "0", "--data", str(server.data)], capture_output=True, text=True, timeout=20)
    assert done.returncode > 0 and done.stderr + done.stdout
    assert "Fatal error" not in done.stderr


def test_help_is_there_for_a_newcomer(binary):
    for command in ([], ["serve"], ["token"], ["migrate"], ["tail"], ["loadtest"]):
        done = subprocess.run([executable(), *command, "--help"], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0 and "USAGE" in done.stdout.upper(), command


def test_the_published_schema_is_served(server):
    status, headers, body = server.http("GET", "/protocol/aura.v1.schema.json")
    assert status == 200 and "json" in headers["content-type"]
    assert body == (ROOT / "public/protocol/aura.v1.schema.json").read_bytes()
