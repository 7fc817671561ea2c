"""Reading a batch's rows under lock, and writing what was decided. SQL in a fixed number of
statements, however many observations there are."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q

from accounts.book import Book, Superseded
from accounts.decision import Known
from accounts.models import SupersededSession
from accounts.observations import Observation
from accounts.proof import last_proof
from accounts.status import Status, Wanted
from gateways.registry import capabilities_of

_FIND = """
SELECT account.id FROM whatsapp_accounts account
  JOIN unnest(%(gateways)s::bigint[], %(sessions)s::text[]) seen(gateway_id, session_id)
    USING (gateway_id, session_id)
UNION
SELECT past.account_id FROM accounts_supersededsession past
  JOIN unnest(%(gateways)s::bigint[], %(sessions)s::text[]) seen(gateway_id, session_id)
    USING (gateway_id, session_id)
UNION
SELECT account.id FROM whatsapp_accounts account WHERE account.phone_number = ANY(%(numbers)s)
"""

_SERVES = """
SELECT gateway_id, workspace_id
  FROM unnest(%s::bigint[]) gateway_id, unnest(%s::bigint[]) workspace_id
 WHERE EXISTS (SELECT FROM whatsapp_accounts account
                WHERE account.gateway_id = gateway_id.gateway_id
                  AND account.workspace_id = workspace_id.workspace_id)
"""

_SUPERSEDED = """
SELECT gateway_id, session_id, account_id, confirmed_at IS NOT NULL
  FROM accounts_supersededsession
 WHERE account_id = ANY(%s) AND (confirmed_at IS NULL OR session_id = ANY(%s))
 ORDER BY superseded_at, id
"""

_FOLLOW_MERGE = """
UPDATE accounts_supersededsession past SET account_id = merge.holder
  FROM unnest(%s::bigint[], %s::bigint[]) merge(fresh, holder)
 WHERE past.account_id = merge.fresh
"""

# Field of Known → column and its type, for those that a decision may change.
_COLUMNS = {
    "gateway_id": ("gateway_id", "bigint"),
    "session_id": ("session_id", "text"),
    "phone_number": ("phone_number", "text"),
    "wanted": ("wanted", "text"),
    "status": ("status", "text"),
    "reason": ("status_reason", "text"),
    "raw": ("status_raw", "text"),
    "since": ("status_since", "timestamptz"),
    "last_known": ("last_known_status", "text"),
    "observed_at": ("observed_at", "timestamptz"),
    "webhook_at": ("webhook_at", "timestamptz"),
    "read_at": ("read_at", "timestamptz"),
    "unshown_since": ("unshown_since", "timestamptz"),
    "connected_at": ("connected_at", "timestamptz"),
    "last_connected_at": ("last_connected_at", "timestamptz"),
    "lost_at": ("lost_at", "timestamptz"),
    "proven_at": ("proven_at", "timestamptz"),
    "disproved_at": ("disproved_at", "timestamptz"),
    "probe_failures": ("probe_failures", "smallint"),
    "probe_failing_since": ("probe_failing_since", "timestamptz"),
    "qr_seen_at": ("qr_seen_at", "timestamptz"),
    "merged_into": ("merged_into_id", "bigint"),
    "archived_at": ("archived_at", "timestamptz"),
}
_UPDATE = """
UPDATE whatsapp_accounts account SET {assignments}, updated_at = clock_timestamp()
  FROM jsonb_to_recordset(%s::jsonb) changed({definition})
 WHERE account.id = changed.id
""".format(
    assignments=", ".join(f"{column} = changed.{column}" for column, _ in _COLUMNS.values()),
    definition=", ".join(
        ["id bigint", *(f"{column} {kind}" for column, kind in _COLUMNS.values())]
    ),
)


# In id order, as everybody does who locks more than one. Others may go on pointing at them (a
# delivery, a finding); that needs only their keys.
_LOCK = f"""
WITH found AS MATERIALIZED ({_FIND}),
     held AS (SELECT id FROM found UNION SELECT unnest(%(others)s::bigint[]))
SELECT account.id IN (SELECT id FROM found), account.id, account.workspace_id,
       {", ".join(f"account.{column}" for column, _ in _COLUMNS.values())}
  FROM whatsapp_accounts account JOIN held ON held.id = account.id
 ORDER BY account.id
   FOR NO KEY UPDATE OF account
