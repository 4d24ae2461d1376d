"""The reference receiver: what a message gateway looks like from the hub's side, with every way in which one fails.

It verifies signatures by its own means and counts by idempotency key, as a gateway has to: a key that it has accepted is
answered 409 and not delivered again. The last part of the path chooses how it behaves.
"""

import collections
import email.utils
import hashlib
import hmac
import json
import random
import socket
import ssl
import subprocess
import threading
import time

SECRET = "reference-secret-0123456789abcdef-0123456789"
CLOCK_SECONDS_MAX = 300


class Authority:
    """A certificate authority of the test's own, and the certificates that it signs."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = folder / "ca.pem"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                      "-subj", "/CN=Reference authority", "-keyout", folder / "ca.key", "-out", self.ca)

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    def context(self, name, *alternatives):
        """A server's TLS context whose certificate is for these names: `DNS:…`, `IP:…`."""
        request, certificate, key = (self.folder / f"{name}.{end}" for end in ("csr", "pem", "key"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text("subjectAltName=" + ",".join(alternatives))
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
                      "-keyout", key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.folder / "ca.key", "-CAcreateserial",
                      "-days", "2", "-extfile", extensions, "-out", certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context


def signature(timestamp, body, secret=SECRET):
    return "v1=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class Request:
    """One request as it came; `fault` says what is wrong with it."""

    def __init__(self, path, headers, body):
        self.path = path
        self.headers = headers
        self.body = body
        self.key = headers.get("idempotency-key")
        self.behaviour = path.split("?")[0].rsplit("/", 1)[-1]
        self.at = time.time()
        self.fault = None

    def check(self, secret):
        stamp = self.headers.get("aura-timestamp", "")
        if not stamp.isdigit() or abs(int(stamp) - time.time()) > CLOCK_SECONDS_MAX:
            self.fault = f"timestamp {stamp!r}"
        elif not hmac.compare_digest(signature(stamp, self.body, secret), self.headers.get("aura-signature", "")):
            self.fault = "signature"
        elif self.headers.get("content-type") != "application/json":
            self.fault = "content type"
        else:
            self.json = json.loads(self.body)
            if self.json["execution"] != self.key:
                self.fault = "the key is not the execution"
            elif self.json["channel"] == "line" and self.headers.get("x-line-retry-key") != self.key:
                self.fault = "no X-Line-Retry-Key"
        return self.fault is None


class Receiver:
    """An HTTPS server on loopback. `requests` is all that came, `delivered` what customers got, by key."""

    def __init__(self, context, secret=SECRET, seed=1):
        self.secret = secret
        self.requests = []
        self.delivered = {}
        self.connections = 0
        self.asked = collections.Counter()
        self.bytes_sent = collections.Counter()
        self.late_seconds = 60
        # How a request is treated, when not as its path says.
        self.choose = lambda request: request.behaviour
        # Called with a request that has just been accepted, before and after its answer.
        self.on_accepted = lambda request: None
        self.on_answered = lambda request: None
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._context = context
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def url(self, behaviour="accept", name="localhost"):
        return f"https://{name}:{self.port}/v1/{behaviour}"

    def stop(self):
        self._stopping.set()
        try:
            # Closing alone does not wake a thread that waits in accept.
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        self._thread.join(5)

    def faults(self):
        with self._lock:
            return [(r.path, r.fault) for r in self.requests if r.fault]

    def wait(self, condition, seconds_max=30):
        """Waits until `condition(receiver)` holds; it is asked after each request."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), seconds_max), "the receiver waited in vain"

    # Connections

    def _listen(self):
        while not self._stopping.is_set():
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain):
        try:
            plain.settimeout(90)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._context.wrap_socket(plain, server_side=True) if self._context else plain as connection:
                with self._lock:
                    self.connections += 1
                while not self._stopping.is_set():
                    request = self._read(connection)
                    if request is None or not self._take(connection, request):
                        break
        except (OSError, ValueError):
            pass
        finally:
            plain.close()

    @staticmethod
    def _read(connection):
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return None
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        lines = head.decode("ascii").split("\r\n")
        method, path, version = lines[0].split(" ")
        headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            assert name.lower() not in headers, f"{name} twice"
            headers[name.lower()] = value.strip()
        assert (method, version) == ("POST", "HTTP/1.1"), lines[0]
        while len(body) < int(headers["content-length"]):
            more = connection.recv(65536)
            if not more:
                return None
            body += more
        return Request(path, headers, body)

    def _take(self, connection, request):
        """Behaves; `False` closes the connection."""
        is_genuine = request.check(self.secret)
        with self._changed:
            self.requests.append(request)
            if is_genuine:
                self.asked[request.key] += 1
            self._changed.notify_all()
        if not is_genuine:
            return answer(connection, 401)
        behaviour = self.choose(request)
        if behaviour.isdigit():
            return answer(connection, int(behaviour))
        return getattr(self, "be_" + behaviour.replace("-", "_"))(connection, request)

    def _accepted(self, request):
        """Takes a message, once. Returns whether it is new, and its id."""
        with self._changed:
            is_new = request.key not in self.delivered
            if is_new:
                self.delivered[request.key] = request
            identity = f"m-{request.key[-6:]}"
            self._changed.notify_all()
        self.on_accepted(request)
        return is_new, identity

    # Behaviours

    def be_accept(self, connection, request):
        is_new, identity = self._accepted(request)
        result = answer(connection, 200 if is_new else 409, {"messageId": identity})
        self.on_answered(request)
        return result

    def be_silent(self, connection, request):
        """Accepts and says so without a word."""
        self._accepted(request)
        return answer(connection, 202)

    def be_drop(self, connection, request):
        """Accepts, and the connection breaks before the answer; when asked again it says that it has it."""
        is_new, identity = self._accepted(request)
        return False if is_new else answer(connection, 409, {"messageId": identity})

    def be_reset(self, connection, request):
        """The same, as a machine does that lost its memory of the connection."""
        self._accepted(request)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        return False

    def be_late(self, connection, request):
        self._accepted(request)
        self._stopping.wait(self.late_seconds)
        return answer(connection, 200)

    def be_busy(self, connection, request):
        return answer(connection, 429, headers={"Retry-After": "120"})

    def be_busy_until(self, connection, request):
        return answer(connection, 503, headers={"Retry-After": email.utils.formatdate(time.time() + 300, usegmt=True)})

    def be_busy_forever(self, connection, request):
        return answer(connection, 429, headers={"Retry-After": "99999999999"})

    def be_redirect(self, connection, request):
        return answer(connection, 308, headers={"Location": self.url("accept")})

    def be_giant(self, connection, request):
        self._accepted(request)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
        return self._pour(connection, request, b"x" * 65536)

    def be_giant_head(self, connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        return self._pour(connection, request, b"X-More: " + b"x" * 8000 + b"\r\n")

    def be_endless_continue(self, connection, request):
        return self._pour(connection, request, b"HTTP/1.1 100 Continue\r\n\r\n")

    def _pour(self, connection, request, piece):
        try:
            while not self._stopping.is_set() and self.bytes_sent[request.key] < 1 << 30:
                connection.sendall(piece)
                self.bytes_sent[request.key] += len(piece)
        except OSError:
            pass
        return False

    def be_slow_head(self, connection, request):
        return self._drip(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    def be_slow_body(self, connection, request):
        self._accepted(request)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        return self._drip(connection, b"x" * 1000)

    def _drip(self, connection, data):
        for byte in data:
            if self._stopping.wait(0.3):
                break
            connection.sendall(bytes([byte]))
        return False

    def be_garbage(self, connection, request):
        connection.sendall(self._random.randbytes(4000))
        return False

    def be_cut(self, connection, request):
        """Ends in the middle of its head."""
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
        return False

    def be_short_body(self, connection, request):
        self._accepted(request)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"mess")
        return False

    def be_no_json(self, connection, request):
        self._accepted(request)
        return answer(connection, 200, raw=b"<html>OK</html>")

    def be_two_lengths(self, connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\n{}")
        return False


def answer(connection, status, body=None, headers=None, raw=None):
    data = raw if raw is not None else json.dumps(body).encode() if body is not None else b""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(data)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
    return True
