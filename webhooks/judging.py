"""What a route's figures mean: which incidents are to be open, and what to do about each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from accounts.explain import age
from accounts.models import Incident
from webhooks.right_paths import cure
from webhooks.tallies import percentile_ms

# An incident is not over before it has been quiet for so long.
QUIET = timedelta(seconds=60)
RECENTLY = timedelta(minutes=5)
FEWEST_FOR_A_RATE = 20
FEWEST_CHANGES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From the settings; docs/settings.md says what each is for."""

    failures_in_a_row: int
    success_percent: int
    silent_after_events: int
    slow_p95_ms: int
    unattributed_refusals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of the last five minutes, and of changes in the last ten."""

    received: int = 0
    succeeded: int = 0
    failed: int = 0
    refused: int = 0
    handling: Sequence[int] = ()
    changes: int = 0
    changes_missed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of one gateway's route. `open_since`: its open incidents.

    `wrong_path` is "" where there is none, or where the gateway is allowed to use it;
    `usual_per_hour` is what it sent in an average hour of the last day.
    """

    name: str
    right_url: str
    right_path: str
    now: datetime
    figures: Figures = Figures()
    last_success_at: datetime | None = None
    last_received_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_failure_code: str = ""
    last_failure_why: str = ""
    consecutive_failures: int = 0
    clock_skew_seconds: int | None = None
    wrong_path: str = ""
    wrong_path_since: datetime | None = None
    wrong_path_at: datetime | None = None
    misrouted: int = 0
    key_went_along: bool = False
    connected_accounts: int = 0
    usual_per_hour: float = 0.0
    open_since: Mapping[Incident.Kind, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """`is_open` False: the incident is over, if there is one. What is not judged stays as it is."""

    kind: Incident.Kind
    is_open: bool
    text: str = ""
    cure: str = ""
    count: int = 1


def judge(facts: Facts, limits: Limits) -> list[Judgement]:
    return [
        *_judge_failing(facts, limits),
        *_judge_misrouted(facts),
        *_judge_silent(facts, limits),
        *_judge_slow(facts, limits),
    ]


# --- failing ------------------------------------------------------------------------------------
def _judge_failing(facts: Facts, limits: Limits) -> Iterator[Judgement]:
    figures, kind = facts.figures, Incident.Kind.FAILING
    ended = figures.succeeded + figures.failed + figures.refused
    percent = 100 * figures.succeeded / ended if ended else 100.0
    in_a_row = facts.consecutive_failures >= limits.failures_in_a_row
    too_often = ended >= FEWEST_FOR_A_RATE and percent < limits.success_percent
    if in_a_row or (too_often and not _is_quiet(facts)):
        how = (
            f"{facts.consecutive_failures} webhooks in a row failed"
            if in_a_row
            else f"only {percent:.0f} % of {ended} webhooks in 5 min succeeded"
        )
        yield Judgement(
            kind=kind,
            is_open=True,
            text=f"{how}; the last one {_ago(facts.last_failure_at, facts)}: "
            f"{facts.last_failure_why or 'see the inbox'}",
            cure=_cure_of_failure(facts),
            count=max(1, facts.consecutive_failures, figures.failed + figures.refused),
        )
    elif facts.consecutive_failures == 0 and facts.last_success_at is not None:
        yield Judgement(kind=kind, is_open=False)


def _is_quiet(facts: Facts) -> bool:
    return facts.last_failure_at is None or facts.last_failure_at + QUIET <= facts.now


def _cure_of_failure(facts: Facts) -> str:
    skew = facts.clock_skew_seconds
    if facts.last_failure_code == "clock_skew" and skew is not None:
        way = "ahead" if skew > 0 else "behind"
        return f"Set the clock of {facts.name}'s machine: it is {abs(skew)} s {way}."
    return _CURES.get(facts.last_failure_code, "Read the failed deliveries in the inbox.").format(
        name=facts.name
    )


_SAME_SECRET = (
    "Give both sides the same secret: ./run manage gateway_add --name {name} --hmac-secret … (the "
    "old one stays valid until you end it), or set it in the gateway's configuration."
)
_CURES = {
    "wrong_signature": _SAME_SECRET,
    "unknown_key": "Give both sides the same key: ./run manage gateway_add --name {name} "
    "--api-key …, or set it in the gateway's configuration.",
    "no_credentials": "Its webhooks carry no credentials: set its secret, or send to its secret "
    "path (docs/connecting-a-gateway.md).",
    "malformed_timestamp": "Update the gateway: it does not sign as documented.",
    "malformed_signature": "Update the gateway: it does not sign as documented.",
    "unreadable": "Its words are not understood: check its kind, and the versions of both sides.",
    "compressed": "Something compresses its requests: switch that off at the gateway, or at the "
    "proxy between.",
    "unavailable": "Rollcall could not write them down: look at PostgreSQL.",
}


# --- misrouted ----------------------------------------------------------------------------------
def _judge_misrouted(facts: Facts) -> Iterator[Judgement]:
    kind, at = Incident.Kind.MISROUTED, facts.wrong_path_at
    if not facts.wrong_path or at is None:
        yield Judgement(kind=kind, is_open=False)
        return
    if at + RECENTLY > facts.now and not _came_right_since(facts, at):
        since = facts.wrong_path_since or at
        yield Judgement(
            kind=kind,
            is_open=True,
            text=f"{facts.name} sends to {facts.wrong_path}; the right URL is {facts.right_url}. "
            f"{facts.misrouted} events in {age(since, facts.now)}, none of them lost.",
            cure=cure(facts.right_path)
            + (" Its API key travelled along: rotate it." if facts.key_went_along else ""),
            count=max(1, facts.misrouted),
        )
    elif _came_right_since(facts, at):
        yield Judgement(kind=kind, is_open=False)


def _came_right_since(facts: Facts, at: datetime) -> bool:
    """Quiet on the wrong path for a while, and something has arrived since: on the right one."""
    success = facts.last_success_at
    return at + QUIET <= facts.now and success is not None and success > at


# --- silent -------------------------------------------------------------------------------------
def _judge_silent(facts: Facts, limits: Limits) -> Iterator[Judgement]:
    kind, figures = Incident.Kind.SILENT, facts.figures
    cure = (
        f"Check that {facts.name} sends to {facts.right_url} and can reach it: "
        f"./run manage webhook_check --gateway {facts.name}"
    )
    all_missed = figures.changes_missed == figures.changes >= FEWEST_CHANGES
    if all_missed:
        text = f"all of the last {figures.changes} changes were seen by the roll call first"
        yield Judgement(kind=kind, is_open=True, text=f"no webhook told us: {text}", cure=cure)
    elif missing := _missing_events(facts, limits):
        text = f"no webhook for {_ago(facts.last_received_at, facts, ago='')}, {missing}"
        yield Judgement(kind=kind, is_open=True, text=text, cure=cure)
    elif (since := facts.open_since.get(kind)) and _is_after(facts.last_success_at, since):
        yield Judgement(kind=kind, is_open=False)


def _missing_events(facts: Facts, limits: Limits) -> str:
    """Only while it has somebody to speak of, and by its own habit."""
    if not facts.connected_accounts or facts.last_received_at is None:
        return ""
    quiet_hours = (facts.now - facts.last_received_at).total_seconds() / 3600
    if facts.usual_per_hour * quiet_hours < limits.silent_after_events:
        return ""
    return (
        f"although it usually sends {facts.usual_per_hour:.0f} an hour (accounts connected there: "
        f"{facts.connected_accounts})"
    )


# --- slow ---------------------------------------------------------------------------------------
def _judge_slow(facts: Facts, limits: Limits) -> Iterator[Judgement]:
    kind, handling = Incident.Kind.SLOW, facts.figures.handling
    p95 = percentile_ms(handling, 95) if sum(handling) >= FEWEST_FOR_A_RATE else None
    if p95 is not None and p95 > limits.slow_p95_ms:
        yield Judgement(
            kind=kind,
            is_open=True,
            text=f"one webhook in twenty took longer than {limits.slow_p95_ms} ms (95 % within "
            f"{p95} ms, 50 % within {percentile_ms(handling, 50)} ms)",
            cure="Look at PostgreSQL and at the machine's load; the senders wait meanwhile.",
        )
    else:
        yield Judgement(kind=kind, is_open=False)


# --- nobody's -----------------------------------------------------------------------------------
def judge_unattributed(refused: int, limits: Limits) -> Judgement:
    """`refused` in the last five minutes, of which nobody knows whose they are: one incident at
    most, whoever sends them."""
    kind = Incident.Kind.UNATTRIBUTED
    if refused < limits.unattributed_refusals:
        return Judgement(kind=kind, is_open=False)
    return Judgement(
        kind=kind,
        is_open=True,
        text=f"{refused} webhooks of nobody we know were refused in 5 min",
        cure="Look at the refused requests: a gateway that is not registered, or one with a wrong "
        "secret behind an address that is not its registered one? Else somebody is trying.",
        count=refused,
    )


def _ago(at: datetime | None, facts: Facts, ago: str = " ago") -> str:
    return f"{age(at, facts.now)}{ago}" if at else "at a time unknown"


def _is_after(at: datetime | None, since: datetime) -> bool:
    return at is not None and at > since
