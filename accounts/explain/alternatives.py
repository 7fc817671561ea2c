"""The other statuses, and why the account has none of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from accounts.explain.shown_status import age, code_of, said_keep
from accounts.models import Account
from accounts.words.durations import can_be_read
from accounts.words.status import Status, Wanted
from gateways.base import Reason

_NOT_DISCONNECTED: dict[str, str] = {
    Reason.UNREACHABLE: "a gateway that cannot be read says nothing about its sessions",
    Reason.BOOTING: "its gateway restores one after another: absence means nothing yet",
    Reason.PARTIAL_LIST: "absence from a list that is not whole means nothing",
    Reason.UNSHOWN: "absence from a list is believed only once a read says the same",
    Reason.UNANSWERED: "a page that does not answer is asked three times over at least 30 s",
    Reason.UNHEARD: "silence of a gateway that cannot be read says nothing of a loss",
    Reason.OVERDUE: "no check has run, so none has seen it gone",
    Reason.MASS_LOSS_UNCONFIRMED: "half of a gateway at once is more likely a wrong list",
    Reason.LOSS_DISMISSED: "an operator said that it is not gone",
    Reason.TAKEOVER_DENIED: "its own session has not been read yet",
    Reason.MAINTENANCE: "absence is not judged under maintenance",
    Reason.SUSPECT_OURSELVES: "when no gateway can be read, the fault is more likely ours",
}
_STAYS = "not unknown: it stays until the session is seen alive or an operator changes it"
_FIXED: dict[Status, tuple[str, ...]] = {
    Status.PENDING: ("not disconnected: nobody has started it yet, so nothing is lost",),
    Status.CONNECTING: ("not connected: nothing has shown it ready yet",),
    Status.QR_SCANNING: (
        "not connected: its code was not scanned yet",
        "not logged out: a session waits for the scan",
    ),
    Status.UNRESPONSIVE: (
        "not connected: that is only what its gateway claims",
        "not disconnected: nothing has said definitely that it is gone",
    ),
    Status.LOGGED_OUT: (
        "not disconnected: its login is gone, so no restart brings it back",
        _STAYS,
    ),
    Status.BLOCKED: (
        "not disconnected: a restart does not help against a refusal",
        _STAYS,
    ),
    Status.FAILED: ("not disconnected: every repair was tried, and it disconnected again",),
    Status.STOPPED: ("not disconnected: it should be stopped",),
}


def ruled_out(account: Account, shown: Status, now: datetime) -> list[str]:
    """Return one line per status: "not disconnected: …"."""
    return list(_FINDERS[shown](account, now) if shown in _FINDERS else _FIXED[shown])


def _of_connected(account: Account, now: datetime) -> Iterator[str]:
    shown_at = age(account.fresh_at or now, now)
    shown = "shown" if can_be_read(account.gateway.kind) else "reported"
    keeps = said_keep(account.gateway.kind)
    yield f"not unknown: it was last {shown} {shown_at} ago, and that counts for {keeps}"
    if account.unshown_since is None:
        yield "not disconnected: no complete list has left it out since a list showed it"
    else:
        gone = age(account.unshown_since, now)
        yield f"not disconnected: lists leave it out for {gone}, but no read has denied it"
    if account.probe_failures:
        probes = "probe" if account.probe_failures == 1 else "probes"
        yield (
            f"not unresponsive: {account.probe_failures} {probes} failed, it takes three over at "
            "least 30 s with nothing else speaking for it"
        )
    else:
        yield (
            "not unresponsive: no probe of its live client has failed; no messages is not a failure"
        )


def _of_unknown(account: Account, now: datetime) -> Iterator[str]:
    code = code_of(account, Status.UNKNOWN, now)
    yield f"not connected: {_unshown(account, now)}"
    yield f"not disconnected: {_NOT_DISCONNECTED.get(code, 'nothing has said that it is gone')}"


def _unshown(account: Account, now: datetime) -> str:
    """Return since when no read shows it. Messages may still arrive for a session that is absent
    from lists; they show no session."""
    blind = account.gateway.blind_since is not None
    gone = account.unshown_since or (account.gateway.listed_at if blind else None)
    if gone is None:
        return f"nothing has shown it for {age(account.fresh_at or now, now)}"
    last_shown = max(gone, account.read_at or gone)
    return f"no list and no read has shown it for {age(last_shown, now)}"


def _of_disconnected(account: Account, now: datetime) -> Iterator[str]:
    blind_since = account.gateway.blind_since
    if blind_since is not None:
        blind = age(blind_since, now)
        yield (
            "not unknown: it was lost before, and the gateway has been unreachable for only "
            f"{blind}"
        )
    elif account.gateway.listed_at is not None:
        listed = age(account.gateway.listed_at, now)
        yield f"not unknown: its gateway can be read, with a complete list {listed} ago"
    yield "not logged out: nothing has said that the phone or WhatsApp unlinked it"
    if account.wanted == Wanted.RUNNING:
        yield "not stopped: it should be running"


_FINDERS = {
    Status.CONNECTED: _of_connected,
    Status.UNKNOWN: _of_unknown,
    Status.DISCONNECTED: _of_disconnected,
}
