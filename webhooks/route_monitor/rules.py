"""The rules of the route monitor: which incidents to open, and the next step of each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from accounts.explain.explanation import age
from accounts.models import Incident
from webhooks.forwarding.rows import Stuck
from webhooks.route_monitor.expected_path import cure, said_of
from webhooks.route_monitor.tallies import percentile_ms
from webhooks.route_monitor.wrong_path import WrongPath

# An incident stays open until it has been quiet for this time.
QUIET = timedelta(seconds=60)
# A flapping incident, which came back soon, needs a longer quiet time, to avoid an alert for each
# return.
LONG_QUIET = timedelta(minutes=3)
# A gateway may be silent for this time whatever its usual rate: requests are recorded with a delay.
SHORTEST_SILENCE = timedelta(minutes=2)
RECENTLY = timedelta(minutes=5)
FEWEST_FOR_A_RATE = 20
NAMED = 5
FEWEST_CHANGES = 3
# A failure on our side: the gateway is not at fault.
OURS = frozenset({"unavailable"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteLimits:
    """Limits from the settings; docs/settings.md describes each."""

    failures_in_a_row: int
    success_percent: int
    silent_after_events: int
    slow_p95_ms: int
    unattributed_refusals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentFigures:
    """Figures of the last five minutes; of changes in the last ten.

    `has_trouble`: a webhook came and was not accepted.
    """

    received: int = 0
    succeeded: int = 0
    failed: int = 0
    refused: int = 0
    handling: Sequence[int] = ()
    changes: int = 0
    changes_missed: int = 0
    has_trouble: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The known facts of one gateway's route.

    `open_since`: its open incidents; those in `came_back` had been closed only briefly before.
    Before `watched_since` records are incomplete or excused; silence means nothing under
    maintenance, or while we can read no gateway at all (`is_excused`). `wrong_paths`: without
    the accepted ones; `are_accepted`: it uses accepted ones only. `usual_per_hour`: its rate
    even in a quiet hour, at this time of the day.
    """

    name: str
    kind: str
    right_url: str
    now: datetime
    watched_since: datetime
    is_excused: bool = False
    figures: RecentFigures = RecentFigures()
    last_success_at: datetime | None = None
    last_received_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_failure_code: str = ""
    last_failure_why: str = ""
    consecutive_failures: int = 0
    failed_since_open: int = 0
    clock_skew_seconds: int | None = None
    wrong_paths: Sequence[WrongPath] = ()
    are_accepted: bool = False
    misrouted: int = 0
    connected_accounts: int = 0
    usual_per_hour: float = 0.0
    stuck: Stuck | None = None
    open_since: Mapping[Incident.Kind, datetime] = field(default_factory=dict)
    came_back: frozenset[Incident.Kind] = frozenset()

    def is_quiet_since(self, at: datetime | None, kind: Incident.Kind) -> bool:
        """Return whether it was quiet long enough to close an incident of this kind."""
        return at is None or at + (LONG_QUIET if kind in self.came_back else QUIET) <= self.now


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict on one incident. `is_open` False: close it, if there is one. Incidents without
    a verdict stay unchanged."""

    kind: Incident.Kind
    is_open: bool
    text: str = ""
    cure: str = ""
    count: int = 1


def judge(facts: Facts, limits: RouteLimits) -> list[Judgement]:
    return [
        *_judge_failing(facts, limits),
        *_judge_misrouted(facts),
        *_judge_silent(facts, limits),
        *_judge_slow(facts, limits),
        _judge_undelivered(facts),
    ]


# --- failing ------------------------------------------------------------------------------------
def _judge_failing(facts: Facts, limits: RouteLimits) -> Iterator[Judgement]:
    figures, kind = facts.figures, Incident.Kind.FAILING
    ended = figures.succeeded + figures.failed + figures.refused
    if facts.last_failure_code in OURS and facts.consecutive_failures + figures.failed:
        return  # see judge_unwritten
    percent = 100 * figures.succeeded / ended if ended else 100.0
    in_a_row = facts.consecutive_failures >= limits.failures_in_a_row
    too_often = ended >= FEWEST_FOR_A_RATE and percent < limits.success_percent
    if in_a_row or (too_often and not facts.is_quiet_since(facts.last_failure_at, kind)):
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
            count=max(1, facts.consecutive_failures, facts.failed_since_open),
        )
    elif facts.consecutive_failures == 0 and facts.last_success_at is not None:
        comes_and_goes = kind in facts.came_back
        if not comes_and_goes or facts.is_quiet_since(facts.last_failure_at, kind):
            yield Judgement(kind=kind, is_open=False)


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
    "wrong_token": _SAME_SECRET,
    "unknown_key": "Give both sides the same key: ./run manage gateway_add --name {name} "
    "--api-key …, or set it in the gateway's configuration.",
    "no_credentials": "Its webhooks carry no credentials: set its secret, or send to its secret "
    "path (docs/connecting-a-gateway.md).",
    "signature_required": "It must sign: set its secret at the gateway, or allow unsigned webhooks "
    "on its page here.",
    "long_token": "Let its tokens end within an hour of being signed: Evolution's own do.",
    "ambiguous": "Give each gateway a key of its own, or register the address that it sends as "
    "X-Instance-Url.",
    "malformed_timestamp": "Update the gateway: it does not sign as documented.",
    "malformed_signature": "Update the gateway: it does not sign as documented.",
    "unknown_path": "Its secret path is nobody's (any more): make a new one with ./run manage "
    "gateway_add --name {name} --path-token, and set it at the gateway.",
    "ended_secret": "It uses a secret that has ended here: set the present one at the gateway, or "
    "give the old one again: ./run manage gateway_add --name {name} --hmac-secret …",
    "unreadable": "Its words are not understood: check its kind, and the versions of both sides.",
    "compressed": "Something compresses its requests: switch that off at the gateway, or at the "
    "proxy between.",
    "unavailable": "Rollcall could not write them down: look at PostgreSQL.",
}


# --- misrouted ----------------------------------------------------------------------------------
def _judge_misrouted(facts: Facts) -> Iterator[Judgement]:
    """Close once the wrong paths are quiet for a while, and a webhook arrived since on the right
    one.

    An incident opened just now may be newer than these facts.
    """
    kind = Incident.Kind.MISROUTED
    last_at = max((one.at for one in facts.wrong_paths), default=None)
    came_right = last_at is None or _is_after(facts.last_success_at, last_at)
    used = [one for one in facts.wrong_paths if one.at + RECENTLY > facts.now]
    if came_right and facts.is_quiet_since(last_at, kind):
        if facts.are_accepted or facts.is_quiet_since(facts.open_since.get(kind), kind):
            yield Judgement(kind=kind, is_open=False)
    elif used:
        yield Judgement(
            kind=kind,
            is_open=True,
            text=said_of(facts.name, used, events=max(1, facts.misrouted), now=facts.now),
            cure=cure(facts.kind, used),
            count=max(1, facts.misrouted),
        )


# --- silent -------------------------------------------------------------------------------------
def _judge_silent(facts: Facts, limits: RouteLimits) -> Iterator[Judgement]:
    kind, figures = Incident.Kind.SILENT, facts.figures
    cure = (
        f"Check that {facts.name} sends to {facts.right_url} and can reach it: "
        f"./run manage webhook_check --gateway {facts.name}"
    )
    if facts.is_excused:
        return
    all_missed = figures.changes_missed == figures.changes >= FEWEST_CHANGES
    if all_missed and not figures.has_trouble:
        text = (
            f"the roll call saw all of the last {figures.changes} changes first: no webhook told "
            f"of them{', though others come' if figures.succeeded else ''}"
        )
        yield Judgement(kind=kind, is_open=True, text=text, cure=cure)
    elif missing := _missing_events(facts, limits):
        text = f"no webhook for {_ago(facts.last_received_at, facts, ago='')}, {missing}"
        yield Judgement(kind=kind, is_open=True, text=text, cure=cure)
    elif (since := facts.open_since.get(kind)) and _is_after(facts.last_success_at, since):
        yield Judgement(kind=kind, is_open=False)


def _missing_events(facts: Facts, limits: RouteLimits) -> str:
    """Return the text on missing events, by the gateway's usual rate, and only while it has
    accounts."""
    if not facts.connected_accounts or facts.last_received_at is None:
        return ""
    quiet = facts.now - max(facts.last_received_at, facts.watched_since)
    missing = facts.usual_per_hour * quiet.total_seconds() / 3600
    if quiet < SHORTEST_SILENCE or missing < limits.silent_after_events:
        return ""
    return (
        f"although it sends {facts.usual_per_hour:.0f} an hour even at quiet times (accounts "
        f"connected there: {facts.connected_accounts})"
    )


# --- slow ---------------------------------------------------------------------------------------
def _judge_slow(facts: Facts, limits: RouteLimits) -> Iterator[Judgement]:
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


# --- undelivered ----------------------------------------------------------------------------------
def _judge_undelivered(facts: Facts) -> Judgement:
    kind, stuck = Incident.Kind.UNDELIVERED, facts.stuck
    if stuck is None:
        return Judgement(kind=kind, is_open=False)
    events = f"{stuck.number} state event{'s' if stuck.number > 1 else ''}"
    return Judgement(
        kind=kind,
        is_open=True,
        text=f"its backend does not take what is handed on: {events} waiting, the first for "
        f"{age(stuck.since, facts.now)}: {stuck.why or 'not tried yet'}",
        count=stuck.number,
    )


# --- not written down ---------------------------------------------------------------------------
def judge_unwritten(routes: Sequence[Facts], limits: RouteLimits, *, is_open: bool) -> Judgement:
    """Judge failed writes of our own: one incident about ourselves, for any number of gateways."""
    kind = Incident.Kind.UNWRITTEN
    hit = [
        facts
        for facts in routes
        if facts.last_failure_code in OURS
        and facts.consecutive_failures
        and not (facts.last_failure_at and facts.last_failure_at + RECENTLY <= facts.now)
    ]
    number = sum(facts.consecutive_failures for facts in hit)
    if number < (1 if is_open else limits.failures_in_a_row):
        return Judgement(kind=kind, is_open=False)
    last = max(hit, key=lambda facts: facts.last_failure_at or facts.watched_since)
    names = sorted(facts.name for facts in hit)
    more = ", …" if len(names) > NAMED else ""
    of = "a gateway" if len(names) == 1 else f"{len(names)} gateways"
    return Judgement(
        kind=kind,
        is_open=True,
        text=f"{number} webhooks in a row of {of} ({', '.join(names[:NAMED])}{more}) could not be "
        f"written down; the last one {_ago(last.last_failure_at, last)}: "
        f"{last.last_failure_why or 'see the log of the web processes'}",
        count=number,
    )


# --- unattributed -------------------------------------------------------------------------------
def judge_unattributed(refused: int, limits: RouteLimits, *, is_open: bool = False) -> Judgement:
    """Judge refused requests of unknown senders: one incident at most.

    `refused` counts the last five minutes. It closes below half of the number that opens it.
    """
    kind = Incident.Kind.UNATTRIBUTED
    if refused < limits.unattributed_refusals / (2 if is_open else 1):
        return Judgement(kind=kind, is_open=False)
    return Judgement(
        kind=kind,
        is_open=True,
        text=f"{refused} webhooks of nobody we know were refused in 5 min",
        cure="Check Rejected webhooks: a gateway that is not registered, or one with a wrong "
        "secret behind an address that is not its registered one? Else somebody is trying.",
        count=refused,
    )


def _ago(at: datetime | None, facts: Facts, ago: str = " ago") -> str:
    return f"{age(at, facts.now)}{ago}" if at else "at a time unknown"


def _is_after(at: datetime | None, since: datetime) -> bool:
    return at is not None and at > since
