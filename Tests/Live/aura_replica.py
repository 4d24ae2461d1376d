"""What one subscription holds, and the rules of snapshots, deltas and presence that bring it there."""

import asyncio
import time

from aura_rules import PATIENCE_SECONDS, require


class Replica:
    """What one subscription holds: rows by table and id, and the cursor to come back with.

    It outlives connections: subscribe again with it, and it goes on where it stood.
    """

    def __init__(self, clinic, topics, where=None):
        self.clinic = clinic
        self.topics = list(topics)
        self.where = where
        self.tables = {topic: {} for topic in topics if topic != "presence"}
        self.cursor = None
        self.stream = None
        self.mode = None
        self.reason = None
        self.is_live = False
        self.commits = {}
        self.columns = {}
        self.history = []
        self.present = {}
        self._coming = None
        self._presence_n = None
        self._changed = asyncio.Event()

    @property
    def seq(self):
        return self.cursor["seq"]

    def rows(self, table):
        return list(self.tables[table].values())

    def row(self, table, identity):
        return self.tables[table].get(identity)

    def find(self, table, **columns):
        return [row for row in self.rows(table) if all(row.get(k) == v for k, v in columns.items())]

    # Frames

    def began(self, frame):
        require(frame["mode"] in ("snapshot", "resume"), "mode", frame)
        cursor = frame["cursor"]
        require(set(cursor) >= {"epoch", "seq", "scope"}, "cursor", frame)
        require(isinstance(cursor["seq"], int) and cursor["seq"] >= 0, "cursor.seq", frame)
        require(frame.get("oldest", 0) <= cursor["seq"] + 1, "oldest beyond the head", frame)
        self.stream, self.mode, self.reason = frame["stream"], frame["mode"], frame.get("reason")
        if self.mode == "resume":
            require(self.cursor is not None, "a resume that nobody asked for", frame)
            require("reason" not in frame or frame["reason"] is None, "a resume has no reason", frame)
            require(cursor["epoch"] == self.cursor["epoch"], "a resume across epochs", frame)
            require(cursor["scope"] == self.cursor["scope"], "a resume across scopes", frame)
            # Deltas after this cursor follow. It may stand elsewhere than mine where nothing for this stream lies between.
            self.cursor = dict(cursor)
            self.is_live = True
            self._wake()
        else:
            require(self.reason in ("first", "epoch", "too_old", "ahead", "scope", "cheaper"), "reason", frame)
            if self.reason == "first":
                require(self.cursor is None, "`first` for one that has a cursor", frame)
            self.is_live = False
            self.cursor = dict(cursor)
            self.columns = {}
            self._coming = {topic: {} for topic in self.tables}
            self._part = 0

    def snapshot(self, frame):
        require(self._coming is not None, "a snapshot that was not announced", frame["stream"])
        require(frame["seq"] == self.seq, "a part of another read", frame["seq"], self.seq)
        require(frame["part"] == self._part, "parts out of order", frame["part"], self._part)
        self._part += 1
        for table, rows in frame["rows"].items():
            require(table in self._coming, "rows of a table that was not asked for", table)
            for row in rows:
                self._check_row(table, row)
                require(row["id"] not in self._coming[table], "a row twice in a snapshot", table, row["id"])
                self._coming[table][row["id"]] = row
        if frame["last"]:
            self.tables, self._coming = self._coming, None
            self.commits = {}
            self.is_live = True
            self._wake()

    def delta(self, frame):
        require(self.is_live, "a delta before the snapshot's last part", frame["seq"])
        require(frame["prev"] == self.seq, "a gap", {"prev": frame["prev"], "mine": self.seq, "seq": frame["seq"]})
        require(frame["seq"] > frame["prev"], "a delta that leads nowhere", frame)
        before = frame["prev"]
        for commit in frame["commits"]:
            require(commit["seq"] > before, "commits out of order", commit["seq"], before)
            require(commit["changes"], "a commit without changes for this stream", commit["seq"])
            before = commit["seq"]
            touched = set()
            for change in commit["changes"]:
                self._apply(change, touched)
            self.commits[commit["seq"]] = commit
        # It may be later than the last commit's: what lies between holds nothing for this stream.
        require(before <= frame["seq"], "a commit behind the delta's seq", before, frame["seq"])
        self.cursor["seq"] = frame["seq"]
        self._wake()

    def _apply(self, change, touched):
        table = change["table"]
        require(table in self.tables, "a change of a table that was not asked for", table)
        held = self.tables[table]
        if change["op"] == "put":
            row = change["row"]
            self._check_row(table, row)
            identity, version = row["id"], row["version"]
            if identity in held:
                require(version > held[identity]["version"], "a version that does not rise", table, identity, version)
            held[identity] = row
        else:
            require(change["op"] == "remove", "op", change)
            identity, version = change["id"], change["version"]
            require("row" not in change, "a remove that shows the row", table)
            require(identity in held, "a remove of what is not here", table, identity)
            require(version >= held[identity]["version"], "a remove older than what is here", table, identity)
            del held[identity]
        require((table, identity) not in touched, "a row twice in one commit", table, identity)
        touched.add((table, identity))

    def _check_row(self, table, row):
        require(isinstance(row.get("version"), int) and row["version"] >= 1, "version", table, row.get("version"))
        require(row.get("clinic_id", self.clinic) == self.clinic, "a row of another clinic", table, row)
        columns = self.columns.setdefault(table, tuple(row))
        require(columns == tuple(row), "columns that change from row to row", table, set(columns) ^ set(row))
        for column, wanted in (self.where or {}).items():
            wanted_values = wanted if isinstance(wanted, list) else [wanted]
            # Who `me` is this replica does not know; the tests that use it compare with the database.
            if column in row and "me" not in wanted_values:
                require(row[column] in wanted_values, "a row outside the filter", table, column, row[column])

    def presence(self, frame):
        n = frame["n"]
        if frame["op"] == "all":
            self.present = {user["id"]: user for user in frame["users"]}
        else:
            require(self._presence_n is not None, "a presence change before `all`", frame)
            require(n > self._presence_n, "presence out of order", frame)
            for user in frame["users"]:
                if frame["op"] == "leave":
                    require(user["id"] in self.present, "one leaves who was not there", frame)
                    del self.present[user["id"]]
                else:
                    self.present[user["id"]] = user
        self._presence_n = n
        self.history.append(frame)
        self._wake()

    # Waiting

    def _wake(self):
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, condition, seconds_max=PATIENCE_SECONDS):
        """Waits until `condition(self)` is true and returns its value."""
        end = time.monotonic() + seconds_max
        while True:
            value = condition(self)
            if value:
                return value
            rest = end - time.monotonic()
            require(rest > 0, "it did not come", f"{seconds_max} s", {"stream": self.stream, "cursor": self.cursor})
            try:
                await asyncio.wait_for(self._changed.wait(), min(rest, 0.5))
            except asyncio.TimeoutError:
                pass
            if self._owner and not self._owner.is_open and not condition(self):
                self._owner.raise_fault()
                raise ConnectionError(f"closed with {self._owner.close_code} while waiting")

    async def until_seq(self, seq, seconds_max=PATIENCE_SECONDS):
        await self.until(lambda replica: replica.seq >= seq, seconds_max)

    _owner = None
