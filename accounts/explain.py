"""Why an account is in its state: the same words in the admin, the command line and the API."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from accounts.models import Account, Gateway
from accounts.reasons import meaning
from accounts.status import LIVE, MEANINGS, Status, Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`sentence` is the state with its age and proof; the rest says what it rests on."""

    status: Status
    sentence: str
    reason: str
    since: datetime
    evidence: list[str] = field(default_factory=list)
    decided_by: str = ""
    next_step: str = ""
    human: str = ""


def explain(account: Account, now: datetime) -> Explanation:
    """Needs account.gateway; asks the database once, for the last transition."""
    shown = account.shown_status(now)
    return Explanation(
        status=shown,
        sentence=sentence(account, now),
        reason=_reason(account, shown),
        since=_since(account, shown),
        evidence=_evidence(account, now),
        decided_by=_decided_by(account, shown),
        next_step=_next_step(account, shown, now),
        human=_human(account, shown),
    )


def sentence(account: Account, now: datetime) -> str:
    """One sentence that never shows a gateway's word as a fact."""
    shown = account.shown_status(now)
    if shown is Status.CONNECTED:
        return f"connected: {_proof(account, now)}"
    if shown is Status.UNKNOWN:
        return f"unknown for {age(_since(account, shown), now)}: {_why_unknown(account, now)}"
    since = age(account.status_since, now)
    if shown in (Status.PENDING, Status.STOPPED):
        return f"{shown.label} for {since}: {MEANINGS[shown]}"
    return f"{shown.label} for {since}: {_reason(account, shown) or MEANINGS[shown]}"


def _proof(account: Account, now: datetime) -> str:
    if account.proven_at is None:
        return "claimed by the gateway, never proven"
    proven = age(account.proven_at, now)
    if (now - account.proven_at).total_seconds() <= 120:
        return f"proven {proven} ago by {account.proof}"
    return f"claimed by the gateway, last proof {proven} ago"


def _why_unknown(account: Account, now: datetime) -> str:
    """Also for a row whose word has expired while nothing of ours ran to say so."""
    if account.status == Status.UNKNOWN:
        why = meaning(account.status_reason).text
        last = account.last_known_status
    else:
        why = meaning("overdue").text
        last = account.status
    gateway = f"; gateway {account.gateway.name}: {account.gateway.blind_why}"
    return (
        why
        + (gateway if account.gateway.blind_since else "")
        + (f"; last known {last}" if last else "")
    )


def _since(account: Account, shown: Status) -> datetime:
    expired = shown is Status.UNKNOWN and account.status != Status.UNKNOWN
    return (account.fresh_at if expired else None) or account.status_since


def _reason(account: Account, shown: Status) -> str:
    if shown is Status.UNKNOWN and account.status != Status.UNKNOWN:
        return meaning("overdue").text
    if not account.status_reason:
        return ""
    text = meaning(account.status_reason).text
    return f"{text} ({account.status_raw})" if account.status_raw else text


def _evidence(account: Account, now: datetime) -> list[str]:
    moments = {
        "last webhook or read that said something": account.observed_at,
        "last read that showed the session": account.read_at,
        "last complete list of its gateway": account.gateway.listed_at,
        "absent from the gateway's lists since": account.unshown_since,
        f"last proof of life ({account.proof})": account.proven_at,
        "last sign of activity": account.last_activity_at,
    }
    return [f"{name}: {age(moment, now)} ago" for name, moment in moments.items() if moment]


def _decided_by(account: Account, shown: Status) -> str:
    if shown is Status.UNKNOWN and account.status != Status.UNKNOWN:
        return "the age of what we know: no read has shown it in time"
    last = account.transitions.order_by("-id").first()
    if last is None:
        return "its registration"
    by = f" by {last.actor}" if last.actor else ""
    evidence = f" ({last.evidence})" if last.evidence else ""
    return f"{last.get_source_display()}{by}{evidence}: {last.from_status} → {last.to_status}"


def _next_step(account: Account, shown: Status, now: datetime) -> str:
    if account.merged_into_id is not None:
        return f"nothing: account {account.merged_into_id} has its number and session now"
    gateway = account.gateway
    reading = f"gateway {gateway.name} is read every 20 s"
    if gateway.run_started_at is None or (now - gateway.run_started_at).total_seconds() > 60:
        return "nothing: no roll call is running; look at worker, scheduler and Redis"
    if gateway.blind_since is not None:
        return f"{reading}; as soon as it answers, this is decided anew"
    if shown in LIVE:
        return f"{reading}; without a read for 45 s it becomes unknown"
    return f"{reading}; a live session there changes this at once"


def _human(account: Account, shown: Status) -> str:
    if shown is Status.QR_SCANNING:
        return "Scan the QR code with the phone of this number."
    if shown is Status.CONNECTED:
        unwanted = account.wanted == Wanted.STOPPED
        return (
            "It runs although it is wanted stopped: stop it, or want it running."
            if (unwanted)
            else "Nothing."
        )
    if account.gateway.mode == Gateway.Mode.OBSERVE and meaning(account.status_reason).repairable:
        return f"{meaning(account.status_reason).instruction} (The gateway is only observed.)"
    return meaning(account.status_reason).instruction if account.status_reason else "Nothing."


def age(moment: datetime, now: datetime) -> str:
    """How long ago, as a person says it: "8 s", "14 min", "3 h 5 min", "2 d 4 h"."""
    seconds = max(0, int((now - moment).total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 120:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours} h {minutes % 60} min"
    return f"{days} d {hours % 24} h"
