"""An operator's word on a mass loss, so that nobody waits for its lists to agree."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from accounts import losses
from accounts.models import Gateway
from accounts.observations import Outcome
from dashboard.admin.verbs import Verb
from gateways.base import Reason


def _nothing_to_confirm(gateway: Gateway, now: datetime) -> str:
    lost = losses.sessions_lost(gateway, losses.CONFIRMABLE)
    return "" if lost else "no loss of its sessions waits for a word"


def _nothing_to_dismiss(gateway: Gateway, now: datetime) -> str:
    lost = losses.sessions_lost(gateway, losses.AWAITING)
    return "" if lost else "no loss of its sessions waits for a word"


def _lost(gateways: Sequence[Gateway], reasons: Collection[Reason]) -> str:
    number = sum(len(losses.sessions_lost(gateway, reasons)) for gateway in gateways)
    return f"{number} of its accounts"


LOSS_VERBS = (
    Verb(
        name="confirm-loss",
        label="Confirm the loss",
        done="Confirmed the loss at",
        costs=(
            "Every account that vanished from its list reads disconnected from now on. Nothing is "
            "done to the sessions, and a list that shows one again says so within 20 s."
        ),
        act=lambda gateway, actor, why: _told(losses.confirm_loss(gateway, actor=actor)),
        refusal=_nothing_to_confirm,
        icon="heart_broken",
        foresee=lambda gateways: f"{_lost(gateways, losses.CONFIRMABLE)} would be disconnected.",
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
        act=lambda gateway, actor, why: _told(losses.dismiss_loss(gateway, actor=actor)),
        refusal=_nothing_to_dismiss,
        icon="heart_check",
        foresee=lambda gateways: f"{_lost(gateways, losses.AWAITING)} would stay unknown.",
    ),
)


def _told(outcomes: list[Outcome]) -> str:
    return f"{len(outcomes)} accounts"
