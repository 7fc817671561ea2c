"""Decide what one observation means for one account. Pure: values in, values out, the clock passed
in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from accounts.state.leftover_words import is_stuck, shows_code, status_after_scan
from accounts.state.observations import Observation, Verdict
from accounts.words.phone_numbers import is_other_number, same_number
from accounts.words.reason_weights import CAUSE, tells_less, weight
from accounts.words.reasons import meaning
from accounts.words.status import LIVE, LOST, STICKY, Source, Status, Wanted, is_fresh
from gateways.base import Reason, Restriction
from gateways.phone_numbers import looks_like_lid

# The raw status of a wrong number; the number follows.
SCANNED = "scanned "
# What a probe of the live client may find behind a "connected". Then the statuses that no account
# keeps while the same "connected" is still claimed.
_FOUND_OUT = frozenset({Status.DISCONNECTED, Status.UNRESPONSIVE})
UNLIKE_DISPROVED = LIVE - {Status.UNRESPONSIVE} | {Status.UNKNOWN}
# A roll call takes at most this long from its start to the row.
ON_ITS_WAY = timedelta(seconds=15)
# No start takes longer: a session still listed as waiting for a scan then shows a code.
STARTS_WITHIN = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The fields of a row that a decision needs.

    `listed_at`: the watermark of its gateway. `lists_qr_early`, `says_connecting_with_qr`: see the
    capabilities of its kind. `booted_at`: of its gateway. `event_at`: the own time of the newest
    event that told a state of this session.
    `last_proof_at`: the last proof of this connection, by the rule of accounts.models.proof.
    """

    account_id: int
    workspace_id: int
    gateway_id: int
    session_id: str | None
    phone_number: str | None
    wanted: Wanted
    status: Status
    reason: str
    raw: str
    scanned_number: str
    since: datetime
    last_known: str
    observed_at: datetime | None
    webhook_at: datetime | None
    read_at: datetime | None
    unshown_since: datetime | None
    listed_at: datetime | None
    event_at: datetime | None = None
    restricted_for: str = ""
    restricted_until: datetime | None = None
    booted_at: datetime | None = None
    lists_qr_early: bool
    says_connecting_with_qr: bool = False
    connected_at: datetime | None
    last_connected_at: datetime | None
    lost_at: datetime | None
    proven_at: datetime | None
    last_proof_at: datetime | None
    disproved_at: datetime | None
    probe_failures: int
    probe_failing_since: datetime | None
    qr_seen_at: datetime | None
    merged_into: int | None
    archived_at: datetime | None

    @property
    def session(self) -> tuple[int, str] | None:
        return (self.gateway_id, self.session_id) if self.session_id is not None else None

    @property
    def fresh_at(self) -> datetime:
        """The moment at which the status was last positively known: see Account.fresh_at, the same
        rule."""
        listed = self.listed_at if self.unshown_since is None else None
        return max(moment for moment in (self.since, self.read_at, listed) if moment)


def judge(
    known: Known, seen: Observation, *, now: datetime, expires_after: timedelta
) -> tuple[Verdict, Known]:
    """Apply `seen`, an observation of this account's current session, to `known`."""
    if seen.status is Status.UNKNOWN:
        return _lose_sight(known, seen, now=now, expires_after=expires_after)
    if is_older(known, seen, now=now) or is_late_event(known, seen):
        return Verdict.OLDER, known
    status, reason, raw = conclude(known, seen, expires_after=expires_after)
    changed = status is not known.status
    after = replace(
        _refreshed(known, seen, now=now, status=status),
        status=status,
        reason=reason,
        raw=raw,
        scanned_number=_scanned(known, seen, reason),
        since=min(seen.observed_at, now) if changed else known.since,
        last_known="" if changed else known.last_known,
    )
    return (Verdict.APPLIED if changed else Verdict.REFRESHED), after