"""
_LOCKED = ("account_id", "workspace_id", *_COLUMNS)
_GATEWAYS = "SELECT id, kind, listed_at FROM accounts_gateway WHERE id = ANY(%s)"

_TRANSITIONS = {
    "account_id": "bigint",
    "from_status": "text",
    "to_status": "text",
    "reason": "text",
    "raw": "text",
    "source": "text",
    "actor": "text",
    "session_id": "text",
    "evidence": "text",
    "observed_at": "timestamptz",
    "created_at": "timestamptz",
}
_INSERT_TRANSITIONS = """
INSERT INTO account_transitions ({columns})
SELECT {columns} FROM jsonb_to_recordset(%s::jsonb) moved({definition})
""".format(
    columns=", ".join(_TRANSITIONS),
    definition=", ".join(f"{column} {kind}" for column, kind in _TRANSITIONS.items()),
)


def find(seen: Sequence[Observation]) -> set[int]:
    """The accounts that these observations may touch: by session, past session and number."""
    with connection.cursor() as cursor:
        cursor.execute(_FIND, _named(seen))
        return {row[0] for row in cursor.fetchall()}


def lock(seen: Sequence[Observation], others: Collection[int] = ()) -> list[Known]:
    """The rows that `find` finds, as values, locked. `others` are locked with them, all at once,
    for who writes those next in the same transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, _named(seen) | {"others": list(others)})
        locked = [row for is_found, *row in cursor.fetchall() if is_found]
        # Asked after the wait. A join would show the gateways as they were before it, and lose an
        # account that moved to another one meanwhile.
        position = _LOCKED.index("gateway_id")
        cursor.execute(_GATEWAYS, [list({row[position] for row in locked})])
        gateways = {pk: (kind, listed_at) for pk, kind, listed_at in cursor.fetchall()}
    return [_known(dict(zip(_LOCKED, row, strict=True)), gateways) for row in locked]


def _named(seen: Sequence[Observation]) -> dict[str, Any]:
    return {
        "gateways": [one.gateway_id for one in seen],
        "sessions": [one.session_id for one in seen],
        "numbers": [one.phone_number for one in seen if one.phone_number],
    }


def _known(row: dict[str, Any], gateways: Mapping[int, tuple[str, datetime | None]]) -> Known:
    kind, listed_at = gateways[row["gateway_id"]]
    proof = last_proof(
        kind=kind,
        status=row["status"],
        since=row["since"],
        lost_at=row["lost_at"],
        proven_at=row["proven_at"],
        by="",
        read_at=row["read_at"],
        listed_at=listed_at,
        unshown_since=row["unshown_since"],
    )
    row["wanted"], row["status"] = Wanted(row["wanted"]), Status(row["status"])
    last_proof_at = proof.at if proof and proof.holds else None
    return Known(
        **row,
        listed_at=listed_at,
        lists_qr_early=capabilities_of(kind).lists_qr_early,
        last_proof_at=last_proof_at,
    )


def superseded(seen: Sequence[Observation], account_ids: Iterable[int]) -> list[Superseded]:
    """Past sessions that are spoken of, and those of the accounts that may still come back;
    oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_SUPERSEDED, [list(account_ids), [one.session_id for one in seen]])
        return [
            Superseded(session=(gateway, session), account_id=account, confirmed=confirmed)
            for gateway, session, account, confirmed in cursor.fetchall()
        ]


def serves(seen: Sequence[Observation], rows: Iterable[Known]) -> set[tuple[int, int]]:
    """Which of these gateways have accounts of which of these workspaces. Only who names a number
    can claim an account by it, so that else nobody needs to know."""
    gateways = {one.gateway_id for one in seen if one.phone_number}
    workspaces = {row.workspace_id for row in rows}
    if not (gateways and workspaces):
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_SERVES, [list(gateways), list(workspaces)])
        return set(cursor.fetchall())


def save_accounts(book: Book) -> None:
    """Write the rows that changed, all in one statement: a session may pass from row to row."""
    changed = [row for row in book.rows.values() if row != book.before[row.account_id]]
    if changed:
        with connection.cursor() as cursor:
            cursor.execute(_UPDATE, [json.dumps([_record(row) for row in changed], default=str)])


def _record(row: Known) -> dict[str, object]:
    record: dict[str, object] = {
        column: getattr(row, name) for name, (column, _) in _COLUMNS.items()
    }
    return record | {"id": row.account_id}


def save_transitions(moved: Sequence[Mapping[str, object]]) -> None:
    """In their order, each with every column but its id."""
    if moved:
        with connection.cursor() as cursor:
            cursor.execute(_INSERT_TRANSITIONS, [json.dumps(moved, default=str)])


def save_superseded(book: Book) -> None:
    gone = book.superseded_before.keys() - book.superseded.keys()
    if gone:
        pairs = Q(
            *(Q(gateway_id=gateway, session_id=sid) for gateway, sid in gone), _connector="OR"
        )
        SupersededSession.objects.filter(pairs).delete()
    changed = [
        entry
        for session, entry in book.superseded.items()
        if entry != book.superseded_before.get(session)
    ]
    if changed:
        _keep_superseded(changed, book.now)
    if book.merged:
        with connection.cursor() as cursor:
            cursor.execute(_FOLLOW_MERGE, [list(book.merged), list(book.merged.values())])


def _keep_superseded(entries: Sequence[Superseded], now: datetime) -> None:
    SupersededSession.objects.bulk_create(
        [
            SupersededSession(
                gateway_id=entry.session[0],
                session_id=entry.session[1],
                account_id=entry.account_id,
                superseded_at=now,
                confirmed_at=now if entry.confirmed else None,
            )
            for entry in entries
        ],
        update_conflicts=True,
        unique_fields=["gateway", "session_id"],
        update_fields=["account", "confirmed_at"],
    )
