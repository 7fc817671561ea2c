"""Why an account is in its state: the same words in the admin, the command line and the API."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from accounts.expiry import why_unseen
from accounts.models import Account, Gateway
from accounts.reasons import NOTHING, SCAN, TRANSIENT_HOLD_SECONDS, Meaning, meaning
from accounts.status import LIVE, LOST, MEANINGS, Status, Wanted
from gateways.base import Reason

# The live client spoke so lately that it is told as a fact.
PROOF_IS_NEWS = timedelta(minutes=2)
RESTART = "Restart the session; if that fails, scan again."
# What these need whatever a vague reason says.
_ASKS_FOR = {
    Status.LOGGED_OUT: SCAN,
    Status.BLOCKED: "Open WhatsApp on the phone and follow what it says.",
    Status.FAILED: RESTART,
}


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
        reason=_why_unknown(account, now) if _expired(account, shown) else _reason(account),
        since=_since(account, shown),
        evidence=_evidence(account, now),
        decided_by=_decided_by(account, shown),
        next_step=_next_step(account, shown, now),
        human=_human(account, shown, now),
    )


def what_to_do(account: Account, now: datetime) -> str:
    """What a human must do, without asking the database: for lists."""
    return _human(account, account.shown_status(now), now)


def sentence(account: Account, now: datetime) -> str:
    """One sentence that never shows a gateway's word as a fact."""
    shown = account.shown_status(now)
    if shown is Status.CONNECTED:
        return f"connected: {_proof(account, now)}"
    since = age(_since(account, shown), now)
    if shown is Status.UNKNOWN:
        return f"unknown for {since}: {_why_unknown(account, now)}"
    return f"{shown.label} for {since}: {_why(account, shown)}"


def _why(account: Account, shown: Status) -> str:
    if shown is Status.STOPPED and account.merged_into_id is not None:
        return f"merged into account {account.merged_into_id}, which has its number"
    if shown is Status.STOPPED and account.wanted == Wanted.RUNNING:
        return "it was switched off, and is wanted running again"
    # What a live word means says more than that it is listed.
    says_little = shown in LIVE and account.status_reason in (Reason.NONE, Reason.LISTED)
    if says_little or shown in (Status.PENDING, Status.STOPPED):
        return MEANINGS[shown]
    return _reason(account) or MEANINGS[shown]


def _proof(account: Account, now: datetime) -> str:
    if account.proven_at is None:
        return "claimed by the gateway, never proven"
    proven = age(account.proven_at, now)
    if account.proven_at + PROOF_IS_NEWS >= now:
        return f"proven {proven} ago" + (f" by {account.proof}" if account.proof else "")
    return f"claimed by the gateway, last proof {proven} ago"


def _why_unknown(account: Account, now: datetime) -> str:
    gateway = account.gateway
    last = account.last_known_status if account.status == Status.UNKNOWN else account.status
    parts = [
        meaning(_code(account, Status.UNKNOWN, now)).text,
        f"gateway {gateway.name}: {gateway.blind_why}" if gateway.blind_since else "",
        f"last known {Status(last).label}" if last else "",
    ]
    return "; ".join(part for part in parts if part)


def _expired(account: Account, shown: Status) -> bool:
    """Its word has expired while nothing of ours ran to say so in the row."""
    return shown is Status.UNKNOWN and account.status != Status.UNKNOWN


def _code(account: Account, shown: Status, now: datetime) -> str:
    """The reason of what is shown; of an expired word, what the sweep would write."""
    return why_unseen(account, now) if _expired(account, shown) else account.status_reason


def _since(account: Account, shown: Status) -> datetime:
    expired_at = account.fresh_at if _expired(account, shown) else None
    return expired_at or account.status_since


def _reason(account: Account) -> str:
    if not account.status_reason:
        return ""
    text = meaning(account.status_reason).text
    said = account.status_raw
    return f"{text} ({said})" if said and said != account.status else text


