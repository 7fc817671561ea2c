"""The one table of reasons: what each means, whether Rollcall may repair it, how long a notice is
held, and the one instruction that can work. Admin, command line, API and notices use the same
words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from accounts.words.step_codes import MOST_TRIES
from gateways.base import Reason

TRANSIENT_HOLD_SECONDS = 180


class Turn(StrEnum):
    """The party that acts next on an account."""

    HUMAN = "human"
    ITSELF = "itself"  # Rollcall, its gateway or a timer acts; no human has to
    NOBODY = "nobody"  # nothing to do


@dataclass(frozen=True, slots=True)
class Instruction:
    """Sentence that says what a human must do, or why no human has to act."""

    text: str
    turn: Turn = Turn.HUMAN

    @property
    def needs_human(self) -> bool:
        return self.turn is Turn.HUMAN


def waiting(why: str) -> Instruction:
    """Return the instruction for a wait that ends by itself. `why`: a sentence without its full
    stop."""
    return Instruction(f"Nothing: {why}.", Turn.ITSELF)


NOTHING = Instruction("Nothing.", Turn.NOBODY)


@dataclass(frozen=True, slots=True)
class ReasonMeaning:
    """Meaning of a reason. `hold_seconds` None: customers are not notified; operators have an
    incident instead."""

    text: str
    repairable: bool
    hold_seconds: int | None
    asks: Instruction

    @property
    def instruction(self) -> str:
        return self.asks.text

    @property
    def needs_human(self) -> bool:
        return self.asks.needs_human


def _heals(text: str, instruction: str = "") -> ReasonMeaning:
    """Build the meaning of a loss that may be repaired. Without `instruction` it is expected to
    recover by itself."""
    asks = (
        Instruction(instruction)
        if instruction
        else waiting("it is expected to recover automatically")
    )
    return ReasonMeaning(text, True, TRANSIENT_HOLD_SECONDS, asks)


def _human(text: str, instruction: str, hold_seconds: int = 0) -> ReasonMeaning:
    return ReasonMeaning(text, False, hold_seconds, Instruction(instruction))


def _blind(text: str, instruction: str = "", *, until: str = "") -> ReasonMeaning:
    """Build the meaning of a status that cannot be seen. `instruction`: what a human checks;
    `until`: what is waited for before it can be seen again."""
    asks = waiting(until) if until else Instruction(instruction)
    return ReasonMeaning(text, False, None, asks)


STARTS_WHAT_IT_HAS = "it starts only what it has: create it there anew, by the same name"
SCAN = "Scan the QR code on the account's page with the phone of this number."

REASONS: dict[Reason, ReasonMeaning] = {
    Reason.NONE: ReasonMeaning("no reason was given", True, TRANSIENT_HOLD_SECONDS, NOTHING),
    Reason.AUTHENTICATED: _heals("scanned, still loading"),
    Reason.RECONNECTING: _heals("the gateway is reconnecting it by itself"),
    Reason.NAVIGATION: _heals("the browser page left WhatsApp or reloaded"),
    Reason.NETWORK: _heals("the connection to WhatsApp was lost"),
    Reason.BROWSER_GONE: _heals("the session's browser is gone", "Restart the session."),
    Reason.SESSION_ERROR: _heals("the gateway reports an error of this session"),
    Reason.GATEWAY_GAVE_UP: _heals(
        "the gateway tried to reconnect and gave up",
        "Restart the session; if that fails, scan again.",
    ),
    Reason.RESTORE_FAILED: _heals(
        "the gateway could not restore it at its start",
        "Restart the session; if that fails, scan again.",
    ),
    Reason.BROWSER_LEFT_OVER: ReasonMeaning(
        "a browser that an earlier run of the gateway left behind holds the session's profile",
        False,
        None,
        Instruction(
            "On the gateway's machine end the browser that holds this session's profile; then "
            "restart the session."
        ),
    ),
    Reason.PAGE_GONE: _heals(
        "the session's page has left WhatsApp",
        "Restart the gateway if it does not come back by itself: all its sessions are hit.",
    ),
    Reason.HUNG: _heals(
        "the session's page does not answer repeated checks", "Restart the session."
    ),
    Reason.DEAF: _heals(
        "the session's page answers, but has lost WhatsApp",
        "Restart the session; if that fails, scan again.",
    ),
    Reason.UNLINKED: _human("unlinked from the phone or by WhatsApp", SCAN),
    Reason.PASSKEY_REQUIRED: _human(
        "scanned, and WhatsApp asks for the passkey of this number",
        "Confirm the passkey on the phone of this number; if it asks for nothing, scan again.",
    ),
    Reason.WRONG_NUMBER: _human(
        "another number was scanned than this account's",
        "Scan with the phone of this account's number, or add the scanned number as an account.",
    ),
    Reason.REPLACED: _human(
        "another client took the session over (WhatsApp calls it a conflict)",
        "Find out who else runs this number and stop it; then restart the session.",
        hold_seconds=60,
    ),
    Reason.QR_EXPIRED: _human(
        "no QR code was scanned in time", "Restart the session for a new QR code and scan it."
    ),
    Reason.TERMS_OF_SERVICE: _human(
        "WhatsApp blocks this number for breaking its terms",
        "Do not reconnect. Open WhatsApp on the phone and follow what it says.",
    ),
    Reason.TEMPORARY_BAN: _human(
        "WhatsApp has banned this number for a limited time",
        "Do not reconnect. The phone says how long it lasts; restart the session after that.",
    ),
    Reason.LOGIN_REFUSED: _human(
        "WhatsApp refuses this login: seen for bans, and after the number moved to another phone",
        "Open WhatsApp on the phone: if it is banned, follow what it says; if not, scan again.",
    ),
    Reason.PROXY_BLOCKED: _human(
        "WhatsApp refuses the proxy or address", "Change the gateway's proxy, then restart."
    ),
    Reason.CLIENT_OUTDATED: _human(
        "WhatsApp refuses this version of the gateway", "Update the gateway."
    ),
    Reason.LISTED: _heals("the gateway lists it in this state, without a reason"),
    Reason.MISSING: _heals(
        "the gateway has no such session", "Restart the session; if that fails, scan again."
    ),
    Reason.START_STUCK: _heals(
        "its gateway says that it is starting, for longer than any start takes",
        "Restart the session; if that fails, look at its browser on the gateway's machine.",
    ),
    Reason.NOT_LISTED: _heals(
        "its status says connected, but the gateway's list does not hold it", "Restart the session."
    ),
    Reason.UNREACHABLE: _blind("the gateway does not answer", "Check the gateway, not the phone."),
    Reason.BOOTING: _blind("the gateway has just started", until="it restores one after another"),
    Reason.PARTIAL_LIST: _blind("the gateway's list is not complete", "Check the gateway."),
    Reason.UNKNOWN_WORD: _blind(
        "the gateway says a word for its state that Rollcall does not know",
        "Look at the session at its gateway; tell the makers of Rollcall the word.",
    ),
    Reason.UNSHOWN: _blind(
        "its gateway's lists do not show it, and no read of its own says more",
        until="it is being read again",
    ),
    Reason.UNANSWERED: _blind(
        "its page gave no answer; it is asked three times before that is believed",
        until="it is being asked again",
    ),
    Reason.UNHEARD: _blind(
        "its gateway cannot be read, and has reported nothing about it for long",
        "Check that its gateway still sends webhooks.",
    ),
    Reason.OVERDUE: _blind(
        "no read has shown it lately", "Check that worker, scheduler and Redis run."
    ),
    Reason.MASS_LOSS_UNCONFIRMED: _blind(
        "half of the gateway's sessions vanished at once; waiting until its lists agree for 60 s",
        "Check the gateway; an operator can confirm or dismiss the loss on its page.",
    ),
    Reason.LOSS_DISMISSED: _blind(
        "its gateway's list has lost it, and an operator said that it is not gone",
        "Check the gateway: its list should show it again. If it is gone, mark it disconnected.",
    ),
    Reason.TAKEOVER_DENIED: _blind(
        "a session claimed this number, and a read denied it", until="it is being read again"
    ),
    Reason.MAINTENANCE: _blind(
        "its gateway is under maintenance; its sessions are not judged meanwhile",
        until="judged again when the maintenance ends",
    ),
    Reason.SUSPECT_OURSELVES: _blind(
        "no gateway can be read: the fault is more likely ours than theirs",
        "Check Rollcall's own network and name service.",
    ),
    Reason.NOT_LINKED_YET: ReasonMeaning(
        "registered, not linked yet", False, None, Instruction(SCAN)
    ),
    Reason.AS_WANTED: ReasonMeaning("switched off, as wanted", False, None, NOTHING),
    Reason.OPERATOR: ReasonMeaning("an operator said so", True, None, NOTHING),
    Reason.CLAIMED: _heals("the gateway reported it through the API"),
    Reason.MERGED: ReasonMeaning(
        "merged into the account that has the number", False, None, NOTHING
    ),
    Reason.REPAIR_GAVE_UP: _human(
        f"restarted {MOST_TRIES} times; it disconnected again each time",
        "Restart the session; if that fails, scan again.",
    ),
    Reason.UNRECOGNISED: _heals(
        "the gateway gave a reason that is not in our table yet; its own word is shown"
    ),
}


def meaning(code: str) -> ReasonMeaning:
    """Return the meaning of a code. A code that is not in the table (a row of a newer version)
    reads as unrecognised."""
    try:
        return REASONS[Reason(code)]
    except ValueError:
        return REASONS[Reason.UNRECOGNISED]
