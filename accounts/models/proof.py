"""When an account's live client was last proven to be there, and by what: the one rule for all who
tell or ask it. A gateway's "connected" is a claim; where its list is made by asking each page,
being shown connected on it is proof, and nothing is written for it.

What was proven before the account was lost says nothing of the connection after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Q

from accounts.words.status import Status
from gateways.registry import KINDS

BY_LIST = "the roll call, which asked its page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """`by` may be empty: nobody wrote down what it was. `holds`: nothing has lost it since."""

    at: datetime
    by: str
    holds: bool


def lists_that_prove() -> frozenset[str]:
    """The kinds of gateway whose list is made by asking each page."""
    return frozenset(name for name, kind in KINDS.items() if kind.capabilities.list_is_probe)


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
    """`listed_at`: the watermark of its gateway, which counts for every account it has shown. Lists
    of before its word have shown it in another one."""
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
    """The same, for rows of accounts."""
    by_list = Q(gateway__kind__in=lists_that_prove(), status=Status.CONNECTED)
    listed = Q(gateway__listed_at__gte=moment) & Q(gateway__listed_at__gte=F("status_since"))
    read = Q(read_at__gte=moment) & Q(read_at__gte=F("status_since"))
    holds = Q(lost_at__isnull=True) | Q(proven_at__gt=F("lost_at"))
    shown = listed & Q(unshown_since__isnull=True) | read
    return Q(proven_at__gte=moment) & holds | by_list & shown
