"""Result of a difference after it was observed; it may differ from the expected one. Pure."""

from __future__ import annotations

from dataclasses import replace

from accounts.state.observations import Outcome, Verdict
from reconciliation.models import Finding
from reconciliation.rollcall.values import Difference

OVERTAKEN = frozenset({Verdict.OLDER, Verdict.STILL_FRESH})
_MOVED = frozenset({Verdict.TAKEN_OVER, Verdict.TAKEN_BACK, Verdict.MERGED})


def settled(difference: Difference, outcome: Outcome) -> list[Difference]:
    """Return the differences to report; an empty list if something newer arrived meanwhile."""
    if outcome.verdict in OVERTAKEN:
        return []
    if outcome.verdict is Verdict.DUPLICATE:
        why = f"account {outcome.account_id} runs on another gateway, proven lately"
        return [_duplicate(difference, outcome, why=why)]
    if outcome.verdict in _MOVED:
        if difference.kind is not Finding.Kind.DUPLICATE or difference.held:
            why = f"account {outcome.account_id} runs on this session now"
            difference = _duplicate(difference, outcome, why=why)
        return [replace(difference, held=False, now=outcome.now or difference.now)]
    if outcome.account_id is None or difference.held:
        return [difference]
    return [replace(difference, now=outcome.now or difference.now)]


def _duplicate(difference: Difference, outcome: Outcome, *, why: str) -> Difference:
    return replace(
        difference,
        kind=Finding.Kind.DUPLICATE,
        account_id=outcome.account_id,
        was=outcome.was or "",
        why=why,
    )