def _scanned(known: Known, seen: Observation, reason: str) -> str:
    """Return the number that was scanned in place of the account's own; "" if none was."""
    if reason != Reason.WRONG_NUMBER:
        return ""
    is_told = seen.phone_number is not None and is_other_number(
        seen.phone_number, known.phone_number
    )
    return str(seen.phone_number) if is_told else known.scanned_number


def is_older(known: Known, seen: Observation, *, now: datetime) -> bool:
    """Return True if `seen` is older than the row: newer wins, equal is applied.

    A row from the future (a clock stepped back) counts as now. An observation may then be up to
    ON_ITS_WAY old, the time it takes from the start of a roll call to the row.
    """
    if known.observed_at is None:
        return False
    if known.observed_at > now:
        return seen.observed_at < now - ON_ITS_WAY
    return seen.observed_at < known.observed_at


def is_late_event(known: Known, seen: Observation) -> bool:
    """Return True if an event of this session that happened later has told its state already: a
    retry arrives late, and looks fresh.

    Only events of one session are compared, and only within one boot of their gateway.
    """
    if seen.event_at is None or known.event_at is None or seen.status is None:
        return False
    has_booted = known.booted_at is not None and known.event_at < known.booted_at
    return not has_booted and seen.event_at < known.event_at


def conclude(
    known: Known, seen: Observation, *, expires_after: timedelta
) -> tuple[Status, str, str]:
    """Return the status, reason and raw status that follow, before freshness."""
    unchanged = (known.status, known.reason, known.raw)
    if seen.status is None:
        return unchanged
    if is_doubted(known, seen):
        return _as_disproved(known, seen)
    if is_leftover(known, seen):
        return _as_told(known)
    if seen.status in (Status.CONNECTED, Status.UNRESPONSIVE):
        if is_other_number(known.phone_number, seen.phone_number):
            return Status.LOGGED_OUT, Reason.WRONG_NUMBER, f"{SCANNED}{seen.phone_number}"
        is_unnamed = seen.phone_number is None
        if known.reason == Reason.WRONG_NUMBER and is_unnamed and not _was_misjudged(known):
            return unchanged
    if seen.status is Status.DISCONNECTED:
        if is_left_to_a_human(known, seen, expires_after):
            return _unscanned(known)
        return _gone(known, seen)
    if seen.status is Status.UNRESPONSIVE and known.reason == Reason.REPAIR_GAVE_UP:
        return unchanged  # it was already unresponsive when repair gave up
    if _is_told_already(known, seen):
        return unchanged
    reason = Reason.NONE if seen.status is Status.CONNECTED else seen.reason
    goes_on = seen.status is known.status and known.reason != Reason.PASSKEY_REQUIRED
    if goes_on and tells_less(reason, known.reason):
        return unchanged
    return seen.status, reason, seen.raw


def is_leftover(known: Known, seen: Observation) -> bool:
    """Return True if an event has told more than this read, which lags behind it."""
    if seen.may_be_over and seen.status is Status.QR_SCANNING:
        return status_after_scan(known) is not None
    if is_stuck(known.status, known.reason):
        return seen.is_read and seen.status is Status.CONNECTING
    is_late = known.says_connecting_with_qr and seen.is_read and seen.status is Status.CONNECTING
    return is_late and shows_code(known, seen.observed_at)


def _as_told(known: Known) -> tuple[Status, str, str]:
    """Return what the event told, if the row is blind for it now; else the row as it is."""
    if known.status is Status.UNKNOWN:
        return Status.CONNECTED, Reason.NONE, ""
    return known.status, known.reason, known.raw


def is_doubted(known: Known, seen: Observation) -> bool:
    """Return True if this "connected" may be the one that a probe disproved.

    A gateway still claims it after its browser was killed (observed on the Node service), and a
    late webhook looks like a new claim.
    """
    is_hearsay = seen.is_cached or seen.is_claim
    return is_hearsay and is_disproved(
        seen.status,
        connected_at=seen.connected_at,
        disproved_at=known.disproved_at,
        claimed_at=known.connected_at,
        proven_at=known.proven_at,
    )


