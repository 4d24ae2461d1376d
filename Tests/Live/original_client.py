"""A client of the original's HTTP routes. It speaks those only: no socket, no name of a command, nothing of the server.

Every write goes out under a key, and is kept with its answer, so that the whole day can be said once more.
"""

import json
import urllib.parse
import uuid

import openapi

# What differs between two answers to the same request.
PASSING = ("timestamp", "requestId", "meta")


class Original:
    """One person with their token. A call returns the answer's object after its wrapping was checked."""

    def __init__(self, server, who, record=None, token=None):
        self.server, self.who = server, who
        self.token = token or server.token(who)
        self.record = record if record is not None else []

    def send(self, method, path, body=None, key=None, headers=None):
        """Any request. Returns (status, headers in lower case, the answer's object)."""
        sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        if key is not None:
            sent["Idempotency-Key"] = key
        status, received, text = self.server.http(method, path, body, sent)
        answer = json.loads(text) if text else None
        assert uuid.UUID(received["x-request-id"]) and received["cache-control"] == "no-store", (path, received)
        if method in ("GET", "POST", "PUT", "PATCH") and status not in (404, 405):
            openapi.check(method, path, status, received["content-type"], answer)
        return status, received, answer

    def get(self, path, **query):
        target = path + ("?" + urllib.parse.urlencode(query) if query else "")
        status, _, answer = self.send("GET", target)
        assert status == 200, (target, status, answer)
        return checked(path, answer)

    def do(self, method, path, body, key=None):
        """A write that must succeed."""
        key = key or str(uuid.uuid4())
        status, _, answer = self.send(method, path, body, key)
        assert status == 200, (method, path, body, status, answer)
        self.record.append((self.who, self.token, method, path, body, key, status, answer))
        return checked(path, answer)

    def post(self, path, **body):
        return self.do("POST", path, body)

    def refused(self, method, path, body=None, status=None, code=None, **options):
        """A request that must be refused. Returns the error's code and details in one shape."""
        got, headers, answer = self.send(method, path, body, **options)
        error = failed(path, answer)
        assert (status, code) in ((got, error["code"]), (got, None)), (method, path, body, got, answer)
        return {**error, "status": got, "headers": headers}


def is_plain(path):
    return path.split("?")[0].startswith(("/api/workflow", "/api/tasks", "/api/achievements"))


def checked(path, answer):
    """Holds a success against its envelope."""
    assert answer["success"] is True and "data" in answer, answer
    if is_plain(path):
        assert is_iso(answer["timestamp"]), answer
    else:
        meta = answer["meta"]
        assert set(meta) == {"timestamp", "requestId", "version"} and meta["version"] == "1.0", answer
        assert is_iso(meta["timestamp"]) and uuid.UUID(meta["requestId"])
    return answer


def failed(path, answer):
    """Holds a refusal against its envelope. Returns {code, message, details}."""
    if is_plain(path):
        assert answer["error"] is True or answer["error"] == answer["message"], answer
        assert is_iso(answer["timestamp"]) and "success" not in answer
        error = answer
    else:
        assert answer["success"] is False and set(answer) == {"success", "error", "meta"}, answer
        assert set(answer["error"]) == {"code", "message", "details"}, answer
        error = answer["error"]
    text = json.dumps(answer).lower()
    assert "sqlite" not in text and "select " not in text and ".swift" not in text and "/data" not in text, answer
    return {"code": error["code"], "message": error["message"], "details": error.get("details", {})}


def is_iso(text):
    return isinstance(text, str) and len(text) == 24 and text[10] == "T" and text.endswith("Z")


def lasting(answer):
    return {name: value for name, value in answer.items() if name not in PASSING}


def say_again(server, record):
    """Sends every write once more under its key: the same status and the same body."""
    for who, token, method, path, body, key, status, answer in record:
        again = Original(server, who, token=token).send(method, path, body, key)
        assert (again[0], lasting(again[2])) == (status, lasting(answer)), (method, path, body, again[2], answer)

