"""The actions on a webhook that was not applied: redrive or discard it."""

from __future__ import annotations

from collections.abc import Sequence

from accounts.words.refusals import Refused
from dashboard.admin.account.verbs import Verb
from webhooks.inbox.redrive import discard, foresee, redrive, why_not_discarded, why_not_redriven
from webhooks.models import Delivery

# Seeing what would come of it holds the rows of all their accounts meanwhile.
MOST_REDRIVEN = 100
_FAILED = frozenset({Delivery.State.PENDING, Delivery.State.DEAD})


def _redrive(delivery: Delivery, actor: str, why: str) -> str:
    """Raises Refused where it failed again."""
    redriven = redrive([delivery.pk])
    delivery.refresh_from_db()
    if delivery.state in _FAILED:
        raise Refused(f"it failed again: {delivery.error}")
    if not redriven.ends:
        raise Refused(f"it is {delivery.state} already")
    return ", ".join(map(str, redriven.changes))


def _discard(delivery: Delivery, actor: str, why: str) -> None:
    if not discard([delivery.pk], why=why, actor=actor):
        raise Refused("it was handled meanwhile")


def _foreseen(deliveries: Sequence[Delivery]) -> str:
    return f"It would change {foresee([delivery.pk for delivery in deliveries])}."


REDRIVE = Verb(
    name="redrive",
    label="Redrive delivery",
    done="Redriven",
    costs=(
        "Each is applied again, oldest first, as of the time it was received: where newer data "
        "is known, it changes nothing. An account that changes is read from its gateway."
    ),
    act=_redrive,
    refusal=lambda delivery, now: why_not_redriven(delivery),
    icon="replay",
    most=MOST_REDRIVEN,
    foresee=_foreseen,
)
DISCARD = Verb(
    name="discard",
    label="Discard delivery",
    done="Discarded",
    costs=(
        "It is not retried. It stays in the inbox with your reason, and can be redriven until it "
        "is deleted for its age."
    ),
    act=_discard,
    refusal=lambda delivery, now: why_not_discarded(delivery),
    icon="delete",
    asks_why=True,
)
DELIVERY_VERBS = {verb.name: verb for verb in (REDRIVE, DISCARD)}