def _evidence(account: Account, now: datetime) -> list[str]:
    moments = {
        "last webhook or read that said something": account.observed_at,
        "last read that showed the session": account.read_at,
        "last complete list of its gateway": account.gateway.listed_at,
        "absent from the gateway's lists since": account.unshown_since,
        f"last proof of life ({account.proof or 'unnamed'})": account.proven_at,
        "last sign of activity": account.last_activity_at,
    }
    return [f"{name}: {age(moment, now)} ago" for name, moment in moments.items() if moment]


def _decided_by(account: Account, shown: Status) -> str:
    if _expired(account, shown):
        return "the age of what we know: no read has shown it in time"
    last = account.transitions.order_by("-id").first()
    if last is None:
        return "its registration"
    by = f" by {last.actor}" if last.actor else ""
    evidence = f" ({last.evidence})" if last.evidence else ""
    change = f"{last.get_from_status_display()} → {last.get_to_status_display()}"
    return f"{last.get_source_display()}{by}{evidence}: {change}"


def _next_step(account: Account, shown: Status, now: datetime) -> str:
    if account.merged_into_id is not None:
        return f"nothing: account {account.merged_into_id} has its number and session now"
    if account.archived_at is not None:
        return "nothing: it is archived; adding its number again brings it back"
    read = account.gateway.run_started_at
    if read is None or read + _live_words_keep() <= now:
        return "nothing: no roll call is running; look at worker, scheduler and Redis"
    every = settings.ROLL_CALL_EVERY_SECONDS
    due = max(0, every - int((now - read).total_seconds()))
    reading = f"gateway {account.gateway.name} is read every {every} s, next in {due} s"
    return f"{reading}; {_what_a_read_decides(account, shown, now)}"


def _what_a_read_decides(account: Account, shown: Status, now: datetime) -> str:
    if shown in LIVE:
        expires = (account.fresh_at or now) + _live_words_keep()
        return f"unless a read shows it again, it becomes unknown in {age(now, expires)}"
    if account.gateway.blind_since is not None:
        return "as soon as it answers, this is decided anew"
    if account.status_reason == Reason.MASS_LOSS_UNCONFIRMED:
        return "once its lists have agreed for 60 s it becomes disconnected"
    if shown is Status.UNKNOWN:
        return "what it shows there is believed at once"
    if account.wanted == Wanted.STOPPED:
        return "a live session there is noted as unwanted"
    return "a live session there changes this at once"


def _live_words_keep() -> timedelta:
    return timedelta(seconds=settings.LIVE_WORD_EXPIRES_AFTER_SECONDS)


def _human(account: Account, shown: Status, now: datetime) -> str:
    if account.merged_into_id is not None or account.archived_at is not None:
        return NOTHING
    if shown in LIVE and account.wanted == Wanted.STOPPED:
        return "It runs although it is wanted stopped: stop it, or want it running."
    if shown is Status.CONNECTED or account.wanted == Wanted.STOPPED:
        return NOTHING
    if shown is Status.QR_SCANNING:
        return SCAN
    why = meaning(_code(account, shown, now))
    instruction = _instruction(account, shown, why, now)
    observed = account.gateway.mode == Gateway.Mode.OBSERVE and why.repairable
    return f"{instruction} (The gateway is only observed.)" if observed else instruction


def _instruction(account: Account, shown: Status, why: Meaning, now: datetime) -> str:
    """The one of its reason, unless the status asks for more than the reason does."""
    if shown is Status.STOPPED:
        return RESTART if account.wanted == Wanted.RUNNING else NOTHING
    if why.repairable and shown in _ASKS_FOR:
        return _ASKS_FOR[shown]
    if why.repairable and why.instruction.startswith("Nothing") and shown in LOST:
        heals_until = account.status_since + timedelta(seconds=TRANSIENT_HOLD_SECONDS)
        return why.instruction if now < heals_until else f"It has not healed by itself. {RESTART}"
    return why.instruction


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
