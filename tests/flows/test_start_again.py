"""A start in the queue is carried out by the real worker, even if nobody rang for it."""

from __future__ import annotations

import json
import urllib.request

import psycopg
import pytest

from tests.instance.running import Running, until

pytestmark = pytest.mark.timeout(180)

_ASK = """
INSERT INTO account_repairs (account_id, gateway_id, session_id, asked_by, actor, reason, why,
                             steps, state, outcome)
SELECT id, gateway_id, session_id, 'operator', 'olga', '', '', '[]', 'waiting', ''
  FROM whatsapp_accounts WHERE session_id = %s
"""
_CAME = "SELECT state FROM account_repairs WHERE session_id = %s ORDER BY id DESC LIMIT 1"
_STATUS = "SELECT status FROM whatsapp_accounts WHERE session_id = %s"


def control(running: Running, path: str, **fields: object) -> None:
    access = running.access
    request = urllib.request.Request(
        f"{access['simulator_control_url']}/_control/{path}",
        data=json.dumps(fields).encode(),
        headers={"X-Control-Key": access["simulator_control_key"]},
    )
    urllib.request.urlopen(request, timeout=10).close()


def test_the_sweeper_finds_who_waits_and_the_session_lives_again(running: Running) -> None:
    with psycopg.connect(running.access["database_url"], autocommit=True) as connection:

        def says(sql: str) -> object:
            row = connection.execute(sql, [session_id]).fetchone()
            return row and row[0]

        connected = "SELECT session_id FROM whatsapp_accounts WHERE status = 'connected'"
        session_id = until(lambda: connection.execute(connected).fetchone())[0]
        control(running, f"sessions/{session_id}/crash", honest=True)
        until(lambda: says(_STATUS) == "disconnected")
        connection.execute(_ASK, [session_id])
        until(lambda: says(_CAME) == "succeeded", limit_seconds=60)
        until(lambda: says(_STATUS) == "connected", limit_seconds=30)
