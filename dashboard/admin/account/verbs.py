"""The actions on an account. Each says what it costs before it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import Account, Repair
from accounts.operators import lifecycle, show_qr
from accounts.repair import repairs
from accounts.repair.obstacles import cannot_pause, cannot_unlink, gone, no_session
from accounts.store import clock
from accounts.words.status import LIVE, Status, Wanted

Refusal = Callable[[Any, datetime], str]
# An answer that is text is added to the report.
Act = Callable[[Any, str, str], object]
Foresee = Callable[[Sequence[Any]], str]

# An action at a gateway may take a minute for each row.
MOST_AT_GATEWAYS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """`act(row, actor, why)` raises Refused or GatewayError. `refusal` says why a row is
    skipped, or nothing. `foresee(rows)`, where there is one, says what would come of it, and
    changes nothing. At most `most` rows at once."""

    name: str
    label: str
    done: str
    costs: str
    act: Act
    refusal: Refusal
    icon: str
    asks_why: bool = False
    dangerous: bool = False
    most: int = 500
    foresee: Foresee | None = None
    # Hidden where it cannot be done; other actions are then shown greyed, with the reason.
    only_when_possible: bool = False


def _cannot_restart(account: Account, now: datetime) -> str:
    return repairs.why_not(account, Repair.Asker.OPERATOR, now)


def _restart(account: Account, actor: str, why: str) -> str:
    repair = lifecycle.restart(account, actor=actor, why=why)
    return f"{account}: {repairs.standing(repair, clock.database_now())}"


def _cannot_pause(account: Account, now: datetime) -> str:
    return cannot_pause(account) or _is_off(account, now)


def _cannot_unlink(account: Account, now: datetime) -> str:
    return cannot_unlink(account) or _is_off(account, now)


def _is_off(account: Account, now: datetime) -> str:
    if account.wanted == Wanted.STOPPED and account.shown_status(now) not in LIVE:
        return "it is kept stopped already, and not seen running"
    return ""


def _cannot_lift(account: Account, now: datetime) -> str:
    return gone(account) or ("" if account.quarantined_until else "it is not in quarantine")


def _cannot_show(account: Account, now: datetime) -> str:
    if account.shown_status(now) is not Status.QR_SCANNING:
        return "it does not wait for a scan"
    return no_session(account) or show_qr.why_not_shown(account)


def _cannot_want(wanted: Wanted) -> Refusal:
    def refusal(account: Account, now: datetime) -> str:
        return f"it is kept {wanted} already" if account.wanted == wanted else gone(account)

    return refusal


def _cannot_mark(account: Account, now: datetime) -> str:
    if account.status in ("disconnected", "stopped"):
        return f"it is {account.status} already"
    return no_session(account)


def _want(wanted: Wanted) -> Act:
    return lambda account, actor, why: lifecycle.want(account, wanted, actor=actor)


def _cannot_keep(account: Account, now: datetime) -> str:
    if account.wanted != Wanted.RUNNING:
        return "it is kept stopped"
    has_twins = account.phone_number and lifecycle.twins_of(account).exists()
    return "" if has_twins else "no other account that should run has its number"


def _kept(others: Sequence[Account]) -> str:
    return f"kept stopped: {', '.join(f'account {other.pk}' for other in others)}"


RESTART = Verb(
    name="restart",
    label="Restart session",
    done="Restart queued:",
    costs=(
        "The restart is queued: at most two run at once at one gateway. The gateway closes the "
        "session's browser and starts it again. The login is kept. No message can be sent for up "
        "to a minute. The account's page shows the place in the queue and the result."
    ),
    act=_restart,
    refusal=_cannot_restart,
    icon="restart_alt",
)
WANT_RUNNING = Verb(
    name="want-running",
    label="Keep running",
    done="Set to keep running:",
    costs=(
        "The gateway restores the session at its next start, and Rollcall treats its absence as a "
        "loss. Nothing is started now: use Restart session for that."
    ),
    act=_want(Wanted.RUNNING),
    refusal=_cannot_want(Wanted.RUNNING),
    icon="play_circle",
)
WANT_STOPPED = Verb(
    name="want-stopped",
    label="Keep stopped (login kept)",
    done="Set to keep stopped:",
    costs=(
        "The gateway does not restore the session at its next start. Where the gateway can stop a "
        "session without deleting its login, Rollcall stops it; elsewhere it runs on, and is "
        "shown as running, but should be stopped."
    ),
    act=_want(Wanted.STOPPED),
    refusal=_cannot_want(Wanted.STOPPED),
    icon="pause_circle",
)
PAUSE = Verb(
    name="pause",
    label="Pause session (stays linked)",
    done="Paused",
    costs=(
        "The gateway stops the session, after a read has shown it there, and the account is set "
        "to keep stopped. The login is kept: Keep running and Restart session start it again "
        "without a scan. No message can be sent or received meanwhile."
    ),
    act=lambda account, actor, why: lifecycle.pause(account, actor=actor),
    refusal=_cannot_pause,
    icon="stop_circle",
    most=MOST_AT_GATEWAYS,
)
UNLINK = Verb(
    name="unlink",
    label="Unlink session (needs a new scan)",
    done="Unlinked",
    costs=(
        "The gateway logs the session out, after a read has shown it there, and the account is "
        "set to keep stopped. The login is deleted: to run the number again somebody must scan a "
        "QR code with the phone."
    ),
    act=lambda account, actor, why: lifecycle.unlink(account, actor=actor),
    refusal=_cannot_unlink,
    icon="link_off",
    dangerous=True,
    most=MOST_AT_GATEWAYS,
)
LIFT_QUARANTINE = Verb(
    name="lift-quarantine",
    label="Lift quarantine",
    done="Lifted",
    costs=(
        "Rollcall restarted it several times, and it disconnected again each time. From now on it "
        "may be repaired again, from the first attempt on, and customers may restart it."
    ),
    act=lambda account, actor, why: repairs.lift_quarantine(account, actor=actor),
    refusal=_cannot_lift,
    icon="healing",
    only_when_possible=True,
)
SHOW_CODE = Verb(
    name="show-code",
    label="Show QR code",
    done="Asked for the code of",
    costs=(
        "The gateway is asked for the code that the session shows now. The account's page shows "
        "it for 20 s, to users who may change accounts: whoever scans it links a phone."
    ),
    act=lambda account, actor, why: show_qr.show_code(account),
    refusal=_cannot_show,
    icon="qr_code_2",
    most=MOST_AT_GATEWAYS,
)
KEEP_THIS_ONE = Verb(
    name="keep-this-one",
    label="Keep this account",
    done="Kept",
    costs=(
        "The other accounts that should run with this number, in any workspace, are set to keep "
        "stopped. Where their gateway can stop a session without deleting its login, Rollcall "
        "stops them; elsewhere they are listed as running, but should be stopped. This one may "
        "be repaired again."
    ),
    act=lambda account, actor, why: _kept(lifecycle.keep_this_one(account, actor=actor)),
    refusal=_cannot_keep,
    icon="join_inner",
    dangerous=True,
    only_when_possible=True,
    most=1,
)
MARK_DISCONNECTED = Verb(
    name="mark-disconnected",
    label="Mark disconnected",
    done="Marked disconnected",
    costs=(
        "The account is shown as disconnected. Nothing is done to the session: a read that shows "
        "it alive changes the status again within 20 s."
    ),
    act=lambda account, actor, why: lifecycle.mark_disconnected(account, why=why, actor=actor),
    refusal=_cannot_mark,
    icon="cloud_off",
    asks_why=True,
)
ARCHIVE = Verb(
    name="archive",
    label="Archive account",
    done="Archived",
    costs=(
        "The account is hidden and set to keep stopped; its history is kept. The gateway may "
        "delete its login files from now on. A session that still runs is not stopped by this. "
        "Registering the number again brings the account back."
    ),
    act=lambda account, actor, why: lifecycle.archive(account, actor=actor),
    refusal=lambda account, now: gone(account),
    icon="archive",
    asks_why=True,
    dangerous=True,
)
ACCOUNT_VERBS = {
    verb.name: verb
    for verb in (
        RESTART,
        SHOW_CODE,
        LIFT_QUARANTINE,
        KEEP_THIS_ONE,
        WANT_RUNNING,
        WANT_STOPPED,
        PAUSE,
        UNLINK,
        MARK_DISCONNECTED,
        ARCHIVE,
    )
}
