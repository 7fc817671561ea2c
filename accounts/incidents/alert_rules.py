"""Which notices operators get, and when. Pure: values in, values out, the clock passed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.models import Incident, Notification
from accounts.words.durations import backoff

HOUR = timedelta(hours=1)
FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(hours=1)
# With the delays below this is three and a half to seven hours of retries.
MOST_ATTEMPTS = 14

# Incidents of one kind and gateway: beyond so many beginnings within SPAN, one stays open until it
# was not seen for QUIET. Each beginning and each end is a row and a message to people.
MOST_IN_SPAN = 10
SPAN = HOUR
QUIET = timedelta(minutes=10)
# Those that are judged at each look. What a person closes is over.
CLOSED_AGAIN_AND_AGAIN = frozenset(
    {
        *(Incident.Kind.UNREACHABLE, Incident.Kind.SELF_CHECK, Incident.Kind.SILENT),
        *(Incident.Kind.FAILING, Incident.Kind.SLOW, Incident.Kind.UNDELIVERED),
        *(Incident.Kind.UNATTRIBUTED, Incident.Kind.UNWRITTEN),
    }
)


@dataclass(frozen=True, slots=True)
class Rule:
    """Rule of one kind of incident.

    `hold_seconds`: an incident that recovers within this time is not sent. `cure`: what to do,
    unless the code that opens the incident gives a more exact instruction.
    """

    hold_seconds: int
    cure: str


RULES: dict[Incident.Kind, Rule] = {
    Incident.Kind.UNREACHABLE: Rule(
        60,
        "Check that the gateway is running and reachable from this server (error above).",
    ),
    Incident.Kind.MASS_LOSS: Rule(
        0,
        'Check the gateway: were its browsers or session files deleted? Press "Confirm the loss" '
        'or "Dismiss the loss" on the gateway\'s page. Without either, Rollcall reads each session '
        "once its lists have agreed for 60 s, and marks those that are gone disconnected.",
    ),
    Incident.Kind.SELF_CHECK: Rule(
        30,
        "Check Rollcall's own server first: network, name service, clock. No session and no "
        "gateway is judged until a gateway can be read.",
    ),
    Incident.Kind.CONFLICT: Rule(
        60,
        'Find out who else runs this number and stop it there; then press "Restart session" on '
        "the account's page. Rollcall does not restart it against another client.",
    ),
    Incident.Kind.FLAPPING: Rule(
        0,
        "See the reasons in the history of the accounts named. If it is a conflict: find out who "
        "else runs the number and stop it there. If not: check the gateway's network and the "
        "phone's. Messages may be lost meanwhile.",
    ),
    Incident.Kind.RESTRICTED: Rule(
        0,
        "Stop writing to new contacts from these numbers until the time named: more attempts "
        "lengthen it or end in a ban. Nothing is restarted; a restart would change nothing.",
    ),
    Incident.Kind.LEFT_OVER: Rule(
        0,
        "On the gateway's machine end the browser whose command line (--user-data-dir) has the "
        "profile named, and no other; then restart the session here. Rollcall does not start it "
        "meanwhile: each try would fail, and may leave one more browser behind.",
    ),
    Incident.Kind.REPAIR_HARMS: Rule(
        0,
        'Check the gateway: sessions that it restarts disconnect again. Press "Resume repair" on '
        "its page when the cause is fixed.",
    ),
    Incident.Kind.MISROUTED: Rule(
        0, "Set the gateway's webhook URL to the one on its page, and restart the gateway."
    ),
    Incident.Kind.FAILING: Rule(
        0,
        "Compare the gateway's webhook secret and clock with ours: its page lists the valid "
        "secrets.",
    ),
    Incident.Kind.SILENT: Rule(
        0,
        "Check that the gateway's webhook URL is the one on its page, and that the gateway can "
        "reach it: its own log shows the answers.",
    ),
    Incident.Kind.SLOW: Rule(
        120, "Check the load of the database and of the web processes: webhooks wait for them."
    ),
    Incident.Kind.UNDELIVERED: Rule(
        0,
        "Check your own backend (its answer is above). Webhooks that wait are forwarded in order "
        "as soon as it answers, for up to 24 h.",
    ),
    Incident.Kind.UNATTRIBUTED: Rule(
        60,
        "If the requests come from a gateway of yours, register it or correct its secret. If not, "
        "block their address in front of Rollcall.",
    ),
    Incident.Kind.UNWRITTEN: Rule(
        0,
        "Check PostgreSQL: Rollcall could not store webhooks. The next roll calls catch up with "
        "what the gateways do not send again.",
    ),
    Incident.Kind.CHANNEL: Rule(
        0,
        "Run ./run manage channel_test NAME for the channel named, and correct its target or the "
        "mail server's settings until it succeeds.",
    ),
}


def hold(kind: str) -> timedelta:
    return timedelta(seconds=RULES[Incident.Kind(kind)].hold_seconds)


def default_cure(kind: str) -> str:
    return RULES[Incident.Kind(kind)].cure


def healed_inside_hold(incident: Incident) -> bool:
    return incident.closed_at is not None and incident.closed_at < incident.opened_at + hold(
        incident.kind
    )


def is_muted(incident: Incident, now: datetime) -> bool:
    return incident.muted_until is not None and incident.muted_until > now


@dataclass(frozen=True, slots=True)
class Send:
    """Send the notice now."""


@dataclass(frozen=True, slots=True)
class WaitToTell:
    until: datetime


@dataclass(frozen=True, slots=True)
class Cancel:
    why: str


@dataclass(frozen=True, slots=True)
class Beginning:
    """State of the opening notice, on the channel of the recovery."""

    state: str
    next_attempt_at: datetime | None
    is_in_this_message: bool = False


def fate(
    what: str, incident: Incident, *, now: datetime, beginning: Beginning | None = None
) -> Send | WaitToTell | Cancel:
    """Decide about a notice that is due. `beginning` is needed for a recovery only."""
    if what == Notification.What.RECOVERED:
        return _fate_of_recovery(incident, now, beginning)
    if healed_inside_hold(incident):
        return Cancel("it healed before it was to be told")
    if incident.acknowledged_at is not None:
        return Cancel("somebody acknowledged it before it was told")
    if is_muted(incident, now) and incident.muted_until is not None:
        return (
            Cancel("muted until its end")
            if incident.closed_at
            else WaitToTell(incident.muted_until)
        )
    told_from = incident.opened_at + hold(incident.kind)
    return Send() if told_from <= now else WaitToTell(told_from)


def _fate_of_recovery(
    incident: Incident, now: datetime, beginning: Beginning | None
) -> Send | WaitToTell | Cancel:
    if is_muted(incident, now):
        return Cancel("muted until its end")
    if beginning is None or beginning.state in ("cancelled", "dead"):
        return Cancel("its beginning was not told")
    if beginning.state == Notification.State.SENT or beginning.is_in_this_message:
        return Send()
    return WaitToTell(max(beginning.next_attempt_at or now, now + timedelta(seconds=1)))


def retry_delay(attempts: int, *, chance: float) -> timedelta:
    """Return the delay after `attempts` failed attempts.

    It doubles each time, and lies somewhere in the upper half of that, so that retries spread out.
    `chance` is from 0 to 1.
    """
    return backoff(attempts, chance=chance, first=FIRST_RETRY, longest=LONGEST_RETRY)


def may_send_at(sent: Sequence[datetime], *, most_per_hour: int, now: datetime) -> datetime:
    """Return when the next message may leave a channel. `sent`: times of the last hour, oldest
    first.

    The first half of the hour's messages may go at once, the others evenly spread, so that a flood
    of small incidents never silences a channel for an hour.
    """
    most = max(1, most_per_hour)
    at_once = (most + 1) // 2
    if len(sent) < at_once:
        return now
    if len(sent) >= most:
        return max(now, sent[len(sent) - most] + HOUR)
    return max(now, sent[-1] + HOUR / (most - at_once + 1))
