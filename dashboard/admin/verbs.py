"""What a person may do with accounts. Each verb says what it costs before it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from accounts import lifecycle
from accounts.models import Account
from accounts.status import LIVE, Wanted
from gateways.registry import CLIENTS

Refusal = Callable[[Account, datetime], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """`act(account, actor, why)` raises lifecycle.Refused or GatewayError. `refusal` says why an
    account is skipped, or nothing. `most` accounts at once."""

    name: str
    label: str
    done: str
    costs: str
    act: Callable[[Account, str, str], object]
    refusal: Refusal
    icon: str
    asks_why: bool = False
    dangerous: bool = False
    most: int = 500


# A verb that speaks to a gateway may take a minute for each account.
MOST_AT_GATEWAYS = 10


def _gone(account: Account) -> str:
    if account.merged_into_id is not None:
        return f"it was merged into account {account.merged_into_id}"
    return "it is archived: register the number again first" if account.archived_at else ""


def _no_session(account: Account) -> str:
    return _gone(account) or ("" if account.session_id else "it has no session")


def _cannot_restart(account: Account, now: datetime) -> str:
    if account.wanted != Wanted.RUNNING:
        return "it is wanted stopped: want it running first"
    return _no_session(account)


def _cannot_stop(account: Account, now: datetime) -> str:
    if account.wanted == Wanted.STOPPED and account.shown_status(now) not in LIVE:
        return "it is stopped, or wanted so, and not seen running"
    return _no_session(account)


def _cannot_want(wanted: Wanted) -> Refusal:
    def refusal(account: Account, now: datetime) -> str:
        return f"it is wanted {wanted} already" if account.wanted == wanted else _gone(account)

    return refusal


def _cannot_mark(account: Account, now: datetime) -> str:
    if account.status in ("disconnected", "stopped"):
        return f"it is {account.status} already"
    return _no_session(account)


def _cannot_archive(account: Account, now: datetime) -> str:
    return _gone(account)


def _stop(account: Account, actor: str, why: str) -> None:
    lifecycle.stop(account, actor=actor)


def _want(wanted: Wanted) -> Callable[[Account, str, str], object]:
    return lambda account, actor, why: lifecycle.want(account, wanted, actor=actor)


def _stopping_costs() -> str:
    losing = [kind for kind, client in CLIENTS.items() if not client.stop_keeps_login]
    return (
        "The session is switched off at its gateway, after a read has shown it there. "
        f"Gateways of kind {', '.join(losing)} delete the login with it: to run the number again "
        "somebody must scan a QR code with the phone."
    )


VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb(
            name="restart",
            label="Restart session",
            done="Restarted",
            costs=(
                "The gateway closes the session's browser and starts it again. The login is kept. "
                "For up to a minute no message can be sent, and this page waits for the answer."
            ),
            act=lambda account, actor, why: lifecycle.restart(account, actor=actor),
            refusal=_cannot_restart,
            icon="restart_alt",
            most=MOST_AT_GATEWAYS,
        ),
        Verb(
            name="want-running",
            label="Want it running",
            done="Wanted running",
            costs=(
                "The gateway is told to restore the session at its next start, and what is seen of "
                "it is judged accordingly. Nothing is started now: restart the session for that."
            ),
            act=_want(Wanted.RUNNING),
            refusal=_cannot_want(Wanted.RUNNING),
            icon="play_circle",
        ),
        Verb(
            name="want-stopped",
            label="Want it stopped, keep the login",
            done="Wanted stopped",
            costs=(
                "The gateway does not restore the session at its next start. A session that runs "
                "now is left alone, keeps its login, and is shown as running unwanted."
            ),
            act=_want(Wanted.STOPPED),
            refusal=_cannot_want(Wanted.STOPPED),
            icon="pause_circle",
        ),
        Verb(
            name="stop",
            label="Stop session now",
            done="Stopped",
            costs=_stopping_costs(),
            act=_stop,
            refusal=_cannot_stop,
            icon="stop_circle",
            dangerous=True,
            most=MOST_AT_GATEWAYS,
        ),
        Verb(
            name="mark-disconnected",
            label="Mark disconnected",
            done="Marked disconnected",
            costs=(
                "The account reads disconnected from now on, at your word. Nothing is done to the "
                "session, and a read that shows it alive says so again within 20 s."
            ),
            act=lambda account, actor, why: lifecycle.mark_disconnected(
                account, why=why, actor=actor
            ),
            refusal=_cannot_mark,
            icon="cloud_off",
            asks_why=True,
        ),
        Verb(
            name="archive",
            label="Archive",
            done="Archived",
            costs=(
                "The account is hidden and not wanted any more; its history is kept. The gateway "
                "may delete its login files from now on. A session that still runs is not stopped "
                "by this. Registering the number again brings the account back."
            ),
            act=lambda account, actor, why: lifecycle.archive(account, actor=actor),
            refusal=_cannot_archive,
            icon="archive",
            asks_why=True,
            dangerous=True,
        ),
    )
}
