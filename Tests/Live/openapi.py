"""The published OpenAPI document, to hold answers against."""

import json
import re

import jsonschema
from aura_server import ROOT

PATH = ROOT / "public/api/openapi.json"
DOCUMENT = json.loads(PATH.read_text("utf-8"))
FORMATS = jsonschema.FormatChecker()


def operation(method, path):
    """The document's (path template, operation) for a request's path."""
    path = path.split("?")[0]
    for template, methods in DOCUMENT["paths"].items():
        if re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path) and method.lower() in methods:
            return template, methods[method.lower()]
    raise AssertionError(f"{method} {path} is not in the document")


def check(method, path, status, content_type, answer):
    """Holds an answer against the document."""
    template, described = operation(method, path)
    assert str(status) in described["responses"], (method, path, status)
    response = described["responses"][str(status)]
    pointer = f"#/paths/{template.replace('/', '~1')}/{method.lower()}/responses/{status}"
    if "$ref" in response:
        pointer = response["$ref"]
    kind = content_type.split(";")[0]
    schema = {**DOCUMENT, "$ref": f"{pointer}/content/{kind.replace('/', '~1')}/schema"}
    jsonschema.Draft202012Validator(schema, format_checker=FORMATS).validate(answer)
