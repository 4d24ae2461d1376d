"""An independent client of `aura.v1.json` that takes nothing on trust.

It is written from the protocol's text, not from the server's or the browser's code, and holds every frame that it
receives against that text: a broken rule is an AssertionError in the test that reads, not a surprise later.
"""

import asyncio
import collections
import itertools
import json
import socket
import ssl
import time

import websockets
from aura_replica import Replica
from aura_rules import (
    CLOSE_CODES, PATIENCE_SECONDS, SUBPROTOCOL, TABLES, TEMPORARY, Broken, frame_schema, new_key, parse, require,
)

__all__ = ["TABLES", "Broken", "Client", "Replica", "new_key"]


class Client:
    """One connection. Ids, answers, streams and order are checked as frames come in."""

    def __init__(self, socket_):
        self.socket = socket_
        self.welcome = None
        self.bye = None
        self.close_code = None
        self.streams = {}
        self.fault = None
        self.answers_pings = True
        self.is_checked = True
        self.pings = []
        self.received = collections.deque(maxlen=400)
        self.bytes_received = 0
        self._pushes = collections.defaultdict(asyncio.Queue)
        self._ids = itertools.count(1)
        self._pending = {}
        self._acked = collections.defaultdict(set)
        self._reading = asyncio.Event()
        self._reading.set()
        self._ended = asyncio.Event()
        self._hello_entries = {}
        self._task = asyncio.create_task(self._read())

    # Opening

    @classmethod
    async def dial(cls, server, origin=None, receive_buffer=None):
        """Opens the socket and says nothing."""
        options = {}
        if receive_buffer:
            plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            plain.setblocking(False)
            await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", server.port))
            options["sock"] = plain
        if server.tls:
            options["ssl"] = ssl._create_unverified_context()
        socket_ = await websockets.connect(
            server.socket_url, subprotocols=[SUBPROTOCOL], origin=origin, compression=None, ping_interval=None,
            max_size=None, max_queue=4, open_timeout=PATIENCE_SECONDS, close_timeout=2, proxy=None, **options)
        require(socket_.subprotocol == SUBPROTOCOL, "subprotocol", socket_.subprotocol)
        return cls(socket_)

    @classmethod
    async def open(cls, server, who, subscribe=(), **options):
        """Opens, says hello with the token of `who` (a name, or a token itself) and takes up the given replicas."""
        client = await cls.dial(server, **options)
        await client.hello(who if who.count(".") == 2 and "@" not in who else server.token(who), subscribe)
        return client

    async def hello(self, token, subscribe=()):
        """`subscribe` is a list of replicas, new ones or ones to go on with."""
        frame = {
            "type": "hello", "token": token,
            "client": {"app": "test", "version": "1", "instance": new_key()},
        }
        if subscribe:
            frame["subscribe"] = [self._entry(replica) for replica in subscribe]
        identity = next(self._ids)
        frame["id"] = identity
        self._hello_entries = {(identity, index): replica for index, replica in enumerate(subscribe)}
        answer = self._expect(identity, "welcome")
        answer.sent = frame
        await self.send(frame)
        self.welcome = await self._patiently(answer)
        for replica in subscribe:
            replica._owner = self
            await replica.until(lambda r: r.is_live and r.stream in self.streams)
        return self.welcome

    @staticmethod
    def _entry(replica):
        entry = {"clinic": replica.clinic, "topics": replica.topics}
        if replica.where is not None:
            entry["where"] = replica.where
        entry["cursor"] = replica.cursor
        replica.is_live = False
        replica.stream = None
        return entry

    @property
    def user(self):
        return self.welcome["user"]

    @property
    def clinic(self):
        return self.user["memberships"][0]["clinic"]

    @property
    def staff(self):
        return self.user["memberships"][0]["staff"]

    # Asking

    async def send(self, frame):
        try:
            await self.socket.send(frame if isinstance(frame, (str, bytes)) else json.dumps(frame, ensure_ascii=False))
        except websockets.ConnectionClosed:
            await asyncio.gather(self._task, return_exceptions=True)
            self.raise_fault()
            raise ConnectionError(f"closed with {self.close_code} {self.bye}")

    def _expect(self, identity, *kinds):
        require(identity not in self._pending, "the client used an id twice", identity)
        future = asyncio.get_running_loop().create_future()
        self._pending[identity] = (set(kinds) | {"error"}, future, time.monotonic())
        return future

    async def _patiently(self, future, seconds_max=PATIENCE_SECONDS):
        try:
            return await asyncio.wait_for(future, seconds_max)
        except asyncio.TimeoutError:
            self.raise_fault()
            raise Broken(f"no answer within {seconds_max} s", list(self.received)[-3:])

    async def request(self, frame, *kinds, seconds_max=PATIENCE_SECONDS):
        """Sends a frame with an id of its own and returns the answer: one of `kinds`, or an error."""
        identity = frame.get("id")
        if identity is None:
            identity = next(self._ids)
        answer = self._expect(identity, *kinds)
        answer.sent = {**frame, "id": identity}
        await self.send(answer.sent)
        return await self._patiently(answer, seconds_max)

    async def begin(self, name, args, clinic=None, key=None, expect=None, reason=None):
        """Sends a command and returns the future of its ack, so that many may be in flight."""
        identity = next(self._ids)
        frame = {
            "type": "command", "id": identity, "key": key or new_key(), "clinic": clinic or self.clinic,
            "name": name, "args": args,
        }
        if expect is not None:
            frame["expect"] = expect
        if reason is not None:
            frame["reason"] = reason
        answer = self._expect(identity, "ack")
        answer.sent = frame
        await self.send(frame)
        return answer

    async def command(self, name, args, **options):
        """The ack of a command, or the error that came instead. Who is told to slow down waits, and sends it again."""
        options["key"] = options.get("key") or new_key()
        while True:
            answer = await self._patiently(await self.begin(name, args, **options))
            if answer["type"] != "error" or answer["code"] != "rate_limited":
                return answer
            await asyncio.sleep(answer["retry_ms"] / 1000)

    async def do(self, name, args, **options):
        """The result of a command that must succeed."""
        ack = await self.command(name, args, **options)
        assert ack["type"] == "ack" and ack["ok"], (name, args, ack)
        return ack["result"]

    async def refused(self, name, args, **options):
        """The error object of a command that must not succeed."""
        answer = await self.command(name, args, **options)
        if answer["type"] == "error":
            return answer
        assert not answer["ok"], (name, args, answer)
        return answer["error"]

    async def query(self, name, args, clinic=None):
        return await self.request(
            {"type": "query", "clinic": clinic or self.clinic, "name": name, "args": args}, "result")

    async def ask(self, name, args, clinic=None):
        answer = await self.query(name, args, clinic)
        assert answer["type"] == "result" and answer["ok"], (name, answer)
        return answer["data"]

    async def subscribe(self, topics, where=None, clinic=None, replica=None):
        """Subscribes and waits until the rows are there. Returns the replica."""
        replica = replica or Replica(clinic or self.clinic, topics, where)
        replica._owner = self
        identity = next(self._ids)
        self._hello_entries[(identity, None)] = replica
        answer = await self.request({"type": "subscribe", **self._entry(replica), "id": identity}, "subscribed")
        assert answer["type"] == "subscribed", answer
        await replica.until(lambda r: r.is_live)
        return replica

    async def push(self, kind, seconds_max=PATIENCE_SECONDS):
        """The next push of a type that is neither a snapshot nor a delta."""
        end = time.monotonic() + seconds_max
        while True:
            self.raise_fault()
            try:
                return await asyncio.wait_for(self._pushes[kind].get(), min(0.25, max(0.01, end - time.monotonic())))
            except asyncio.TimeoutError:
                if time.monotonic() > end or (self._ended.is_set() and self._pushes[kind].empty()):
                    self.raise_fault()
                    raise Broken(f"no {kind} within {seconds_max} s", list(self.received)[-3:], self.close_code)

    async def ping(self):
        """A round trip: what was sent to this connection before it has been received when it returns."""
        answer = await self.request({"type": "ping"}, "pong")
        assert answer["type"] == "pong", answer

    # Ending

    async def ended(self, seconds_max=PATIENCE_SECONDS):
        """Waits for the server's close. Returns its code."""
        try:
            await asyncio.wait_for(self._ended.wait(), seconds_max)
        except asyncio.TimeoutError:
            raise Broken(f"not closed within {seconds_max} s", list(self.received)[-3:])
        self.raise_fault()
        return self.close_code

    @property
    def is_open(self):
        return not self._ended.is_set()

    async def close(self):
        self._reading.set()
        self._wanted_close = True
        try:
            await asyncio.wait_for(self.socket.close(), 5)
        except (asyncio.TimeoutError, OSError):
            self.socket.transport.abort()
        await asyncio.wait_for(asyncio.gather(self._task, return_exceptions=True), 5)
        self.raise_fault()

    def vanish(self):
        """The cable is pulled: no close frame, no FIN that is waited for."""
        self._wanted_close = True
        self.socket.transport.abort()

    _wanted_close = False

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, value, trace):
        if kind is None:
            await self.close()
        else:
            self.vanish()
            await asyncio.gather(self._task, return_exceptions=True)
            if issubclass(kind, ConnectionError):
                self.raise_fault()

    def stop_reading(self):
        self._reading.clear()

    def go_on_reading(self):
        self._reading.set()

    def raise_fault(self):
        if self.fault:
            raise self.fault

    # Receiving

    async def _read(self):
        try:
            while True:
                await self._reading.wait()
                message = await self.socket.recv()
                require(isinstance(message, str), "a binary frame")
                self.bytes_received += len(message)
                await self._take(message)
        except websockets.ConnectionClosed:
            pass
        except Exception as error:  # noqa: BLE001 - it is raised again in the test
            self.fault = error
            self.socket.transport.abort()
        finally:
            self.close_code = self.socket.close_code if self.fault is None else None
            if self.fault is None and not self._wanted_close and self.close_code not in (None, 1006):
                try:
                    self._check_close()
                except Broken as error:
                    self.fault = error
            self._ended.set()
            for kinds, future, _ in self._pending.values():
                if not future.done():
                    future.set_exception(self.fault or ConnectionError(f"closed with {self.close_code} {self.bye}"))
                    future.exception()

    def _check_close(self):
        code = self.close_code
        require(code in CLOSE_CODES, "a close code that the protocol does not name", code)
        if code >= 4000:
            require(self.bye is not None, "a close without bye", code)
            require(self.bye["code"] == code, "bye and close disagree", self.bye, code)

    async def _take(self, text):
        frame = parse(text)
        require(isinstance(frame, dict) and isinstance(frame.get("type"), str), "no frame", text[:200])
        self.received.append(frame if len(text) < 4000 else {"type": frame["type"], "…": len(text)})
        kind = frame["type"]
        if self.is_checked:
            frame_schema().check(frame)
        require(self.bye is None, "a frame after bye", frame)
        if self.welcome is None and kind not in ("welcome", "error", "bye"):
            first = [f["type"] for f in self.received]
            require("welcome" in first, "a frame before welcome", frame)
        if "re" in frame and frame["re"] is not None:
            self._answer(kind, frame)
        elif kind == "subscribed":
            # The server starts a stream over by itself, because that is cheaper than what was missed.
            require(frame["mode"] == "snapshot" and frame["reason"] == "cheaper", "started over without need", frame)
            self._stream(frame).began(frame)
        elif kind == "snapshot":
            limit = (self.welcome or {"limits": {"frame_bytes": 1 << 30}})["limits"]["frame_bytes"]
            require(len(text.encode()) <= limit, "a part larger than frame_bytes", len(text.encode()))
            self._stream(frame).snapshot(frame)
        elif kind == "delta":
            replica = self._stream(frame)
            for commit in frame["commits"]:
                require(
                    commit["seq"] not in self._acked[replica.clinic], "an ack before its delta", commit["seq"])
            replica.delta(frame)
        elif kind == "presence":
            for replica in self.streams.values():
                if replica.clinic == frame["clinic"] and "presence" in replica.topics:
                    replica.presence(frame)
            self._pushes[kind].put_nowait(frame)
        elif kind == "ping":
            require(not self.pings or frame["n"] > self.pings[-1]["n"], "pings out of order", frame)
            for stream, head in frame.get("heads", {}).items():
                replica = self._stream({"stream": stream})
                if replica.is_live:
                    require(head == replica.seq, "the head says that a delta is missing", head, replica.seq)
            self.pings.append(frame)
            if self.answers_pings:
                await self.socket.send(json.dumps({"type": "pong", "n": frame["n"]}))
            self._pushes[kind].put_nowait(frame)
        elif kind == "unsubscribed":
            replica = self._stream(frame)
            replica.is_live = False
            del self.streams[frame["stream"]]
            self._pushes[kind].put_nowait(frame)
        elif kind == "bye":
            require(frame["code"] in CLOSE_CODES, "bye with a code that is not named", frame)
            if frame["code"] == 4100:
                require(isinstance(frame.get("reconnect_ms"), int), "bye without reconnect_ms", frame)
            self.bye = frame
            self._pushes[kind].put_nowait(frame)
        else:
            require(kind in ("auth_due", "error"), "a push that the protocol does not name", frame)
            self._pushes[kind].put_nowait(frame)

    def _stream(self, frame):
        require(frame["stream"] in self.streams, "a stream that was not announced", frame["stream"])
        return self.streams[frame["stream"]]

    def _answer(self, kind, frame):
        identity = frame["re"]
        if kind == "error" and frame.get("code"):
            require(frame.get("temporary", frame["code"] in TEMPORARY) == (frame["code"] in TEMPORARY),
                    "temporary", frame)
            require(isinstance(frame.get("message"), str) and frame["message"], "an error without a message", frame)
        entry = self._hello_entries.get((identity, frame.get("index")))
        if kind == "subscribed":
            require(entry is not None, "an answer to what was not asked", frame)
            entry.began(frame)
            # Known from here on: the snapshot's parts may be in the same read.
            self.streams[frame["stream"]] = entry
        if "index" in frame:
            require(entry is not None, "an index that was not sent", frame)
            if kind == "error":
                self._pushes["error"].put_nowait(frame)
            return
        require(identity in self._pending, "an answer to nothing, or a second answer", frame)
        kinds, future, _ = self._pending[identity]
        require(kind in kinds, "the wrong kind of answer", kinds, frame)
        if kind == "ack":
            self._check_ack(frame, future)
        if kind == "unsubscribed":
            require(self.streams.pop(frame["stream"], None) is not None, "unsubscribed from what was not held", frame)
        if self.is_checked and kind != "error" and frame.get("ok", True) and hasattr(future, "sent"):
            frame_schema().check_sent(future.sent)
        del self._pending[identity]
        if not future.done():
            future.set_result(frame)

    def _check_ack(self, frame, future):
        require(frame["key"] == future.sent["key"], "the ack names another key", frame)
        require(isinstance(frame["duplicate"], bool), "duplicate", frame)
        if frame["ok"]:
            require("error" not in frame, "ok with an error", frame)
            require(set(frame["cursor"]) >= {"epoch", "seq"}, "ack.cursor", frame)
            require(isinstance(frame["result"], dict), "result", frame)
            if not frame["duplicate"]:
                live = [r for r in self.streams.values() if r.is_live and r.clinic == future.sent["clinic"]]
                if live:
                    seen = set().union(*(r.commits.keys() for r in live))
                    if frame["cursor"]["seq"] not in seen:
                        self._acked[future.sent["clinic"]].add(frame["cursor"]["seq"])
        else:
            error = frame["error"]
            require({"code", "message", "temporary"} <= set(error), "ack.error", frame)
            require(error["temporary"] == (error["code"] in TEMPORARY), "temporary", frame)
            require("result" not in frame, "refused with a result", frame)
