"""A machine that knows nothing but the OpenAPI document tries to find an answer that is not in it."""

import os
import subprocess
import sys

import pytest
from aura_server import ROOT
from database import Database

# What the document cannot say is left out: that a request of the right shape may be refused by the clinic's rules.
UNSAID = "positive_data_acceptance"


# Half a minute and some seconds where nobody else is at work.
@pytest.mark.parametrize("who, phases, examples", [("owner", "coverage,fuzzing", 5), ("beautician", "fuzzing", 4)])
def test_no_request_that_can_be_thought_of_gets_an_answer_beside_the_document(
        new_server, tmp_path, seed, who, phases, examples):
    server = new_server("--commands-per-second", 100_000)
    clinic = Database(server.data).value("SELECT id FROM clinics LIMIT 1")
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", str(ROOT / "public/api/openapi.json"), "--url", server.origin,
        "-H", f"Authorization: Bearer {server.token(who)}", "--exclude-path-regex", "^/api/auth",
        "--phases", phases, "--max-examples", os.environ.get("AURA_HTTP_EXAMPLES", str(examples)),
        "--seed", str(seed), "--exclude-checks", UNSAID, "--warnings", "off",
        # A NUL in a query string ends the connection before anybody has seen the request.
        "--generation-allow-x00", "false", "--generation-database", "none", "--no-color",
    ]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=600,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "openapi_hooks", "PYTHONPATH": str(ROOT / "Tests/Live")})
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "No issues found" in done.stdout, done.stdout[-3000:]
    assert '"level":"error"' not in server.log() and " ERROR " not in server.log(), server.log()[-2000:]
    database = Database(server.data)
    database.check_log(clinic)
    database.integrity()
