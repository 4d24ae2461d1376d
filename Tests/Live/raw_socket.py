"""WebSocket over a plain blocking socket, for what a well-behaved library refuses to send."""

import base64
import json
import os
import socket
import struct
import time

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Closed(Exception):
    """The other side has closed; `code` is that of its close frame, None when there was none."""

    def __init__(self, code, reason=""):
        super().__init__(f"closed: {code} {reason}")
        self.code = code


class RawSocket:
    def __init__(self, server, timeout=10, receive_buffer=None):
        self.server = server
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", server.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.frames = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    # Bytes

    def send_bytes(self, data):
        self.socket.sendall(data)

    def _read_some(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed(None)
        self.buffer += data

    def _take(self, count):
        while len(self.buffer) < count:
            self._read_some()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    # Handshake

    def upgrade(self, path="/ws", method="GET", version="HTTP/1.1", headers=None, without=(), subprotocol="aura.v1.json"):
        """Asks for the upgrade. Returns (status, headers in lower case); status None: the connection was dropped."""
        fields = {
            "Host": f"127.0.0.1:{self.server.port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
        }
        if subprotocol:
            fields["Sec-WebSocket-Protocol"] = subprotocol
        lines = [(name, value) for name, value in fields.items() if name not in without]
        lines += list(headers.items() if isinstance(headers, dict) else headers or [])
        text = f"{method} {path} {version}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines) + "\r\n"
        self.send_bytes(text.encode("latin-1"))
        return self.response_head()

    def response_head(self):
        try:
            while b"\r\n\r\n" not in self.buffer:
                self._read_some()
        except Closed:
            return None, {}
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        first, *rest = head.decode("latin-1").split("\r\n")
        return int(first.split()[1]), {
            line.split(":", 1)[0].lower(): line.split(":", 1)[1].strip() for line in rest if ":" in line}

    def upgraded(self):
        status, headers = self.upgrade()
        assert status == 101, (status, headers)
        assert headers.get("sec-websocket-protocol") == "aura.v1.json", headers
        return self

    # Frames

    @staticmethod
    def frame(payload, opcode=TEXT, fin=True, announced=None, masked=True, reserved=0):
        if isinstance(payload, str):
            payload = payload.encode("utf-8", "surrogatepass")
        length = len(payload) if announced is None else announced
        head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
        mask_bit = 0x80 if masked else 0
        if length < 126:
            head += bytes([mask_bit | length])
        elif length < 1 << 16:
            head += bytes([mask_bit | 126]) + struct.pack(">H", length)
        else:
            head += bytes([mask_bit | 127]) + struct.pack(">Q", length)
        if not masked:
            return head + payload
        mask = os.urandom(4)
        pad = mask * (len(payload) // 4 + 1)
        body = (int.from_bytes(payload, "big") ^ int.from_bytes(pad[:len(payload)], "big")).to_bytes(
            len(payload), "big") if payload else b""
        return head + mask + body

    def send(self, payload, *arguments, **options):
        if isinstance(payload, dict):
            payload = json.dumps(payload)
        self.send_bytes(self.frame(payload, *arguments, **options))

    def next_frame(self):
        """(opcode, payload) of the next frame that is not a control frame; raises Closed."""
        while True:
            first, second = self._take(2)
            assert first & 0x70 == 0 and first & 0x80, "a fragment or a reserved bit from the server"
            assert second & 0x80 == 0, "a masked frame from the server"
            length = second & 0x7F
            if length == 126:
                length = struct.unpack(">H", self._take(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self._take(8))[0]
            payload = self._take(length)
            opcode = first & 15
            if opcode == CLOSE:
                code = struct.unpack(">H", payload[:2])[0] if len(payload) > 1 else None
                raise Closed(code, payload[2:].decode())
            if opcode == PING:
                self.send(payload, PONG)
                continue
            if opcode == PONG:
                continue
            return opcode, payload

    def next(self):
        opcode, payload = self.next_frame()
        assert opcode == TEXT, opcode
        frame = json.loads(payload)
        self.frames.append(frame)
        return frame

    def hello(self, token, identity=1):
        self.send({"type": "hello", "id": identity, "token": token,
                   "client": {"app": "raw", "version": "1", "instance": "raw"}})
        answer = self.next()
        assert answer["type"] == "welcome", answer
        return answer

    def end(self, seconds_max=10):
        """Reads to the close. Returns (its code, the frames on the way)."""
        self.socket.settimeout(seconds_max)
        end = time.monotonic() + seconds_max
        frames = []
        try:
            while time.monotonic() < end:
                frames.append(self.next())
        except Closed as closed:
            return closed.code, frames
        except (TimeoutError, socket.timeout):
            pass
        raise AssertionError(f"not closed within {seconds_max} s; came: {frames[-3:]}")


def said_hello(server, token):
    """(close code, first frame) of a hello with that token; (None, welcome) when it was taken."""
    with RawSocket(server) as raw:
        raw.upgraded()
        raw.send({"type": "hello", "id": 1, "token": token, "client": {"app": "x", "version": "1", "instance": "y"}})
        first = raw.next()
        if first["type"] == "welcome":
            return None, first
        code, _ = raw.end()
        return code, first
