"""Meaning of one probe of a live client for its account. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.state.probes import FAILURES
from accounts.words.status import LIVE, Status
from gateways.base import Probe, Pulse, Reason, State

FAILING_FOR = timedelta(seconds=30)
# An answer is news only for these; the other statuses say why the session is gone.
_MOVABLE = LIVE | {Status.UNKNOWN, Status.DISCONNECTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """The account before the answer.

    `spoke_at`: when its live client last gave a sign of life, by any source. `is_disproved`: its
    "connected" is known to be wrong.
    """

    status: Status
    reason: str
    is_disproved: bool = False
    failures: int = 0
    failing_since: datetime | None = None
    spoke_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeVerdict:
    """Result of a probe. `status` None: nothing is to be observed. `is_proof`: the live client
    answered."""

    failures: int = 0
    failing_since: datetime | None = None
    status: Status | None = None
    reason: Reason = Reason.NONE
    is_proof: bool = False


def judge(before: Suspicion, probe: Probe, *, asked_at: datetime, now: datetime) -> ProbeVerdict:
    """Judge the answer. `asked_at`: the moment before the probe; `now`: after its answer."""
    if probe.pulse is Pulse.GONE:
        return _said(before, Status.DISCONNECTED, probe.reason or Reason.BROWSER_GONE)
    if probe.pulse is Pulse.NO_ANSWER:
        return _unanswered(before, probe, asked_at, now)
    state = probe.session.state if probe.session else None
    if state not in (None, State.CONNECTED):
        assert probe.session is not None
        return _said(before, Status(state), probe.session.reason)
    if probe.pulse is Pulse.UNCLEAR:
        return ProbeVerdict()  # it answered, so it does not hang
    is_news = before.status is not Status.CONNECTED or before.is_disproved
    told = is_news and before.status in _MOVABLE | {Status.FAILED}
    return ProbeVerdict(status=Status.CONNECTED if told else None, is_proof=True)


def _said(before: Suspicion, status: Status, reason: Reason) -> ProbeVerdict:
    if before.status not in _MOVABLE or (before.status is status and before.reason == reason):
        return ProbeVerdict()
    return ProbeVerdict(status=status, reason=reason)


def _unanswered(before: Suspicion, probe: Probe, asked_at: datetime, now: datetime) -> ProbeVerdict:
    """Judge a missing answer. One alone counts as nothing. Three in a row, over 30 s without any
    other sign of life, make the account unresponsive."""
    since = before.failing_since
    if since is None or (before.spoke_at is not None and before.spoke_at >= since):
        return ProbeVerdict(failures=1, failing_since=asked_at)
    failures = before.failures + 1
    reason = probe.reason or Reason.HUNG
    is_known = before.status is Status.UNRESPONSIVE and before.reason == reason
    is_sure = failures >= FAILURES and now - since >= FAILING_FOR
    if is_known or not is_sure or before.status not in _MOVABLE - {Status.DISCONNECTED}:
        return ProbeVerdict(failures=failures, failing_since=since)
    return ProbeVerdict(
        failures=failures, failing_since=since, status=Status.UNRESPONSIVE, reason=reason
    )
