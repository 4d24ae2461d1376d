"""The server's database file, read from outside: the truth that every client's state is held against."""

import contextlib
import json
import pathlib
import sqlite3
import uuid


class Database:
    def __init__(self, data):
        self.path = self.find(pathlib.Path(data))

    @staticmethod
    def find(folder):
        for path in sorted(folder.iterdir()):
            if path.is_file() and path.suffix not in ("-wal", "-shm"):
                with open(path, "rb") as file:
                    if file.read(15) == b"SQLite format 3":
                        return path
        raise AssertionError(f"no database in {folder}: {list(folder.iterdir())}")

    def read(self, sql, *values):
        """Rows as dictionaries. Also while the server runs: one read transaction, never a lock."""
        with contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=5)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, values)]

    def together(self, queries, *values):
        """The rows of several queries as of one moment, by their names."""
        with contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=5)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("BEGIN")
            return {name: [dict(row) for row in connection.execute(sql, values)] for name, sql in queries.items()}

    def one(self, sql, *values):
        rows = self.read(sql, *values)
        assert len(rows) == 1, (sql, values, len(rows))
        return rows[0]

    def value(self, sql, *values):
        return next(iter(self.one(sql, *values).values()))

    @contextlib.contextmanager
    def writing(self):
        """Only for a server that is stopped."""
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA foreign_keys=ON")
            connection.row_factory = sqlite3.Row
            with connection:
                yield connection
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def integrity(self):
        assert self.value("PRAGMA integrity_check") == "ok"
        assert self.read("PRAGMA foreign_key_check") == []

    # The log

    def seqs(self, clinic):
        return [row["seq"] for row in self.read("SELECT seq FROM sys_changes WHERE clinic_id=? ORDER BY seq", clinic)]

    def head(self, clinic):
        return self.value("SELECT coalesce(max(seq),0) FROM sys_changes WHERE clinic_id=?", clinic)

    def check_log(self, clinic):
        """1, 2, 3 … without a hole, whatever happened. Returns the head."""
        seqs = self.seqs(clinic)
        if seqs:
            assert seqs == list(range(seqs[0], seqs[0] + len(seqs))), "the sequence has a hole"
        return seqs[-1] if seqs else 0

    # Rows as the wire shows them

    def rows(self, table, clinic, condition="1", *values):
        return {
            row["id"]: row
            for row in self.read(f"SELECT * FROM {table} WHERE clinic_id=? AND ({condition})", clinic, *values)
        }

    def compare(self, replica, table, condition="1", *values):
        """A replica's rows of a table are the database's: the same ids, and each column shown is equal."""
        stored = self.rows(table, replica.clinic, condition, *values)
        held = replica.tables[table]
        assert set(held) == set(stored), (
            table, "only at the client", set(held) - set(stored), "only in the database", set(stored) - set(held))
        for identity, row in held.items():
            for column, shown in row.items():
                kept = stored[identity].get(column, 1 if column == "version" else None)
                assert same(shown, kept), (table, identity, column, shown, kept)


def same(shown, kept):
    """A wire value and a column's value: booleans are kept as 0 and 1, JSON as text."""
    if isinstance(shown, bool):
        return int(shown) == kept
    if isinstance(shown, (dict, list)):
        return isinstance(kept, str) and json.loads(kept) == shown
    if shown == kept:
        return True
    # A JSON column that holds a scalar.
    try:
        return isinstance(kept, str) and not isinstance(shown, str) and json.loads(kept) == shown
    except ValueError:
        return False


def copy_row(connection, table, source, **changed):
    """Adds a row like `source` with a new id and the given columns. Returns the id."""
    row = dict(source)
    row["id"] = str(uuid.uuid4())
    row.update(changed)
    names = ", ".join(row)
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))
    return row["id"]


def add_clinic(data, code, people):
    """A second clinic in a stopped server's database, made like the demo's: people is {email: role}.

    Everyone has the demo's password. Returns the clinic's id.
    """
    database = Database(data)
    with database.writing() as connection:
        first = connection.execute("SELECT * FROM clinics ORDER BY created_at, id LIMIT 1").fetchone()
        someone = connection.execute("SELECT * FROM users WHERE password_hash IS NOT NULL LIMIT 1").fetchone()
        member = connection.execute("SELECT * FROM clinic_staff LIMIT 1").fetchone()
        clinic = copy_row(connection, "clinics", first, clinic_code=code, owner_user_id=None)
        for treatment in connection.execute(
                "SELECT * FROM treatments WHERE clinic_id=?", (first["id"],)).fetchall():
            copy_row(connection, "treatments", treatment, clinic_id=clinic)
        for address, role in people.items():
            known = connection.execute("SELECT id FROM users WHERE email=?", (address,)).fetchone()
            user = known["id"] if known else copy_row(
                connection, "users", someone, email=address, full_name=address.split("@")[0], is_super_admin=0)
            copy_row(connection, "clinic_staff", member, clinic_id=clinic, user_id=user, role=role,
                     is_active=1, front_desk=0, skills="[]", duty="on", revoked_at=None)
    return clinic
