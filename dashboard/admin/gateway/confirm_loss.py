"""The operator's decision on a mass loss, without waiting for its lists to agree."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from accounts.models import Gateway
from accounts.operators import confirm_loss
from accounts.state.observations import Outcome
from dashboard.admin.account.verbs import Verb
from gateways.base import Reason


def _nothing_to_confirm(gateway: Gateway, now: datetime) -> str:
    lost = confirm_loss.sessions_lost(gateway, confirm_loss.CONFIRMABLE)
    return "" if lost else "no loss of its sessions waits for a decision"


def _nothing_to_dismiss(gateway: Gateway, now: datetime) -> str:
    lost = confirm_loss.sessions_lost(gateway, confirm_loss.AWAITING)
    return "" if lost else "no loss of its sessions waits for a decision"


def _lost(gateways: Sequence[Gateway], reasons: Collection[Reason]) -> str:
    number = sum(len(confirm_loss.sessions_lost(gateway, reasons)) for gateway in gateways)
    return f"{number} of its accounts"


LOSS_VERBS = (
    Verb(
        name="confirm-loss",
        label="Confirm the loss",
        done="Confirmed the loss at",
        costs=(
            "Every account that vanished from its list is shown as disconnected. Nothing is done "
            "to the sessions; a list that shows one again changes its status within 20 s."
        ),
        act=lambda gateway, actor, why: _told(confirm_loss.confirm_loss(gateway, actor=actor)),
        refusal=_nothing_to_confirm,
        icon="heart_broken",
        foresee=lambda gateways: (
            f"{_lost(gateways, confirm_loss.CONFIRMABLE)} would be disconnected."
        ),
        dangerous=True,
    ),
    Verb(
        name="dismiss-loss",
        label="Dismiss the loss",
        done="Dismissed the loss at",
        costs=(
            "The accounts that vanished from its list stay unknown, and never become disconnected "
            "for it, until a read or a webhook shows them again. The incident is closed."
        ),
        act=lambda gateway, actor, why: _told(confirm_loss.dismiss_loss(gateway, actor=actor)),
        refusal=_nothing_to_dismiss,
        icon="heart_check",
        foresee=lambda gateways: f"{_lost(gateways, confirm_loss.AWAITING)} would stay unknown.",
    ),
)


def _told(outcomes: list[Outcome]) -> str:
    return f"{len(outcomes)} accounts"
