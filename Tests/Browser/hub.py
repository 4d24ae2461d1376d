"""The hub from outside: its address, what a script can do with it, and a cable that can be pulled."""

import json
import select
import socket
import threading
import time
import urllib.request
import uuid

from websockets.sync.client import connect


class Hub:
    def __init__(self, port: int, password: str):
        self.port = port
        self.password = password
        self.url = f"http://127.0.0.1:{port}"
        self._logins = {}

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

    def command(self, name: str, **args) -> dict:
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
