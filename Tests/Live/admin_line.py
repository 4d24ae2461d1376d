"""The administration by command line, as an operator types it."""

import json
import subprocess

from aura_server import executable


def aura(*arguments, **named):
    named = {"capture_output": True, "text": True, "timeout": 110, "stdin": subprocess.DEVNULL, **named}
    if "input" in named:
        named.pop("stdin")
    return subprocess.run([executable(), *map(str, arguments)], **named)


def done(*arguments, **named):
    """Runs a command that must succeed. Returns what it printed."""
    result = aura(*arguments, **named)
    assert result.returncode == 0, (arguments, result.returncode, result.stdout, result.stderr)
    assert "warning" not in result.stderr.lower(), result.stderr
    return result.stdout


def refused(*arguments, status=1, **named):
    """Runs a command that must fail. Returns the sentence."""
    result = aura(*arguments, **named)
    assert result.returncode == status, (arguments, result.returncode, result.stdout, result.stderr)
    assert "Error:" in result.stderr and result.stdout == "", (result.stdout, result.stderr)
    return result.stderr


def lines(*arguments):
    return [json.loads(line) for line in done(*arguments).splitlines()]
