"""The rule that decided, in words, and who applied it."""

from __future__ import annotations

from accounts.explain.shown_status import is_expired, said_keep
from accounts.models import Account, Transition
from accounts.words.durations import can_be_read
from accounts.words.status import Source, Status
from accounts.words.step_codes import MOST_TRIES
from gateways.base import Reason

_BY_REASON: dict[tuple[str, str], str] = {
    (Source.LIST, Reason.MASS_LOSS_UNCONFIRMED): (
        "at least three, and at least half of its gateway's connected accounts were absent from "
        "one complete list: all of them are unknown until its lists have agreed for 60 s and each "
        "was read"
    ),
    (Source.READ, Reason.NOT_LISTED): (
        "connected by its own status, which is a variable, and absent from the list of the same "
        "gateway: two answers that contradict each other, and it has not spoken for 60 s"
    ),
    (Source.READ, Reason.TAKEOVER_DENIED): (
        "a session claimed this number, and a targeted read denied it: the claim is undone"
    ),
    (Source.OPERATOR, Reason.LOSS_DISMISSED): (
        "an operator said that its loss is none: unknown until something shows it again"
    ),
    (Source.PROBE, Reason.BROWSER_GONE): (
        "a probe of the live client got a definite answer: there is no page behind the session"
    ),
    (Source.LIST, Reason.BOOTING): (
        "listed as waiting for a scan while its gateway is booting, and no QR code was seen: it is "
        "being restored"
    ),
}
_BY_STATUS: dict[tuple[str, str], str] = {
    (Source.LIST, Status.DISCONNECTED): "its gateway's list shows it as gone",
    (
        Source.LIST,
        Status.STOPPED,
    ): "it should be stopped, and is absent from a complete list or gone in it",
    (Source.READ, Status.STOPPED): "it should be stopped, and a targeted read finds it gone",
    (Source.READ, Status.CONNECTED): "a targeted read shows it connected",
    (Source.PROBE, Status.UNRESPONSIVE): (
        "three probes of the live client in a row, over at least 30 s, had no answer, and nothing "
        "else spoke for it"
    ),
    (Source.PROBE, Status.CONNECTED): "a probe of the live client was answered",
    (
        Source.REPAIR,
        Status.FAILED,
    ): f"restarted {MOST_TRIES} times; it disconnected again each time",
}
_BY_SOURCE: dict[str, str] = {
    Source.WEBHOOK: "the gateway reported this by webhook; a check confirms it",
    Source.LIST: "its gateway's list shows it so, and nothing newer says otherwise",
    Source.READ: "a targeted read shows it so",
    Source.PROBE: "a probe of the live client shows it so",
    Source.CLAIM: "the gateway reported this through the API; a check confirms it",
    Source.OPERATOR: "set by an operator; the next read may say otherwise",
    Source.REGISTRATION: "as it was registered: what has been seen since says the same",
    Source.REPAIR: "what our own repair found",
}
_GONE = (Status.DISCONNECTED, Reason.MISSING)


def decided_by(account: Account, shown: Status, last: Transition | None) -> str:
    """Return who reported it, where to look, and what changed. `last`: its last transition."""
    if is_expired(account, shown):
        return "the age of what we know: no read has shown it in time"
    if last is None:
        return "its registration"
    by = f" by {last.actor}" if last.actor else ""
    evidence = f" ({last.evidence})" if last.evidence else ""
    return f"{last.get_source_display()}{by}{evidence}: {last.change}"


def rule_of(account: Account, shown: Status, last: Transition | None) -> str:
    """Return a sentence without its full stop."""
    if account.merged_into_id is not None:
        return "two accounts had one number: the older row keeps it"
    if is_expired(account, shown) or (last is not None and last.source == Source.SWEEP):
        kind = account.gateway.kind
        begin = "the last read that showed it" if can_be_read(kind) else "it was last heard"
        return f"a live word is believed for {said_keep(kind)} after {begin}"
    if last is None:
        return "as it was registered: nothing has been seen since that would change it"
    if account.status_reason == Reason.WRONG_NUMBER:
        return "its session connected with another number, and an account's number never changes"
    if (account.status, account.status_reason) == _GONE and last.source in _ABSENCE:
        return _ABSENCE[Source(last.source)][account.unshown_since is not None]
    return (
        _BY_REASON.get((last.source, account.status_reason))
        or _BY_STATUS.get((last.source, account.status))
        or _BY_SOURCE.get(last.source)
        or "the newest observation counts"
    )


# Key: True if lists have left it out.
_ABSENCE: dict[Source, dict[bool, str]] = {
    Source.READ: {
        True: "absent from a complete list and denied by a targeted read",
        False: "denied by a targeted read: its gateway has no such session",
    },
    Source.LIST: dict.fromkeys(
        (True, False),
        "absent, with at least half of its gateway's accounts, from every complete list of 60 s",
    ),
}
