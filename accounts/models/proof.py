"""The last proof that an account's live client was connected. The one rule for all who show or
query it.

A gateway's "connected" is a claim. Where its list is made by asking each page, a "connected" there
is proof, and nothing is written for it. Proof from before the account was lost says nothing about
the connection after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Q

from accounts.words.status import Status
from gateways.registry import KINDS

BY_LIST = "the roll call, which asked its page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Proof of life. `by` may be empty: its origin was not recorded. `holds`: the account was not
    lost since."""

    at: datetime
    by: str
    holds: bool


def lists_that_prove() -> frozenset[str]:
    """Return the kinds of gateway whose list is made by asking each page, if that proves."""
    kinds = {name: kind.capabilities for name, kind in KINDS.items()}
    return frozenset(name for name, can in kinds.items() if can.list_is_probe and can.page_proves)


def last_proof(
    *,
    kind: str,
    status: str,
    since: datetime,
    lost_at: datetime | None,
    proven_at: datetime | None,
    by: str,
    read_at: datetime | None,
    listed_at: datetime | None,
    unshown_since: datetime | None,
) -> Proof | None:
    """Return the newest proof of this account, or None.

    `listed_at`: the watermark of its gateway, valid for every account that the list showed. Lists
    from before `since` showed the account in another status.
    """
    proofs = []
    if proven_at is not None:
        holds = lost_at is None or proven_at > lost_at
        proofs.append(Proof(at=proven_at, by=by, holds=holds))
    if kind in lists_that_prove() and status == Status.CONNECTED:
        shown = (read_at, listed_at if unshown_since is None else None)
        proofs += [
            Proof(at=moment, by=BY_LIST, holds=True)
            for moment in shown
            if moment is not None and moment >= since
        ]
    return max(proofs, key=lambda proof: proof.at, default=None)


def proven_since(moment: datetime) -> Q:
    """SQL twin of `last_proof`: select accounts that were proven at `moment` or later."""
    by_list = Q(gateway__kind__in=lists_that_prove(), status=Status.CONNECTED)
    listed = Q(gateway__listed_at__gte=moment) & Q(gateway__listed_at__gte=F("status_since"))
    read = Q(read_at__gte=moment) & Q(read_at__gte=F("status_since"))
    holds = Q(lost_at__isnull=True) | Q(proven_at__gt=F("lost_at"))
    shown = listed & Q(unshown_since__isnull=True) | read
    return Q(proven_at__gte=moment) & holds | by_list & shown
