"""The protocol's fixed words and the checks that every frame passes, whatever it is about."""

import json
import pathlib
import uuid

import jsonschema
import referencing
import referencing.jsonschema

SUBPROTOCOL = "aura.v1.json"
SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "public" / "protocol" / "aura.v1.schema.json"
TABLES = (
    "task_queue", "workflow_states", "workflow_events", "workflow_actions", "customers", "notifications",
    "loyalty_profiles", "point_transactions", "customer_coupons", "loyalty_redemptions", "followup_executions",
    "pos_transactions", "clinic_staff",
)
TEMPORARY = {"rate_limited", "overloaded", "unavailable", "internal"}
CLOSE_CODES = {4000, 4001, 4003, 4004, 4100, 4101, 4102, 4103, 4104, 4105, 4200, 4201, 4202, 1003, 1007, 1009}
PATIENCE_SECONDS = 10


class Broken(AssertionError):
    """The server broke a rule of the protocol."""


def require(condition, *what):
    if not condition:
        raise Broken(*what)


def new_key():
    return str(uuid.uuid4())


def parse(text):
    """JSON as the protocol allows it: no name twice, no NaN."""

    def unique(pairs):
        names = [name for name, _ in pairs]
        require(len(names) == len(set(names)), "a name twice in one object", text[:300])
        return dict(pairs)

    def refuse(constant):
        raise Broken("no JSON", constant)

    return json.loads(text, object_pairs_hook=unique, parse_constant=refuse)


class FrameSchema:
    """The published schema, asked about every frame that the server sends and about those of ours that it takes."""

    def __init__(self, path=SCHEMA):
        document = json.loads(path.read_text())
        resource = referencing.Resource.from_contents(
            document, default_specification=referencing.jsonschema.DRAFT202012)
        registry = referencing.Registry().with_resource(document["$id"], resource)

        def validator(reference):
            return jsonschema.Draft202012Validator({"$ref": document["$id"] + reference}, registry=registry)

        # Each frame's own definition: its complaint says more than "is none of these".
        self.server, self.client = (
            {option["$ref"].rsplit("/", 1)[-1]: validator(option["$ref"])
             for option in document["$defs"][side]["oneOf"]}
            for side in ("serverFrame", "clientFrame"))

    def check(self, frame):
        self._check(self.server, frame, "the server's frame")

    def check_sent(self, frame):
        self._check(self.client, frame, "a frame that the server took")

    @staticmethod
    def _check(validators, frame, whose):
        kind = frame.get("type")
        require(kind in validators, f"the schema has no {kind}", frame)
        error = jsonschema.exceptions.best_match(validators[kind].iter_errors(frame))
        if error:
            raise Broken(
                f"schema: {whose}: {error.message} at {list(error.absolute_path)}", json.dumps(frame)[:800])


_schema = None


def frame_schema():
    global _schema
    if _schema is None:
        _schema = FrameSchema()
    return _schema
