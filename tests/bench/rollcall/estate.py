"""Accounts on gateways of a thousand each, as rows and as what those gateways answer; one account
in a hundred has drifted. Grows, and is put back between rounds."""

from __future__ import annotations

import json
import time
from pathlib import Path

import httpx
from django.db import connection

from accounts.models import Gateway, GatewaySecret, Workspace

PER_GATEWAY = 1000
KEY = "the key of the bench"
HOST = "gateway-"
# Of a hundred accounts: the one that drifted. It is gone from every second gateway's list, and
# listed as waiting for a scan by the others.
DRIFTED = 7
# When every row was last written, so that those that a round has changed can be found.
UNTOUCHED = "2020-01-01 00:00:00+00"

_ROWS = """
INSERT INTO whatsapp_accounts
       (uuid, workspace_id, gateway_id, phone_number, session_id, wanted, status, status_reason,
        status_raw, scanned_number, status_since, last_known_status, observed_at, read_at,
        connected_at, last_connected_at, proof, probe_answer, probe_failures, strikes,
        next_step_code, next_step_arguments, updated_at)
SELECT gen_random_uuid(), %(workspace)s, gateway.id, (62800000000 + number)::text,
       'webjs_1_' || (1763000000 + number) || '_KLW5k5io', 'running', '', '', '', '', now(), '',
       now(), now(), now(), now(), '', '', 0, 0, '', '{}', %(untouched)s
  FROM generate_series(%(from)s, %(to)s - 1) number
  JOIN accounts_gateway gateway ON gateway.name = %(host)s || (number / %(each)s)
"""
_PUT_BACK = """
UPDATE whatsapp_accounts
   SET status = 'connected', status_reason = '', status_raw = '', last_known_status = '',
       status_since = now() - interval '10 min', observed_at = now() - interval '10 min',
       read_at = now() - interval '10 min', connected_at = '2026-11-22 11:52:23.344+00',
       last_connected_at = now() - interval '10 min', unshown_since = NULL, updated_at = %s
 WHERE updated_at <> %s OR status = ''
"""
_GATEWAYS_PUT_BACK = """
UPDATE accounts_gateway
   SET run_started_at = NULL, lease_until = NULL, lease_token = NULL,
       sight_since = now() - interval '1 day', listed_at = now() - interval '20 s'
"""
_CHANGED = "SELECT count(*) FROM whatsapp_accounts WHERE status <> 'connected'"


def grow(accounts: int, folder: Path) -> None:
    """Up to that many; what is there stays."""
    workspace, _ = Workspace.objects.get_or_create(name="Bench")
    there = Gateway.objects.filter(name__startswith=HOST).count()
    for number in range(there, accounts // PER_GATEWAY):
        name = f"{HOST}{number}"
        gateway = Gateway.objects.create(name=name, kind="webjs", base_url=f"http://{name}:3001")
        GatewaySecret.objects.create(
            gateway=gateway, purpose=GatewaySecret.Purpose.API_KEY, secret=KEY
        )
        (folder / f"{name}.json").write_bytes(_list_of(number, workspace.pk))
    with connection.cursor() as cursor:
        values = {"workspace": workspace.pk, "from": there * PER_GATEWAY, "to": accounts}
        cursor.execute(_ROWS, {**values, "untouched": UNTOUCHED, "host": HOST, "each": PER_GATEWAY})
    put_back()


def put_back() -> None:
    """Rows and gateways as before the round, without what it has left behind it."""
    with connection.cursor() as cursor:
        cursor.execute(_PUT_BACK, [UNTOUCHED, UNTOUCHED])
        cursor.execute(_GATEWAYS_PUT_BACK)
        cursor.execute("TRUNCATE account_transitions, reconciliation_run, reconciliation_finding")
        cursor.execute("VACUUM (ANALYZE) whatsapp_accounts")
        cursor.execute("VACUUM (ANALYZE) accounts_gateway")
        cursor.execute("CHECKPOINT")


def gateways(accounts: int) -> list[Gateway]:
    """Return the gateways of the first so many accounts."""
    found = Gateway.objects.filter(name__startswith=HOST).order_by("pk")
    return list(found[: accounts // PER_GATEWAY])


def drifted(accounts: int) -> int:
    return accounts // 100


def changed() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED)
        [count] = cursor.fetchone()
    return int(count)


def _list_of(gateway: int, workspace: int) -> bytes:
    """Make a list as recorded from the Node service."""
    sessions = []
    for number in range(gateway * PER_GATEWAY, (gateway + 1) * PER_GATEWAY):
        has_drifted = number % 100 == DRIFTED
        if has_drifted and gateway % 2:
            continue
        word = "qr_scanning" if has_drifted else "connected"
        sessions.append(
            {
                "session_id": f"webjs_1_{1763000000 + number}_KLW5k5io",
                "workspace_id": workspace,
                "status": word,
                "phone_number": None if has_drifted else str(62800000000 + number),
                "connected_at": None if has_drifted else "2026-11-22T11:52:23.344Z",
            }
        )
    whole = {"success": True, "sessions": sessions, "total": len(sessions)}
    return json.dumps(whole, separators=(",", ":")).encode()


class Answers(httpx.BaseTransport):
    """What the gateways answer; a session that is asked for by itself is one that they do not
    hold."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._booted = time.monotonic() - 86_400

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/health":
            uptime = time.monotonic() - self._booted
            return _json(200, b'{"status":"healthy","uptime":%f}' % uptime)
        if path == "/api/sessions":
            return _json(200, (self._folder / f"{request.url.host}.json").read_bytes())
        return _json(404, b'{"error":"Session not found"}')


def _json(status: int, content: bytes) -> httpx.Response:
    return httpx.Response(status, content=content, headers={"Content-Type": "application/json"})