def is_disproved(
    status: Status | None,
    *,
    connected_at: datetime | None,
    disproved_at: datetime | None,
    claimed_at: datetime | None,
    proven_at: datetime | None,
) -> bool:
    """Return True if this claim is the one that was disproved.

    It is not if the session has logged in again or the live client has sent something since.
    `claimed_at`: the login that was claimed when it was disproved, by the gateway's own clock,
    which may differ from ours.
    """
    if status is not Status.CONNECTED or disproved_at is None:
        return False
    logged_in_anew = connected_at is not None and connected_at > (claimed_at or disproved_at)
    has_spoken = proven_at is not None and proven_at > disproved_at
    return not (logged_in_anew or has_spoken)


def _as_disproved(known: Known, seen: Observation) -> tuple[Status, str, str]:
    """Return what a disproved claim leaves: the row as it is. If our own read shows no change
    since, return what the probe found."""
    if not (seen.is_read and known.status in UNLIKE_DISPROVED):
        return known.status, known.reason, known.raw
    if known.last_known == Status.UNRESPONSIVE:
        return Status.UNRESPONSIVE, Reason.HUNG, ""
    return Status.DISCONNECTED, Reason.BROWSER_GONE, ""


def _was_misjudged(known: Known) -> bool:
    """Return True if the "other" number is a LID, or its own number in another spelling."""
    scanned = known.scanned_number
    return looks_like_lid(scanned) or same_number(scanned, known.phone_number)


def number_counts(seen: Observation) -> bool:
    """Return True if the number identifies the session, which is only so once it is connected.
    Before that a gateway may still show the number of an earlier login (observed on the Node
    service after an unlink)."""
    return seen.phone_number is not None and (
        seen.status is Status.CONNECTED or seen.source is Source.REGISTRATION
    )


def _gone(known: Known, seen: Observation) -> tuple[Status, str, str]:
    unchanged = (known.status, known.reason, known.raw)
    if known.wanted is Wanted.STOPPED:
        return Status.STOPPED, Reason.AS_WANTED, seen.raw
    if known.status in STICKY and seen.source is not Source.OPERATOR:
        return unchanged
    if known.status is Status.PENDING and seen.reason is Reason.MISSING:
        return unchanged  # nobody has started it yet, so nothing is lost
    is_vaguer = seen.source is not Source.OPERATOR and tells_less(seen.reason, known.reason)
    if known.status is Status.DISCONNECTED and is_vaguer:
        return unchanged
    return Status.DISCONNECTED, seen.reason, seen.raw


def is_left_to_a_human(known: Known, seen: Observation, expires_after: timedelta) -> bool:
    """Return True if a session that waited for a scan is gone: a restart would only show the next
    code to nobody.

    False if it may only have been starting: the Node service lists that with the same status.
    """
    if known.wanted is Wanted.STOPPED or not _is_told_no_more(seen):
        return False
    if (known.status, known.reason) == (Status.DISCONNECTED, Reason.QR_EXPIRED):
        return True
    blind = known.status is Status.UNKNOWN
    if (known.last_known if blind else known.status) != Status.QR_SCANNING:
        return False
    began = known.lost_at or known.since
    seen_until = known.since - expires_after if blind else known.unshown_since or seen.observed_at
    return (
        not known.lists_qr_early
        or known.reason == Reason.UNLINKED
        or (known.qr_seen_at is not None and known.qr_seen_at >= began)
        or seen_until - began >= STARTS_WITHIN
    )


def _is_told_no_more(seen: Observation) -> bool:
    """Return True if neither an operator reported this nor the reason itself asks for a human."""
    return seen.source is not Source.OPERATOR and meaning(seen.reason).repairable


def _unscanned(known: Known) -> tuple[Status, str, str]:
    if known.reason == Reason.UNLINKED:
        return Status.LOGGED_OUT, Reason.UNLINKED, known.raw
    is_known = known.reason == Reason.QR_EXPIRED
    return Status.DISCONNECTED, Reason.QR_EXPIRED, known.raw if is_known else ""


