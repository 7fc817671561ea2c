"""Reading a batch's rows under lock, and writing what was decided. SQL in a fixed number of
statements, however many observations there are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from django.db import connection
from django.db.models import Q

from accounts.book import Book, Superseded
from accounts.decision import Known
from accounts.models import Account, Gateway, SupersededSession
from accounts.observations import Observation
from accounts.status import Status, Wanted

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
SELECT DISTINCT gateway_id, workspace_id FROM whatsapp_accounts
 WHERE gateway_id = ANY(%s) AND workspace_id = ANY(%s)
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


def find(seen: Sequence[Observation]) -> set[int]:
    """The accounts that these observations may touch: by session, past session and number."""
    with connection.cursor() as cursor:
        cursor.execute(
            _FIND,
            {
                "gateways": [one.gateway_id for one in seen],
                "sessions": [one.session_id for one in seen],
                "numbers": [one.phone_number for one in seen if one.phone_number],
            },
        )
        return {row[0] for row in cursor.fetchall()}


def lock(account_ids: Iterable[int]) -> list[Known]:
    """The rows as values, locked in id order. Others may go on pointing at them (a delivery, a
    finding); that needs only their keys."""
    accounts = list(
        Account.objects.filter(id__in=sorted(account_ids))
        .order_by("id")
        .select_for_update(no_key=True)
    )
    # Asked after the wait. A join would show the gateways as they were before it, and lose an
    # account that moved to another one meanwhile.
    ids = {account.gateway_id for account in accounts}
    gateways = Gateway.objects.only("kind", "listed_at").in_bulk(ids)
    for account in accounts:
        account.gateway = gateways[account.gateway_id]
    return [_known(account) for account in accounts]


def _known(row: Account) -> Known:
    proof = row.last_proof
    return Known(
        account_id=row.pk,
        workspace_id=row.workspace_id,
        gateway_id=row.gateway_id,
        session_id=row.session_id,
        phone_number=row.phone_number,
        wanted=Wanted(row.wanted),
        status=Status(row.status),
        reason=row.status_reason,
        raw=row.status_raw,
        since=row.status_since,
        last_known=row.last_known_status,
        observed_at=row.observed_at,
        webhook_at=row.webhook_at,
        read_at=row.read_at,
        unshown_since=row.unshown_since,
        listed_at=row.gateway.listed_at,
        connected_at=row.connected_at,
        last_connected_at=row.last_connected_at,
        lost_at=row.lost_at,
        proven_at=row.proven_at,
        last_proof_at=proof.at if proof and proof.holds else None,
        disproved_at=row.disproved_at,
        probe_failures=row.probe_failures,
        probe_failing_since=row.probe_failing_since,
        qr_seen_at=row.qr_seen_at,
        merged_into=row.merged_into_id,
        archived_at=row.archived_at,
    )


def superseded(seen: Sequence[Observation], account_ids: Iterable[int]) -> list[Superseded]:
    """Past sessions that are spoken of, and those of the accounts that may still come back;
    oldest first."""
    entries = SupersededSession.objects.filter(
        Q(session_id__in={one.session_id for one in seen}) | Q(confirmed_at__isnull=True),
        account_id__in=list(account_ids),
    ).order_by("superseded_at", "id")
    return [
        Superseded(
            session=(entry.gateway_id, entry.session_id),
            account_id=entry.account_id,
            confirmed=entry.confirmed_at is not None,
        )
        for entry in entries
    ]


def serves(seen: Sequence[Observation], rows: Iterable[Known]) -> set[tuple[int, int]]:
    """Which of these gateways have accounts of which of these workspaces."""
    with connection.cursor() as cursor:
        gateways = {one.gateway_id for one in seen}
        cursor.execute(_SERVES, [list(gateways), list({row.workspace_id for row in rows})])
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
    SupersededSession.objects.bulk_create(
        [
            SupersededSession(
                gateway_id=entry.session[0],
                session_id=entry.session[1],
                account_id=entry.account_id,
                superseded_at=book.now,
                confirmed_at=book.now if entry.confirmed else None,
            )
            for entry in changed
        ],
        update_conflicts=True,
        unique_fields=["gateway", "session_id"],
        update_fields=["account", "confirmed_at"],
    )
    if book.merged:
        with connection.cursor() as cursor:
            cursor.execute(_FOLLOW_MERGE, [list(book.merged), list(book.merged.values())])
