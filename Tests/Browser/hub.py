"""The hub from outside: its address, what a script can do with it, and a cable that can be pulled."""

import json
import re
import select
import socket
import subprocess
import threading
import time
import urllib.request
import uuid
from pathlib import Path

from websockets.sync.client import connect


class Hub:
    """A hub with the demo clinic, on a port that stays its own over restarts."""

    def __init__(self, binary: Path, public: Path, folder: Path):
        self._command = [str(binary), "serve", "--demo", "--data", str(folder / "data"), "--public", str(public), "--port"]
        self._log = folder / "hub.log"
        self._process = None
        self.port = 0
        self.password = "aura-demo"
        self._logins = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        with open(self._log, "a") as log:
            self._process = subprocess.Popen([*self._command, str(self.port)], stdout=subprocess.PIPE, stderr=log, text=True)
        first = self._process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", first)
        assert found, f"the hub did not start: {first!r} {self._log.read_text()[-2000:]}"
        self.port = int(found.group(1))
        # Who prints must be read, or it stops at a full pipe.
        threading.Thread(target=self._process.stdout.read, daemon=True).start()

    def stop(self):
        if not self._process:
            return
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        """As a power cut does it."""
        self._process.kill()
        self._process.wait(20)

    def login(self, who: str) -> dict:
        if who not in self._logins:
            body = json.dumps({"email": f"{who}@demo.aura", "password": self.password}).encode()
            request = urllib.request.Request(
                f"{self.url}/api/auth/login", body, {"Content-Type": "application/json"}, method="POST")
            with urllib.request.urlopen(request) as answer:
                self._logins[who] = json.load(answer)
        return self._logins[who]

    @property
    def clinic(self) -> str:
        return self.login("owner")["user"]["memberships"][0]["clinic"]

    def staff(self, who: str) -> str:
        return self.login(who)["user"]["memberships"][0]["staff"]

    def as_(self, who: str) -> "Script":
        return Script(self, self.login(who)["access_token"])


class Script:
    """One connection of somebody, for what no page has a button for. `with hub.as_("owner") as script: …`"""

    def __init__(self, hub: Hub, token: str):
        self._clinic = hub.clinic
        self._token = token
        self._connection = connect(f"ws://127.0.0.1:{hub.port}/ws", subprotocols=["aura.v1.json"])
        self._id = 0

    def __enter__(self):
        self._socket = self._connection.__enter__()
        self._ask({"type": "hello", "token": self._token})
        return self

    def __exit__(self, *problem):
        self._connection.__exit__(*problem)

    def _ask(self, frame: dict) -> dict:
        self._id += 1
        self._socket.send(json.dumps({**frame, "id": self._id}))
        while True:
            answer = json.loads(self._socket.recv(20))
            if answer.get("re") == self._id:
                return answer

    def command(self, name: str, /, **args) -> dict:
        key = str(uuid.uuid4())
        while True:
            answer = self._ask({"type": "command", "key": key, "clinic": self._clinic, "name": name, "args": args})
            error = answer.get("error") or (answer if answer["type"] == "error" else None)
            if not error:
                return answer["result"]
            if not error["temporary"]:
                raise AssertionError(f"{name}: {error}")
            time.sleep(answer.get("retry_ms", 200) / 1000)

    def query(self, name: str, **args) -> dict:
        answer = self._ask({"type": "query", "clinic": self._clinic, "name": name, "args": args})
        assert answer["ok"], answer
        return answer["data"]

    def lead(self, name: str, phone: str, **more) -> str:
        return self.command("initialize", customer={"name": name, "phone": phone, **more})["workflowId"]


class Proxy:
    """A cable to the hub that can be pulled (`cut`) or go dead in silence (`hold`)."""

    def __init__(self, port: int):
        self._target = ("127.0.0.1", port)
        self._mode = "pass"
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        self._mode = "cut"
        self._drop()

    def hold(self):
        self._mode = "hold"

    def restore(self):
        if self._mode == "hold":
            # What was swallowed is lost: those links stay dead.
            self._drop()
        self._mode = "pass"

    def close(self):
        self._mode = "cut"
        self._listener.close()
        self._drop()

    def _drop(self):
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._mode == "cut":
                near.close()
                continue
            far = socket.create_connection(self._target)
            with self._lock:
                self._pairs.append((near, far))
            threading.Thread(target=self._pump, args=(near, far), daemon=True).start()

    def _pump(self, near, far):
        try:
            while True:
                ready, _, _ = select.select([near, far], [], [], 0.5)
                for end in ready:
                    data = end.recv(65536)
                    if not data:
                        return
                    if self._mode != "hold":
                        (far if end is near else near).sendall(data)
        except OSError:
            pass
        finally:
            near.close()
            far.close()
