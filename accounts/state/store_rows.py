"""Read a batch's rows under lock, and write what was decided. The number of SQL statements does not
depend on the number of observations."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q

from accounts.models import SupersededSession
from accounts.models.proof import last_proof
from accounts.state import history
from accounts.state.decision import Known
from accounts.state.observations import Observation
from accounts.state.served import SERVED_SQL
from accounts.state.takeover import RowSet, Superseded
from accounts.store import clock
from accounts.store.database import ask
from accounts.words.phone_numbers import spellings
from accounts.words.status import Status, Wanted
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

_SUPERSEDED = """
SELECT gateway_id, session_id, account_id, confirmed_at IS NOT NULL
  FROM accounts_supersededsession
 WHERE account_id = ANY(%(accounts)s)
   AND (confirmed_at IS NULL OR session_id = ANY(%(sessions)s))
 ORDER BY superseded_at, id
"""

_FOLLOW_MERGE = """
UPDATE accounts_supersededsession past SET account_id = merge.holder
  FROM unnest(%s::bigint[], %s::bigint[]) merge(fresh, holder)
 WHERE past.account_id = merge.fresh
"""

# Field of Known → column and its type, for fields that a decision may change.
_COLUMNS = {
    "gateway_id": ("gateway_id", "bigint"),
    "session_id": ("session_id", "text"),
    "phone_number": ("phone_number", "text"),
    "wanted": ("wanted", "text"),
    "status": ("status", "text"),
    "reason": ("status_reason", "text"),
    "raw": ("status_raw", "text"),
    "scanned_number": ("scanned_number", "text"),
    "since": ("status_since", "timestamptz"),
    "last_known": ("last_known_status", "text"),
    "observed_at": ("observed_at", "timestamptz"),
    "webhook_at": ("webhook_at", "timestamptz"),
    "restricted_for": ("restricted_for", "text"),
    "restricted_until": ("restricted_until", "timestamptz"),
    "event_at": ("event_at", "timestamptz"),
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
# By id twice: how many records there are the planner cannot know, and reads the table for them.
_UPDATE = """
UPDATE whatsapp_accounts account SET {assignments}, updated_at = clock_timestamp()
  FROM jsonb_to_recordset(%(changed)s::jsonb) changed({definition})
 WHERE account.id = changed.id AND account.id = ANY(%(ids)s::bigint[])
""".format(
    assignments=", ".join(f"{column} = changed.{column}" for column, _ in _COLUMNS.values()),
    definition=", ".join(
        ["id bigint", *(f"{column} {kind}" for column, kind in _COLUMNS.values())]
    ),
)


# Every statement that locks several rows locks them in id order. Others may still point at these
# rows (a delivery, a finding); that needs only their keys.
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
_GATEWAYS = """
SELECT id, kind, listed_at, booted_at FROM accounts_gateway WHERE id = ANY(%(gateways_of)s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """State of the database once the rows are locked.

    `found`: accounts that the observations may touch now, by session, past session and number.
    `serves`: see accounts.state.served, for gateways that report a number, or a session of an
    account that is at another gateway. `now`: the database's clock.
    """

    found: set[int]
    known: list[Known]
    superseded: list[Superseded]
    serves: set[tuple[int, int]]
    now: datetime


def lock(seen: Sequence[Observation], others: Collection[int] = ()) -> list[dict[str, Any]]:
    """Lock and return the rows that these observations may touch. `others` are locked with them,
    all at once, for a caller that writes those next in the same transaction."""
    [rows] = ask(_LOCK, **_named(seen), others=list(others))
    return [dict(zip(_LOCKED, row, strict=True)) for is_found, *row in rows if is_found]


def look_around(seen: Sequence[Observation], locked: Sequence[dict[str, Any]]) -> Surroundings:
    """Read the rest after the wait for the rows. A join would show the gateways as they were before
    the wait, and lose an account that moved to another gateway meanwhile."""
    found, gateways, superseded, serves, [[now]] = ask(
        _FIND,
        _GATEWAYS,
        _SUPERSEDED,
        SERVED_SQL,
        clock.now_sql(),
        **_named(seen),
        accounts=[row["account_id"] for row in locked],
        gateways_of=list({row["gateway_id"] for row in locked}),
        speaking=_speaking(seen, {row["gateway_id"] for row in locked}),
        workspaces=list({row["workspace_id"] for row in locked}),
    )
    by_id = {pk: facts for pk, *facts in gateways}
    return Surroundings(
        found={account_id for (account_id,) in found},
        known=[_known(row, *by_id[row["gateway_id"]]) for row in locked],
        superseded=[
            Superseded(session=(gateway, session), account_id=account, confirmed=confirmed)
            for gateway, session, account, confirmed in superseded
        ],
        serves={(gateway, workspace) for gateway, workspace in serves},
        now=now,
    )


def _speaking(seen: Sequence[Observation], own: set[int]) -> list[int]:
    """Return the gateways whose word may be about accounts of others. `own`: those of the rows."""
    return list({one.gateway_id for one in seen if one.phone_number or own - {one.gateway_id}})


def _named(seen: Sequence[Observation]) -> dict[str, Any]:
    return {
        "gateways": [one.gateway_id for one in seen],
        "sessions": [one.session_id for one in seen],
        "numbers": [
            written for one in seen if one.phone_number for written in spellings(one.phone_number)
        ],
    }


def _known(
    row: dict[str, Any], kind: str, listed_at: datetime | None, booted_at: datetime | None
) -> Known:
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
    words = {"wanted": Wanted(row["wanted"]), "status": Status(row["status"])}
    last_proof_at = proof.at if proof and proof.holds else None
    can = capabilities_of(kind)
    return Known(
        **row | words,
        listed_at=listed_at,
        booted_at=booted_at,
        lists_qr_early=can.lists_qr_early,
        says_connecting_with_qr=can.says_connecting_with_qr,
        last_proof_at=last_proof_at,
    )


def save(row_set: RowSet, moved: Sequence[Mapping[str, object]]) -> None:
    """Write the changed rows in one statement, because a session may pass from row to row, and
    their transitions (every column but the id), in their order."""
    changed = [
        _record(row) for row in row_set.rows.values() if row != row_set.before[row.account_id]
    ]
    if not changed:
        return
    statements = [_UPDATE, history.INSERT_SQL] if moved else [_UPDATE]
    ask(
        *statements,
        ids=[record["id"] for record in changed],
        changed=json.dumps(changed, default=str),
        moved=json.dumps(moved, default=str),
        **history.VALUES,
    )


def _record(row: Known) -> dict[str, object]:
    record: dict[str, object] = {
        column: getattr(row, name) for name, (column, _) in _COLUMNS.items()
    }
    return record | {"id": row.account_id}


def save_superseded(row_set: RowSet) -> None:
    gone = row_set.superseded_before.keys() - row_set.superseded.keys()
    if gone:
        pairs = Q(
            *(Q(gateway_id=gateway, session_id=sid) for gateway, sid in gone), _connector="OR"
        )
        SupersededSession.objects.filter(pairs).delete()
    changed = [
        entry
        for session, entry in row_set.superseded.items()
        if entry != row_set.superseded_before.get(session)
    ]
    if changed:
        _keep_superseded(changed, row_set.now)
    if row_set.merged:
        with connection.cursor() as cursor:
            cursor.execute(_FOLLOW_MERGE, [list(row_set.merged), list(row_set.merged.values())])


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
