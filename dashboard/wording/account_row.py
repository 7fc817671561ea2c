"""The few words that one row of the list says of an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from accounts.explain.explanation import proof_text
from accounts.models import Account
from accounts.words.reasons import meaning
from accounts.words.restrictions import restriction_text
from accounts.words.status import LIVE, MEANINGS, Status
from gateways.base import Reason

# A proof older than this is told as the gateway's claim (as accounts.explain.explanation does).
PROOF_IS_FRESH_SECONDS = 120

TONES: dict[Status, str] = {
    Status.LOGGED_OUT: "bad",
    Status.BLOCKED: "bad",
    Status.FAILED: "bad",
    Status.QR_SCANNING: "ask",
    Status.DISCONNECTED: "bad",
    Status.UNRESPONSIVE: "warn",
    Status.UNKNOWN: "blind",
    Status.CONNECTING: "busy",
    Status.PENDING: "busy",
    Status.CONNECTED: "good",
    Status.STOPPED: "off",
}
ICONS: dict[Status, str] = {
    Status.LOGGED_OUT: "link_off",
    Status.BLOCKED: "block",
    Status.FAILED: "report",
    Status.QR_SCANNING: "qr_code_scanner",
    Status.DISCONNECTED: "cloud_off",
    Status.UNRESPONSIVE: "heart_broken",
    Status.UNKNOWN: "visibility_off",
    Status.CONNECTING: "sync",
    Status.PENDING: "hourglass_empty",
    Status.CONNECTED: "check_circle",
    Status.STOPPED: "pause_circle",
}


def tone(account: Account, shown: Status, now: datetime) -> str:
    """A colour's name. What only the gateway claims is not as green as what is proven."""
    if shown is Status.CONNECTED and not is_proven(account, now):
        return "claimed"
    return TONES[shown]


def is_proven(account: Account, now: datetime) -> bool:
    proof = account.last_proof
    if proof is None or not proof.holds:
        return False
    return (now - proof.at).total_seconds() <= PROOF_IS_FRESH_SECONDS


def beside_status(account: Account, shown: Status, now: datetime) -> str:
    """Return what a status is shown with: its proof, or the last known status; else its meaning,
    unless its reason says more."""
    if shown is Status.CONNECTED:
        limit = restriction_text(account.restricted_for, account.restricted_until, now)
        return f"{limit}; {proof_text(account, now)}" if limit else proof_text(account, now)
    if shown is Status.UNKNOWN:
        last = account.last_known_status if account.status == Status.UNKNOWN else account.status
        return f"last known {Status(last).label}" if last else ""
    return "" if account.status_reason or shown is Status.QR_SCANNING else MEANINGS[shown]


def reason(account: Account, shown: Status) -> str:
    """Return the reason in words; "" where there is nothing to explain."""
    if shown is Status.UNKNOWN and account.status != Status.UNKNOWN:
        return meaning("overdue").text
    said = account.status_reason in ("", Reason.LISTED)  # the list says no more than the status
    if shown is Status.CONNECTED or (shown in LIVE and said) or not account.status_reason:
        return ""
    text = meaning(account.status_reason).text
    return f"{text} ({account.status_raw})" if account.status_raw else text


@dataclass(frozen=True, slots=True)
class Sign:
    """The newest thing anybody saw of an account."""

    what: str
    at: datetime


def last_evidence(account: Account) -> Sign | None:
    """The newest of all evidence; of several at one moment the strongest."""
    listed = "not on its list" if account.unshown_since else "roll call"
    proof = account.last_proof
    signs = [
        Sign(what, at)
        for what, at in (
            (proof.by or "proof" if proof else "", proof.at if proof else None),
            ("probe", account.probed_at),
            ("activity", account.last_activity_at),
            ("read", account.read_at),
            (listed, account.gateway.listed_at),
            ("webhook or read", account.observed_at),
        )
        if at is not None
    ]
    return max(signs, key=lambda sign: sign.at, default=None)
