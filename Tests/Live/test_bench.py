"""The benchmarks run to their end; how fast is for a quiet machine to say."""

import json
import subprocess
from pathlib import Path

from aura_server import executable


def test_redemptions_from_a_long_ledger_are_measured_against_a_short_one():
    bench = Path(executable()).with_name("aura-bench")
    done = subprocess.run(
        [bench, "ledger", "--rows", "700", "--rounds", "10", "--json"], capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["rows"], report["few_rows"], report["rounds"]) == (700, 10, 10)
    assert report["ratio"] > 0 and report["p50_us"] <= report["p99_us"]
