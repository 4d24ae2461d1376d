"""Style that a machine can check: see the messages for what each rule wants and why."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINES_MAX = 500

# A type that promises by hand what the compiler cannot see. Each states its invariant where it is declared.
UNCHECKED_SENDABLE = {}

# The only files that may import a C library, by the beginning of their names: every unsafe line that touches it is there.
DOORS = {
    "CJansson": "Sources/AuraJSON/Parse",
    "CLibWebSockets": "Sources/AuraTransport/Door",
    "CSQLite": "Sources/AuraStore/SQLite",
    "CSodium": "Sources/AuraSodium/Sodium",
    "CJWT": "Sources/AuraServer/LibJWT",
    "CCurl": "Sources/AuraDelivery/Curl",
}

# What each room may know of the others; what is not listed is a wall that somebody took down.
ROOMS = {
    "AuraDomain": set(),
    "AuraThreads": set(),
    "AuraMetrics": set(),
    "AuraJSON": {"AuraDomain"},
    "AuraSodium": set(),
    "AuraWire": {"AuraDomain", "AuraJSON"},
    "AuraHub": {"AuraDomain", "AuraWire", "AuraMetrics"},
    "AuraStore": {"AuraDomain", "AuraJSON", "AuraSodium", "AuraThreads", "AuraMetrics"},
    "AuraTransport": {"AuraThreads", "AuraMetrics"},
    "AuraDelivery": {"AuraDomain", "AuraJSON", "AuraSodium", "AuraThreads"},
    "AuraClient": {"AuraDomain", "AuraJSON", "AuraThreads", "AuraTransport", "AuraWire"},
}

TOP_LEVEL = {
    "Package.swift", "Sources", "Tests", "public", "README.md", "Makefile", "LICENSE",
    ".ci", ".gitignore", ".swift-format", ".editorconfig",
}  # fmt: skip


def tracked_files():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    names = [name for name in listed.stdout.decode().split("\0") if name]
    return [name for name in names if (ROOT / name).is_file()]


FILES = tracked_files()
CODE = [name for name in FILES if name.endswith((".swift", ".js", ".mjs", ".css", ".html", ".py", ".h"))]
SOURCES = [name for name in CODE if name.startswith("Sources/") and name.endswith(".swift")]


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def lines_with(names, pattern):
    expression = re.compile(pattern)
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name in names
        if name != "Tests/Tidy/test_tidy.py"
        for number, line in enumerate(text(name).splitlines(), 1)
        if expression.search(line)
    ]


def test_no_file_is_longer_than_a_reader_can_hold():
    long = {name: count for name in CODE if (count := text(name).count("\n")) > LINES_MAX}
    assert not long, f"split at a concept of the field, {LINES_MAX} lines at most: {long}"


def test_nothing_is_left_for_later_in_a_comment():
    assert not lines_with(CODE, r"\b(TODO|FIXME|XXX|HACK)\b"), "say it in an issue or do it"


def test_no_path_of_one_machine():
    found = lines_with(FILES_OF_TEXT, r"(?<![\w.\-/}])/(home|root|work|Users|opt)/[\w.-]+")
    assert not found, found


FILES_OF_TEXT = [
    name for name in FILES if name.endswith((".swift", ".js", ".html", ".py", ".md", ".json", ".yaml", "Makefile"))
] + [name for name in FILES if name.startswith(".ci/")]


def test_sources_do_not_crash_on_purpose_with_force_try_or_force_cast():
    found = lines_with(SOURCES, r"\btry!|\bas!")
    assert not found, found


def test_unchecked_sendable_is_on_the_named_list_only():
    found = {
        f"{name}: {match}"
        for name in SOURCES
        for match in re.findall(r"(?:class|struct|extension)\s+([\w.]+)[^{\n]*@unchecked Sendable", text(name))
    }
    named = {f"{file}: {type}" for file, types in UNCHECKED_SENDABLE.items() for type in types}
    assert found == named, f"new or gone: {found ^ named}"


def test_every_c_library_has_one_door():
    for library, door in DOORS.items():
        importers = {name for name in SOURCES if re.search(rf"^\s*(@?\w+ )*import {library}\b", text(name), re.M)}
        strangers = {name for name in importers if not name.startswith(door)}
        assert not strangers, f"{library} is imported by {strangers}"


def test_no_wall_between_rooms_is_down():
    for room, known in ROOMS.items():
        for name in SOURCES:
            if name.startswith(f"Sources/{room}/"):
                imported = set(re.findall(r"^\s*(?:@?\w+ )*import (Aura\w+)", text(name), re.M))
                assert imported <= known, f"{name} imports {imported - known}"


def test_names_are_of_the_field():
    vague = [name for name in SOURCES if re.search(r"(Manager|Helper|Utils|Util)s?\.swift$", name)]
    vague += lines_with(SOURCES, r"\b(class|struct|enum|protocol|actor) \w*(Manager|Helper|Utils?)\b")
    assert not vague, vague


def test_the_top_level_holds_only_what_tools_insist_on():
    top = {name.split("/")[0] for name in FILES}
    assert top <= TOP_LEVEL, top - TOP_LEVEL
