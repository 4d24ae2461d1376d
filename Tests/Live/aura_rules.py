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
    """The published schema, asked once per frame that the server sends."""

    def __init__(self, path=SCHEMA):
        self.document = json.loads(path.read_text())
        self.validators = {}
        resource = referencing.Resource.from_contents(
            self.document, default_specification=referencing.jsonschema.DRAFT202012)
        name = self.document.get("$id", "urn:aura:v1")
        self.registry = referencing.Registry().with_resource(name, resource)
        definitions = self.document.get("$defs", {})
        server = definitions.get("server") or definitions.get("serverFrame") or definitions.get("fromServer")
        for option in (server or {}).get("oneOf", []):
            reference = option.get("$ref", "")
            target = definitions.get(reference.rsplit("/", 1)[-1], {})
            kind = target.get("properties", {}).get("type", {}).get("const")
            if kind:
                self.validators.setdefault(kind, []).append(self.validator(name + reference))
        self.whole = self.validator(name)

    def validator(self, reference):
        return jsonschema.Draft202012Validator({"$ref": reference}, registry=self.registry)

    def check(self, frame):
        kind = frame.get("type")
        if self.validators:
            require(kind in self.validators, "a frame that the schema does not name", frame)
            candidates = self.validators[kind]
        else:
            candidates = [self.whole]
        if any(candidate.is_valid(frame) for candidate in candidates):
            return
        error = jsonschema.exceptions.best_match(candidates[0].iter_errors(frame))
        raise Broken(f"schema: {error.message} at {list(error.absolute_path)}", json.dumps(frame)[:800])


_schema = None


def frame_schema():
    global _schema
    if _schema is None and SCHEMA.exists():
        _schema = FrameSchema()
    return _schema
