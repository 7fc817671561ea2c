"""The actions on a webhook that was not applied: redeliver or discard it."""

from __future__ import annotations

from collections.abc import Sequence

from accounts.words.refusals import Refused
from dashboard.admin.account.verbs import Verb
from webhooks.inbox.redeliver import (
    discard,
    foresee,
    redeliver,
    why_not_discarded,
    why_not_redelivered,
)
from webhooks.models import Delivery

# Seeing what would come of it holds the rows of all their accounts meanwhile.
MOST_REDELIVERED = 100
_FAILED = frozenset({Delivery.State.PENDING, Delivery.State.DEAD})


def _redeliver(delivery: Delivery, actor: str, why: str) -> str:
    """Raises Refused where it failed again."""
    redelivered = redeliver([delivery.pk])
    delivery.refresh_from_db()
    if delivery.state in _FAILED:
        raise Refused(f"it failed again: {delivery.error}")
    if not redelivered.ends:
        raise Refused(f"it is {delivery.state} already")
    return ", ".join(map(str, redelivered.changes))


def _discard(delivery: Delivery, actor: str, why: str) -> None:
    if not discard([delivery.pk], why=why, actor=actor):
        raise Refused("it was handled meanwhile")


def _foreseen(deliveries: Sequence[Delivery]) -> str:
    return f"It would change {foresee([delivery.pk for delivery in deliveries])}."


REDELIVER = Verb(
    name="redeliver",
    label="Redeliver delivery",
    done="Redelivered",
    costs=(
        "Each is applied again, oldest first, as of the time it was received: where newer data "
        "is known, it changes nothing. An account that changes is read from its gateway."
    ),
    act=_redeliver,
    refusal=lambda delivery, now: why_not_redelivered(delivery),
    icon="replay",
    most=MOST_REDELIVERED,
    foresee=_foreseen,
)
DISCARD = Verb(
    name="discard",
    label="Discard delivery",
    done="Discarded",
    costs=(
        "It is not retried. It stays in the inbox with your reason, and can be redelivered "
        "until it is deleted for its age."
    ),
    act=_discard,
    refusal=lambda delivery, now: why_not_discarded(delivery),
    icon="delete",
    asks_why=True,
)
DELIVERY_VERBS = {verb.name: verb for verb in (REDELIVER, DISCARD)}
