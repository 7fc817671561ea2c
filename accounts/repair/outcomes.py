"""Outcome of a requested start, from a read of the session. Pure: values in, values out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.models import Repair
from accounts.state.observations import Observation, Outcome
from accounts.words.reasons import meaning
from accounts.words.status import Status

State = Repair.State

# Allowed difference between a gateway's clock and ours.
CLOCKS_DIFFER = timedelta(seconds=5)
COMES_UP = frozenset({Status.CONNECTED, Status.CONNECTING})
_ENDS_HERE = frozenset({Status.LOGGED_OUT, Status.BLOCKED})
# Statuses from which Rollcall starts a session by itself.
_TO_BE_STARTED = frozenset({Status.DISCONNECTED, Status.UNRESPONSIVE, Status.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFacts:
    """Facts beside the read.

    `unanswered`: why the request got no answer, "" if it was answered. `believed`: the account is
    not disproved by a probe. `is_over`: the requested start can no longer happen.
    """

    started_at: datetime | None
    qr_seen_at: datetime | None
    unanswered: str
    believed: bool
    is_over: bool


@dataclass(frozen=True, slots=True)
class StartOutcome:
    state: Repair.State
    text: str


def judge(seen: Observation | None, known: StartFacts) -> StartOutcome | None:
    """Return the outcome; None: read again. `seen` None: the gateway could not be read, or did not
    show the session yet."""
    if seen is None:
        return _in_the_end(known, "its gateway could not be read, or does not show it")
    if seen.status in COMES_UP:
        if _is_an_old_word(seen, known):
            return _in_the_end(known, "the gateway says connected, as it did before")
        return StartOutcome(State.SUCCEEDED, f"a read shows it {seen.status.label}")
    if seen.status in _ENDS_HERE:
        return StartOutcome(State.FAILED, f"a read shows it {_in_words(seen)}")
    if seen.status is Status.QR_SCANNING:
        shown = known.started_at and known.qr_seen_at and known.qr_seen_at >= known.started_at
        asks = "it asks for a scan of its QR code"
        return StartOutcome(State.FAILED, asks) if shown else _in_the_end(known, asks)
    return _in_the_end(known, f"a read shows it {_in_words(seen)}")


def came_back(outcome: Outcome | None, *, by_itself: bool) -> str:
    """Return why a start is not needed after a read; "" if it is needed."""
    if outcome is None or outcome.now is None:
        return ""
    if outcome.now in COMES_UP:
        return f"nothing was started: a read shows it {outcome.now.label}"
    if by_itself and outcome.now not in _TO_BE_STARTED:
        return f"nothing was started: it is {outcome.now.label}"
    return ""


def _in_the_end(known: StartFacts, text: str) -> StartOutcome | None:
    """Return a failure, but only once the start can no longer happen."""
    if not known.is_over:
        return None
    return StartOutcome(State.FAILED, f"{known.unanswered}; {text}" if known.unanswered else text)


def _is_an_old_word(seen: Observation, known: StartFacts) -> bool:
    """Return True if the request got no answer and the session has been connected since before it.

    A gateway may report "connected" long after the session's browser is gone.
    """
    if not known.unanswered:
        return False
    if not known.believed:
        return True
    if seen.connected_at is None or known.started_at is None:
        return False
    return seen.connected_at < known.started_at - CLOCKS_DIFFER


def _in_words(seen: Observation) -> str:
    if seen.status is None:
        return f"in a state that nobody knows ({seen.raw})"
    return f"{seen.status.label}: {meaning(seen.reason).text}"
