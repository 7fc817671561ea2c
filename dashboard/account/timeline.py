"""Everything that happened to an account in one order: what was said of it, what was decided, what
people did. Newest first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType

from accounts.models import Account, Repair, Transition
from accounts.words.reasons import meaning
from dashboard.wording.html import visible
from reconciliation.models import Finding
from webhooks.models import Delivery

PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """`rank` orders what happened at one moment: its cause comes before it."""

    at: datetime
    rank: int
    kind: str
    title: str
    detail: str = ""
    who: str = ""
    tone: str = ""
    account_id: int | None = None
    url_name: str = ""
    pk: int = 0


Reader = Callable[[Sequence[int], datetime | None, int], list[TimelineEntry]]


def family(account: Account) -> list[int]:
    """The account and every row that was merged into it, also by way of another."""
    ids = [account.pk]
    newest = ids
    while newest:
        newest = list(
            Account.objects.filter(merged_into__in=newest)
            .exclude(pk__in=ids)
            .values_list("pk", flat=True)
        )
        ids = ids + newest
    return ids


def timeline(
    account_ids: Sequence[int], *, before: datetime | None = None, size: int = PAGE
) -> tuple[list[TimelineEntry], datetime | None]:
    """Return entries older than `before`, and the `before` of the next page (None: the end).

    Entries of one moment stay on one page; a page that they would not fit on is larger."""
    found = [entry for read in READERS for entry in read(account_ids, before, size + 1)]
    found.sort(key=lambda entry: (entry.at, entry.rank), reverse=True)
    if len(found) <= size:
        return found, None
    edge = found[size].at
    page = list(takewhile(lambda entry: entry.at > edge, found))
    return (page, page[-1].at) if page else timeline(account_ids, before=before, size=2 * size)


def _transitions(ids: Sequence[int], before: datetime | None, limit: int) -> list[TimelineEntry]:
    rows = Transition.objects.filter(account_id__in=ids)
    if before:
        rows = rows.filter(created_at__lt=before)
    return [_transition(row) for row in rows.order_by("-created_at", "-pk")[:limit]]


def _transition(row: Transition) -> TimelineEntry:
    why = meaning(row.reason).text if row.reason else ""
    raw = f" ({visible(row.raw)})" if row.raw and row.raw != row.to_status else ""
    return TimelineEntry(
        at=row.created_at,
        rank=3,
        kind="status",
        title=row.change,
        detail=f"{why}{raw}".strip(),
        who=visible(" ".join(filter(None, (row.get_source_display(), row.actor, row.evidence)))),
        tone=row.to_status,
        account_id=row.account_id,
        url_name="admin:accounts_transition_change",
        pk=row.pk,
    )


def _deliveries(ids: Sequence[int], before: datetime | None, limit: int) -> list[TimelineEntry]:
    rows = Delivery.objects.filter(account_id__in=ids).defer("said")
    if before:
        rows = rows.filter(received_at__lt=before)
    return [
        TimelineEntry(
            at=row.received_at,
            rank=1,
            kind="webhook",
            title=visible(row.event),
            detail=visible(": ".join(filter(None, (row.get_state_display(), row.error)))),
            who=f"delivery {row.pk}",
            account_id=row.account_id,
            url_name="admin:webhooks_delivery_change",
            pk=row.pk,
        )
        for row in rows.order_by("-received_at", "-pk")[:limit]
    ]


def _findings(ids: Sequence[int], before: datetime | None, limit: int) -> list[TimelineEntry]:
    rows = Finding.objects.filter(account_id__in=ids)
    if before:
        rows = rows.filter(first_seen_at__lt=before)
    return [_finding(row) for row in rows.order_by("-first_seen_at", "-pk")[:limit]]


def _finding(row: Finding) -> TimelineEntry:
    moved = f"{row.was} → {row.now}" if row.was and row.now and row.was != row.now else ""
    held = "held" if row.held else ""
    ended = f"until {row.ended_at:%Y-%m-%d %H:%M:%S}" if row.ended_at else "still found"
    return TimelineEntry(
        at=row.first_seen_at,
        rank=2,
        kind="finding",
        title=f"{row.kind}: {row.get_kind_display()}",
        detail=visible(", ".join(filter(None, (moved, held, row.why, ended)))),
        who=f"run {row.run_id}" if row.run_id else "",
        account_id=row.account_id,
        url_name="admin:reconciliation_finding_change",
        pk=row.pk,
    )


_REPAIR_TONES = {
    Repair.State.SUCCEEDED: "connected",
    Repair.State.FAILED: "disconnected",
    Repair.State.CANCELLED: "stopped",
}


def _repairs(ids: Sequence[int], before: datetime | None, limit: int) -> list[TimelineEntry]:
    rows = Repair.objects.filter(account_id__in=ids)
    if before:
        rows = rows.filter(asked_at__lt=before)
    return [_repair(row) for row in rows.order_by("-asked_at", "-pk")[:limit]]


def _repair(row: Repair) -> TimelineEntry:
    """Describe a repair: who asked for it and why, what was asked of the gateway, the result."""
    state = Repair.State(row.state)
    why = row.why or (meaning(row.reason).text if row.reason else "")
    parts = (why, row.steps_taken, row.outcome, row.duration)
    return TimelineEntry(
        at=row.asked_at,
        rank=5,
        kind="repair",
        title=f"Start of its session: {state.label}",
        detail=visible(" · ".join(filter(None, parts))),
        who=visible(row.asker),
        tone=_REPAIR_TONES.get(state, "connecting"),
        account_id=row.account_id,
        url_name="admin:accounts_repair_change",
        pk=row.pk,
    )


def _acts(ids: Sequence[int], before: datetime | None, limit: int) -> list[TimelineEntry]:
    """Return the actions of people, as written down when they confirmed them."""
    rows = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Account),
        object_id__in=[str(pk) for pk in ids],
    ).select_related("user")
    if before:
        rows = rows.filter(action_time__lt=before)
    return [
        TimelineEntry(
            at=row.action_time,
            rank=4,
            kind="person",
            title=visible(row.get_change_message()),
            who=visible(row.user.get_username()),
            account_id=int(row.object_id or 0),
        )
        for row in rows.order_by("-action_time")[:limit]
    ]


READERS: tuple[Reader, ...] = (_transitions, _deliveries, _findings, _acts, _repairs)