def _is_told_already(known: Known, seen: Observation) -> bool:
    """Return True if the row says why the session is lost, and another word for the loss says
    less."""
    if known.status not in LOST or seen.source is Source.OPERATOR:
        return False
    if seen.status not in LOST | {Status.UNRESPONSIVE}:
        return False
    weight_known = weight(known.status, known.reason)
    return weight_known >= CAUSE and weight(seen.status, seen.reason) < weight_known


def _refreshed(known: Known, seen: Observation, *, now: datetime, status: Status) -> Known:
    """Return the row with the clocks and number of an accepted observation."""
    at = min(seen.observed_at, now)
    is_found_out = seen.source is Source.PROBE and seen.status in _FOUND_OUT
    is_vague = seen.may_be_over and is_leftover(known, seen)
    shows = seen.status is not None and seen.reason is not Reason.MISSING and not is_vague
    shown = seen.is_read and shows
    connected = status is Status.CONNECTED and seen.status is Status.CONNECTED
    since = (known.status is Status.CONNECTED and known.connected_at) or at
    came_back = connected and known.status is not Status.CONNECTED
    limit = seen.restriction or Restriction(code=known.restricted_for, until=known.restricted_until)
    return replace(
        known,
        restricted_for=limit.code,
        restricted_until=limit.until,
        # An observation without a status makes no other one older.
        observed_at=at if seen.status is not None else known.observed_at,
        webhook_at=at if seen.source is Source.WEBHOOK else known.webhook_at,
        event_at=seen.event_at if seen.event_at and seen.status else known.event_at,
        read_at=at if shown else known.read_at,
        unshown_since=None if shown and seen.source is Source.LIST else known.unshown_since,
        phone_number=known.phone_number or (seen.phone_number if number_counts(seen) else None),
        connected_at=seen.connected_at
        if is_found_out
        else (seen.connected_at or since)
        if connected
        else known.connected_at,
        last_connected_at=at if connected else known.last_connected_at,
        lost_at=at if status not in (known.status, Status.CONNECTED) else known.lost_at,
        disproved_at=at if is_found_out else _still_disproved(known, seen),
        probe_failures=0 if came_back else known.probe_failures,
        probe_failing_since=None if came_back else known.probe_failing_since,
        qr_seen_at=at
        if seen.status is Status.QR_SCANNING and seen.source is Source.WEBHOOK
        else known.qr_seen_at,
    )


def _still_disproved(known: Known, seen: Observation) -> datetime | None:
    """Return `disproved_at`. It clears when the claim is believed, or our own read shows another
    state: the next "connected" is then a new claim. No other report clears it."""
    if seen.status is None or is_doubted(known, seen):
        return known.disproved_at
    is_new_word = seen.is_read and seen.status is not Status.UNRESPONSIVE
    is_over = seen.status is Status.CONNECTED or is_new_word
    return None if is_over else known.disproved_at


def _lose_sight(
    known: Known, seen: Observation, *, now: datetime, expires_after: timedelta
) -> tuple[Verdict, Known]:
    """Apply `unknown`, which is not an observation of the session. It moves no clock, so that the
    next real read applies even if it began before this moment."""
    if seen.source is Source.SWEEP:
        is_stale = not is_fresh(known.fresh_at, seen.observed_at, lives=expires_after)
        expired = known.status in LIVE and is_stale
    else:
        expired = known.status in LIVE | {Status.UNKNOWN} and not is_older(known, seen, now=now)
    if not expired:
        return Verdict.STILL_FRESH, known
    changed = known.status is not Status.UNKNOWN
    after = replace(
        known,
        status=Status.UNKNOWN,
        reason=seen.reason,
        raw=seen.raw,
        since=min(seen.observed_at, now) if changed else known.since,
        last_known=known.status if changed else known.last_known,
    )
    return (Verdict.APPLIED if changed else Verdict.REFRESHED), after
