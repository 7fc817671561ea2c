"""docs/incident-by-hand.md and the README, typed line by line on a real instance."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from instance.servers import bundled
from tests.flows.terminal import Terminal, blocks_of
from tests.instance.running import Running, until

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(shutil.which("curl") is None, reason="the pages' lines need curl"),
]
NUMBER, SECOND_NUMBER = "62811801641", "62811801642"
HELD = "webjs_1_1763264318_rCdIqxMG"


@pytest.fixture
def terminal(running: Running, tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal(running, tmp_path)
    yield opened
    opened.close()


def becomes(
    running: Running, phone_number: str, status: str, reason: str, *, limit_seconds: float = 25
) -> bool:
    """The row of a number, within the time that is promised."""

    def is_so() -> bool:
        with psycopg.connect(running.access["database_url"]) as connection:
            row = connection.execute(
                "SELECT status, status_reason FROM whatsapp_accounts WHERE phone_number = %s",
                [phone_number],
            ).fetchone()
        return row == (status, reason)

    return bool(until(is_so, limit_seconds=limit_seconds))


def test_every_line_of_the_incident_and_the_readme_does_what_it_says(
    running: Running, terminal: Terminal
) -> None:
    blocks = iter(blocks_of("docs/incident-by-hand.md") + blocks_of("README.md"))
    said = lambda: terminal.type(next(blocks))  # noqa: E731
    assert said() == "\n"

    rows = said()
    assert "whatsapp-1 is in mode observe" in rows
    assert rows.count(NUMBER) == 3
    seen = said()
    assert "(1 row)" in seen
    assert f'"session_id":"{HELD}"' in seen
    # From now on without Django, which takes a second to start.
    psql = bundled.postgres().path.with_name("psql")
    terminal.type(f"""sql() {{ {psql} '{running.access["database_url"]}' -c "$1"; }}""")
    terminal.type("./run manage monitor_sessions")  # not to wait for the next roll call
    assert becomes(running, NUMBER, "disconnected", "missing")
    why = said()
    assert "missing" in why
    assert f"({NUMBER})" in why
    assert '"authenticated"' in said()
    assert becomes(running, NUMBER, "connected", "")

    assert "Added account" in said()
    assert becomes(running, SECOND_NUMBER, "connected", "")
    deleted = said()
    assert '"message":"Session disconnected successfully"' in deleted
    terminal.type("./run manage monitor_sessions")
    assert becomes(running, SECOND_NUMBER, "disconnected", "missing")

    assert '"browser":"dead"' in said()
    assert becomes(running, NUMBER, "disconnected", "browser_gone")
    assert '"success":true' in said()
    assert becomes(running, NUMBER, "connected", "")
    lied = said()
    assert '"status":"connected"' in lied
    assert "(1 row)" in lied

    assert "disconnected | missing" in said()

    assert "whatsapp-1 is in mode act" in said()
    assert becomes(running, NUMBER, "connected", "", limit_seconds=60)
    assert becomes(running, SECOND_NUMBER, "qr_scanning", "listed", limit_seconds=60)

    assert '"says":"disconnected"' in said()
    assert becomes(running, "15550100101", "disconnected", "navigation")
    misrouted = said()
    assert "/api/webhooks/whatsapp-webjs" in misrouted
    assert "WEBHOOK_ENDPOINT=/api/webhooks/webjs" in misrouted
    assert "There is gateway whatsapp-1" in said()
    block, by_hand = next(blocks), [""]
    # Every web process knows of the change within a second.
    until(
        lambda: by_hand.append(terminal.type(block)) or "unknown session" in by_hand[-1],
        limit_seconds=20,
    )
    assert "belongs to no gateway" in by_hand[-1]
    assert "Added gateway whatsapp-2" in said()
    assert next(blocks, None) is None
