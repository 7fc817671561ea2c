"""The gateway that Rollcall brings: its own tests, those with a real Chromium among them."""

from __future__ import annotations

import subprocess

import pytest

from tests.node.running import GATEWAY, why_no_gateway

pytestmark = pytest.mark.skipif(bool(why_no_gateway()), reason=why_no_gateway() or "it can run")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", sorted(path.name for path in GATEWAY.glob("tests/*.test.js")))
def test_its_own_tests_pass(name: str) -> None:
    done = subprocess.run(
        ["node", "--test", "--test-force-exit", "--test-timeout", "220000", f"tests/{name}"],
        cwd=GATEWAY,
        capture_output=True,
        text=True,
        timeout=230,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    skipped = [line for line in done.stdout.splitlines() if "# SKIP" in line]
    if skipped:
        pytest.skip(skipped[0].split("# SKIP", 1)[1].strip())
