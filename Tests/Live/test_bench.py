"""The benchmarks run to their end; how fast is for a quiet machine to say."""

import json
import subprocess
from pathlib import Path

import pytest

from aura_server import executable


@pytest.mark.parametrize(("name", "rows"), [("ledger", 700), ("pending", 500)])
def test_the_same_work_is_measured_among_few_rows_and_among_many(name, rows):
    bench = Path(executable()).with_name("aura-bench")
    done = subprocess.run(
        [bench, name, "--rows", f"{rows}", "--few-rows", "10", "--rounds", "10", "--json"],
        capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["rows"], report["few_rows"], report["rounds"]) == (rows, 10, 10)
    assert report["ratio"] > 0 and report["p50_us"] <= report["p99_us"]
