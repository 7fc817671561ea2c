"""The sender for Node services: its own tests, and what it sends to a web that is served."""

from __future__ import annotations

import subprocess
from collections import Counter

import pytest

from accounts.models import Account
from tests.instance.running import until
from tests.node.running import SENDER, gateway, why_not
from webhooks.models import Delivery

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "it can run")

SESSIONS = ("alice", "bob", "charlie", "nobody's")
EVENTS = 200


def test_its_own_tests_pass() -> None:
    tests = sorted(str(path) for path in (SENDER / "tests").glob("*.test.js"))
    done = subprocess.run(
        ["node", "--test", "--test-force-exit", "--test-timeout", "90000", *tests],
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


@pytest.fixture
def url(server):
    return f"http://localhost:{server.port}"


def test_a_lost_session_is_a_row(secret, url, tmp_path):
    with gateway(url, secret, tmp_path / "outbox.jsonl") as node:
        node.send("session_disconnected", "alice", reason="browser_crashed")
        until(lambda: Account.objects.get(session_id="alice").status == "disconnected")
    assert Account.objects.get(session_id="alice").status_reason == "browser_gone"


def test_a_code_on_its_screen_is_a_row_too(secret, url, tmp_path):
    with gateway(url, secret, tmp_path / "outbox.jsonl") as node:
        node.send("qr_code_generated", "charlie", qr_count=1, expires_in=60)
        until(lambda: Account.objects.get(session_id="charlie").status == "qr_scanning")


def test_what_a_killed_gateway_had_to_say_arrives_after_its_next_start(secret, url, tmp_path):
    """Killed amid the first half of its events, it says the second half after its next start."""
    outbox = tmp_path / "outbox.jsonl"
    with gateway(url, secret, outbox) as node:
        for number in range(EVENTS // 2):
            _note(node, number)
        node.kill()
    with gateway(url, secret, outbox) as node:
        for number in range(EVENTS // 2, EVENTS):
            _note(node, number)
        until(lambda: len(set(_arrived())) == EVENTS, limit_seconds=60)
    arrived = _arrived()
    first = list(dict.fromkeys(arrived))
    for session in SESSIONS:
        own = [number for number in first if SESSIONS[number % len(SESSIONS)] == session]
        assert own == sorted(own)
    # Sent again after the kill with the id it had: known, and not written down a second time.
    assert [number for number, times in Counter(arrived).items() if times > 1] == []


def _note(node, number):
    node.send("session_error", SESSIONS[number % len(SESSIONS)], error="test", message=str(number))


def _arrived():
    """The numbers, in the order in which they were written down."""
    rows = Delivery.objects.filter(event="session_error").order_by("id")
    return [int(said["fields"]["message"]) for said in rows.values_list("said", flat=True)]
