"""Explain why an account has its status, in the same words for admin, command line and API."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from accounts.explain.alternatives import ruled_out
from accounts.explain.instruction import instruction_of
from accounts.explain.next_step import next_step_of
from accounts.explain.rule import decided_by, rule_of
from accounts.explain.shown_status import age, code_of, is_expired, since_of
from accounts.models import Account, Repair
from accounts.operators.lifecycle import twins_of
from accounts.words.reasons import NOTHING, Instruction, Turn, meaning
from accounts.words.restrictions import restriction_text
from accounts.words.status import LIVE, MEANINGS, Status, Wanted
from gateways.base import Reason

__all__ = ("Explanation", "age", "explain", "proof_text", "sentence", "what_to_do")

# Proof that is this recent is shown as a fact.
PROOF_IS_NEWS = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Explanation of a status.

    `sentence`: the status with its age and proof. `rule`: the rule that decided. `ruled_out`: the
    other statuses, and why not. `next_step_at`: when the next automatic step is due.
    `next_step_code`: the code of the planned repair step, or "".
    """

    status: Status
    sentence: str
    reason: str
    since: datetime
    evidence: list[str] = field(default_factory=list)
    decided_by: str = ""
    rule: str = ""
    ruled_out: list[str] = field(default_factory=list)
    next_step: str = ""
    next_step_code: str = ""
    next_step_at: datetime | None = None
    instruction: Instruction = NOTHING
    restriction: str = ""

    @property
    def human(self) -> str:
        """Instruction for a human, as a sentence."""
        return self.instruction.text

    @property
    def needs_a_human(self) -> bool:
        return self.instruction.needs_human

    @property
    def is_somebodys_turn(self) -> bool:
        """True if a human must act or an automatic step follows."""
        return self.instruction.turn is not Turn.NOBODY

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Parts of the explanation as (label, text). Each output shows them word for word."""
        told = [
            ("Reason", self.reason),
            ("Restricted", self.restriction),
            ("Rule", self.rule),
            ("Decided by", self.decided_by),
            *(("Ruled out", text) for text in self.ruled_out),
            ("Automatic step", self.next_step),
            ("Next step", self.human),
            *(("Evidence", text) for text in self.evidence),
        ]
        return [(label, text[0].upper() + text[1:]) for label, text in told if text]


def explain(account: Account, now: datetime) -> Explanation:
    """Explain the status of the account. Needs account.gateway.

    Makes five queries: the last transition, the open repair, the next probe, the twins, and whether
    its gateway is under maintenance.
    """
    shown = account.shown_status(now)
    last = account.transitions.order_by("-id").first()
    at_work = account.repairs.filter(state__in=Repair.OPEN).values_list("state", flat=True).first()
    next_step = next_step_of(account, shown, now)
    return Explanation(
        status=shown,
        sentence=sentence(account, now),
        reason=_why_unknown(account, now) if is_expired(account, shown) else _reason(account),
        since=since_of(account, shown),
        evidence=_evidence(account, now),
        decided_by=decided_by(account, shown, last),
        rule=rule_of(account, shown, last),
        ruled_out=ruled_out(account, shown, now),
        next_step=next_step.words,
        restriction=restriction_text(account.restricted_for, account.restricted_until, now),
        next_step_code=account.next_step_code,
        next_step_at=next_step.at,
        instruction=instruction_of(
            account, shown, now, at_work=at_work, has_twin=twins_of(account).exists()
        ),
    )


def what_to_do(
    account: Account, now: datetime, *, at_work: str | None, has_twin: bool = False
) -> Instruction:
    """Return what a human must do, without a query: for lists.

    `at_work`: the state of its open repair, if any. `has_twin`: another account should run with the
    same number.
    """
    shown = account.shown_status(now)
    return instruction_of(account, shown, now, at_work=at_work, has_twin=has_twin)


def sentence(account: Account, now: datetime) -> str:
    """Return one sentence that never shows a gateway's claim as a fact."""
    shown = account.shown_status(now)
    since = age(since_of(account, shown), now)
    if shown is Status.CONNECTED:
        return f"connected for {since}: {proof_text(account, now)}"
    if shown is Status.UNKNOWN:
        return f"unknown for {since}: {_why_unknown(account, now)}"
    return f"{shown.label} for {since}: {_why(account, shown)}"


def _why(account: Account, shown: Status) -> str:
    if shown is Status.STOPPED and account.merged_into_id is not None:
        return f"merged into account {account.merged_into_id}, which has its number"
    if shown is Status.STOPPED and account.wanted == Wanted.RUNNING:
        return "it was switched off, and should be running again"
    # The meaning of a live status says more than "listed".
    says_little = shown in LIVE and account.status_reason in (Reason.NONE, Reason.LISTED)
    if says_little or shown in (Status.PENDING, Status.STOPPED):
        return MEANINGS[shown]
    return _reason(account) or MEANINGS[shown]


def proof_text(account: Account, now: datetime) -> str:
    """Return what "connected" rests on, and the age of that."""
    proof = account.last_proof
    if proof is None:
        return "claimed by the gateway, never proven"
    proven = age(proof.at, now)
    if proof.holds and proof.at + PROOF_IS_NEWS >= now:
        return f"proven {proven} ago" + (f" by {proof.by}" if proof.by else "")
    return f"claimed by the gateway, last proof {proven} ago"


def _why_unknown(account: Account, now: datetime) -> str:
    gateway = account.gateway
    last = account.last_known_status if account.status == Status.UNKNOWN else account.status
    code, word = code_of(account, Status.UNKNOWN, now), account.status_raw
    is_word = code == Reason.UNKNOWN_WORD and word
    parts = [
        f"the gateway says {word}, which Rollcall does not know" if is_word else meaning(code).text,
        f"gateway {gateway.name}: {gateway.blind_why}" if gateway.blind_since else "",
        f"last known {Status(last).label}" if last else "",
    ]
    return "; ".join(part for part in parts if part)


def _reason(account: Account) -> str:
    if not account.status_reason:
        return ""
    text = meaning(account.status_reason).text
    said = account.status_raw
    return f"{text} ({said})" if said and said != account.status else text


def _evidence(account: Account, now: datetime) -> list[str]:
    proof = account.last_proof
    by = proof.by if proof and proof.by else "unnamed"
    moments = {
        f"last proof of life ({by})": proof.at if proof else None,
        f"last probe of its live client ({account.probe_answer})": account.probed_at,
        "its connection disproved by a probe": account.disproved_at,
        "last traffic, by the time of the message": account.last_activity_at,
        "last roll call of its gateway": account.gateway.run_started_at,
        "last complete list of its gateway": account.gateway.listed_at,
        "last read that showed the session": account.read_at,
        "last webhook about its state": account.webhook_at,
        "last webhook or read that said something": account.observed_at,
    }
    said = [f"{name}: {age(moment, now)} ago" for name, moment in moments.items() if moment]
    lasting = {
        "no answer to any probe": account.probe_failing_since,
        "absent from the gateway's lists": account.unshown_since,
    }
    return said + [f"{name} for {age(since, now)}" for name, since in lasting.items() if since]
