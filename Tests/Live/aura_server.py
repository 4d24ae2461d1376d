"""Starts, kills and questions the real `aura` executable; knows its command line and its HTTP routes, nothing inside it."""

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO_USERS = ("owner", "admin", "sales", "beautician", "beautician2")
START_SECONDS_MAX = 30


def executable():
    """The binary under test: AURA_BINARY, else what `swift build` last made here."""
    named = os.environ.get("AURA_BINARY") or os.environ.get("AURA_BIN")
    if named:
        return named
    shown = subprocess.run(
        ["swift", "build", "--show-bin-path"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    path = pathlib.Path(shown) / "aura"
    if not path.exists():
        subprocess.run(["swift", "build", "--product", "aura"], cwd=ROOT, check=True)
    return str(path)


def email(name):
    return name if "@" in name else f"{name}@demo.aura"


class Server:
    """One data folder and the process that serves it; may be started, killed and started again."""

    def __init__(self, data, *options, demo=True, preexec=None, tls=False, public=ROOT / "public"):
        self.data = pathlib.Path(data)
        self.options = [str(option) for option in options]
        self.demo = demo
        self.preexec = preexec
        self.tls = tls
        self.public = public
        self.port = None
        self.process = None
        self.password = None
        self.lines = []
        self.log_path = self.data.parent / f"{self.data.name}.log"
        self._tokens = {}

    # Life

    def start(self):
        command = [executable(), "serve", "--host", "127.0.0.1", "--port", "0", "--data", str(self.data)]
        command += ["--public", str(self.public)] if self.public else []
        command += ["--demo"] if self.demo else []
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            command + self.options, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL,
            preexec_fn=self.preexec, start_new_session=True)
        log.close()
        self.lines = []
        self._tokens = {}
        listening = threading.Event()

        def read(stream):
            for raw in stream:
                line = raw.decode("utf-8", "replace").rstrip("\n")
                self.lines.append(line)
                found = re.search(r"listens on https?://[^:]+:(\d+)", line)
                if found:
                    self.port = int(found.group(1))
                    listening.set()
            listening.set()

        self._reader = threading.Thread(target=read, args=(self.process.stdout,), daemon=True)
        self._reader.start()
        started = listening.wait(START_SECONDS_MAX)
        assert started and self.process.poll() is None, f"the server did not start: {self.lines} {self.log()[-2000:]}"
        self._find_password()
        return self

    def _find_password(self):
        """Only the start that makes the demo prints its password; later starts keep the one that was read."""
        for _ in range(50):
            for line in self.lines:
                found = re.search(r"password[^A-Za-z0-9]+([^\s,;)]+)", line, re.IGNORECASE)
                if found and "(" not in line:
                    self.password = found.group(1).strip("«»\"'`.")
                    return
            if self.password or not self.demo:
                return
            time.sleep(0.02)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._reader.join()

    def stop(self, seconds_max=15):
        """An orderly stop. Returns the exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds_max)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"SIGTERM did not stop the server within {seconds_max} s")
        self._reader.join()
        return self.process.returncode

    def restart(self):
        self.stop()
        return self.start()

    @property
    def runs(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        return self.log_path.read_text("utf-8", "replace") if self.log_path.exists() else ""

    # What the operating system says about it

    def rss_bytes(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    # HTTP

    @property
    def origin(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def socket_url(self):
        return f"{'wss' if self.tls else 'ws'}://127.0.0.1:{self.port}/ws"

    def http(self, method, path, body=None, headers=None, timeout=10):
        """One request on a connection of its own. Returns (status, headers in lower case, body)."""
        if self.tls:
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=timeout, context=ssl._create_unverified_context())
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            data, sent = body, dict(headers or {})
            if isinstance(body, (dict, list)):
                data = json.dumps(body).encode()
                sent.setdefault("Content-Type", "application/json")
            connection.request(method, path, body=data, headers=sent)
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        finally:
            connection.close()

    def login(self, name):
        """Signs in over HTTP. Returns (the answer's object, the refresh cookie's `name=value`)."""
        status, headers, body = self.http(
            "POST", "/api/auth/login", {"email": email(name), "password": self.password})
        assert status == 200, f"login of {name}: {status} {body[:300]!r}"
        return json.loads(body), headers.get("set-cookie", "").split(";")[0]

    def token(self, name):
        """An access token from a real login, kept for as long as this process runs."""
        if name not in self._tokens:
            self._tokens[name] = self.login(name)[0]["access_token"]
        return self._tokens[name]

    def printed_token(self, name, ttl=None):
        """An access token as `aura token` prints it; `ttl` in seconds."""
        command = [executable(), "token", "--data", str(self.data), "--user", email(name)]
        command += ["--ttl", str(ttl)] if ttl is not None else []
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().splitlines()[-1]

    def is_healthy(self):
        try:
            return self.http("GET", "/healthz", timeout=2)[0] == 200
        except OSError:
            return False

    def copy_data(self, to):
        """The data folder of a stopped server, copied."""
        assert not self.runs
        shutil.copytree(self.data, to)
        return to


def finish(server):
    """A server at the end of its tests: it must still run, stop when told, and have said nothing of a crash."""
    was_running = server.runs
    status = server.stop()
    log = server.log()
    assert was_running, f"the server died: {status} {log[-4000:]}"
    assert status == 0, f"SIGTERM left status {status}: {log[-2000:]}"
    for word in ("Fatal error", "Assertion failed", "AddressSanitizer", "ThreadSanitizer"):
        assert word not in log, log[-4000:]


def wait_until(condition, seconds_max=10, step=0.02):
    """Asks until `condition` holds; for what no frame announces (a process, a file, memory)."""
    end = time.monotonic() + seconds_max
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {seconds_max} s"
        time.sleep(step)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
