"""Record after a roll call what can be seen of the gateway, and open or close its incidents."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.conf import settings

from accounts.incidents.incidents import close_incident, open_incident
from accounts.models import Account, Gateway, Incident
from accounts.state import probes, visibility
from accounts.store.enqueue import enqueue_task
from accounts.words.status import Status
from gateways.base import CannotBeRead, GatewayError, Reason
from reconciliation.rollcall import self_check
from reconciliation.rollcall.values import Comparison

NUMBERS_ASKED_AT_ONCE = 5


def note_blind(
    gateway: Gateway,
    error: GatewayError,
    *,
    started: datetime,
    maintained: bool = False,
    resumed_at: datetime | None = None,
) -> None:
    """Record a failed read, and open UNREACHABLE after 45 s without one that succeeds.

    Not for push-only kinds, where nothing is broken. Not under maintenance, after which
    (`resumed_at`) this time starts again. Not while no gateway at all can be read.
    """
    why = str(error)
    since = visibility.note_blind(gateway.pk, why, started=started)
    if maintained or isinstance(error, CannotBeRead) or self_check.look_at_ourselves():
        return
    since = max(since, resumed_at or since, self_check.last_over() or since)
    if (started - since).total_seconds() >= settings.LIVE_WORD_EXPIRES_AFTER_SECONDS:
        open_incident(Incident.Kind.UNREACHABLE, gateway_id=gateway.pk, text=why)


def note_seen(
    gateway: Gateway,
    comparison: Comparison,
    *,
    started: datetime,
    is_complete: bool,
    claims: Collection[int],
    is_open: Mapping[str, datetime],
    maintained: bool = False,
) -> None:
    """Record a successful read. Under maintenance a mass loss is neither found nor over: that is
    judged afterwards.

    `claims`: see accounts.state.visibility.note_listing. `is_open`: the open incidents of the
    gateway and of Rollcall itself when its rows were read, by kind, since when. The next roll call
    sees what was opened later.
    """
    if Incident.Kind.SELF_CHECK in is_open:
        self_check.see_again()
    if Incident.Kind.UNREACHABLE in is_open:
        close_incident(Incident.Kind.UNREACHABLE, gateway_id=gateway.pk)
    if not maintained:
        probes.note_unanswered(gateway.pk, comparison.unanswered, started)
    if not is_complete:
        visibility.note_sight(gateway.pk, started=started)
        return
    visibility.note_listing(
        gateway.pk,
        started=started,
        unshown=comparison.unshown,
        shown_again=comparison.shown_again,
        claims=claims,
    )
    if maintained:
        return
    if lost := len(comparison.held_back):
        text = f"{lost} accounts vanished from its list at once; they are unknown until confirmed"
        open_incident(Incident.Kind.MASS_LOSS, gateway_id=gateway.pk, text=text)
    elif Incident.Kind.MASS_LOSS in is_open:
        lost = _lost_since(gateway, is_open[Incident.Kind.MASS_LOSS])
        text = "all came back; no session was lost"
        if lost:
            text = f"its lists agreed for 60 s: {lost} accounts are disconnected"
        close_incident(Incident.Kind.MASS_LOSS, gateway_id=gateway.pk, text=text)


def ask_for_numbers(gateway_id: int, sessions: Sequence[str]) -> None:
    """Request reads of sessions whose list names no number. A few each time, in random order: some
    may run by a LID, which a read does not change."""
    for session_id in random.sample(sessions, min(len(sessions), NUMBERS_ASKED_AT_ONCE)):
        enqueue_task("accounts.tasks.confirm_session", gateway_id, session_id)


def _lost_since(gateway: Gateway, moment: datetime) -> int:
    """Return how many were lost since, with those that earlier roll calls have read."""
    gone = {"status": Status.DISCONNECTED, "status_reason": Reason.MISSING}
    return Account.objects.filter(gateway=gateway, status_since__gte=moment, **gone).count()
