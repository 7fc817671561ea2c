"""The rows that webhooks are about: Rollcall's accounts on their gateways, and the plain
application's. Made anew for each size."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from django.db import connection

from accounts.models import Gateway, GatewaySecret, Workspace
from accounts.store.redis_client import client
from tests.bench.ingest.traffic import FIRST_NUMBER, Sessions, address_of, secret_of

PLAIN_SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.bench.ingest.plain.settings"}
FEWEST_GATEWAYS = 20
PER_GATEWAY = 1000
# The kind whose accounts make up the size, and the others, which have a few each.
KIND = "webjs"
PURPOSES: Mapping[str, GatewaySecret.Purpose] = {
    KIND: GatewaySecret.Purpose.HMAC,
    "wwebjs_api": GatewaySecret.Purpose.API_KEY,
    "waha": GatewaySecret.Purpose.HMAC,
    "evolution": GatewaySecret.Purpose.API_KEY,
    "wppconnect": GatewaySecret.Purpose.PATH,
    "standard": GatewaySecret.Purpose.HMAC,
}
OTHERS_GATEWAYS = 10
OTHERS_PER_GATEWAY = 20

_EMPTY = "TRUNCATE accounts_workspace, accounts_gateway, plain_account, plain_event CASCADE"
_ROWS = """
INSERT INTO whatsapp_accounts
       (uuid, workspace_id, gateway_id, phone_number, session_id, wanted, status, status_reason,
        status_raw, scanned_number, status_since, last_known_status, observed_at, read_at,
        connected_at, last_connected_at, proof, probe_answer, probe_failures, strikes,
        next_step_code, next_step_arguments)
SELECT gen_random_uuid(), %(workspace)s, gateway.id, (%(number)s + session)::text,
       %(kind)s || '-' || session, 'running', 'connected', '', '', '', now() - interval '1 h', '',
       now(), now(), now() - interval '1 h', now() - interval '1 h', '', '', 0, 0, '', '{}'
  FROM generate_series(0, %(accounts)s - 1) session
  JOIN accounts_gateway gateway ON gateway.name = %(kind)s || (session / %(each)s)
"""
_PLAIN_ROWS = """
INSERT INTO plain_account (session_id, workspace_id, phone_number, status, reason, updated_at)
SELECT 'bench-' || session, 1, '', 'connected', '', now()
  FROM generate_series(0, %(accounts)s - 1) session
"""
_COUNTS = "SELECT (SELECT count(*) FROM {}), (SELECT count(*) FROM {})"
_TRANSACTIONS = """
SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()
"""


def migrate_plain() -> None:
    """Make the plain application's tables, beside Rollcall's."""
    command = [sys.executable, "-m", "django", "migrate", "--run-syncdb", "--verbosity", "0"]
    subprocess.run(command, env={**os.environ, **PLAIN_SETTINGS}, check=True)


def build(accounts: int) -> None:
    workspace_id = _emptied()
    for kind in PURPOSES:
        sessions = sessions_of(kind, accounts)
        _add_gateways(kind, sessions.number // sessions.each)
        values = {"kind": kind, "accounts": sessions.number, "each": sessions.each}
        first = FIRST_NUMBER + list(PURPOSES).index(kind) * 10_000_000
        _execute(_ROWS, {**values, "workspace": workspace_id, "number": first})
    _execute(_PLAIN_ROWS, {"accounts": accounts})
    tidy()


def sessions_of(kind: str, accounts: int) -> Sessions:
    if kind != KIND:
        return Sessions(kind, OTHERS_GATEWAYS * OTHERS_PER_GATEWAY, OTHERS_PER_GATEWAY, {})
    return Sessions(kind, accounts, min(PER_GATEWAY, accounts // FEWEST_GATEWAYS), {})


def tidy() -> None:
    """Do what the last round has left for later."""
    _execute("VACUUM (ANALYZE)")
    _execute("CHECKPOINT")
    client().flushdb()


def rollcall_rows() -> tuple[int, int]:
    """Count deliveries and transitions."""
    return _counted("webhook_deliveries", "account_transitions")


def plain_rows() -> tuple[int, int]:
    return _counted("plain_event", "plain_transition")


def transactions() -> int:
    """Count transactions so far, as PostgreSQL does: an idle connection reports its own within 10
    s."""
    with connection.cursor() as cursor:
        cursor.execute(_TRANSACTIONS)
        [number] = cursor.fetchone()
    return int(number)


def version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        [number] = cursor.fetchone()
    return f"PostgreSQL {number}"


def _emptied() -> int:
    _execute(_EMPTY)
    return Workspace.objects.create(name="Bench").pk


def _add_gateways(kind: str, number: int) -> None:
    gateways = Gateway.objects.bulk_create(
        Gateway(name=f"{kind}{place}", kind=kind, base_url=address_of(kind, place))
        for place in range(number)
    )
    secrets = []
    for place, gateway in enumerate(gateways):
        secret = GatewaySecret(gateway=gateway, purpose=PURPOSES[kind])
        secret.secret = secret_of(kind, place)
        secrets.append(secret)
    GatewaySecret.objects.bulk_create(secrets)


def _execute(statement: str, values: Mapping[str, object] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _counted(first: str, second: str) -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS.format(first, second))
        row = cursor.fetchone()
    return int(row[0]), int(row[1])
