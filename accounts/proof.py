"""When an account's live client was last proven to be there, and by what: the one rule for all who
tell or ask it. A gateway's "connected" is a claim; where its list is made by asking each page,
being shown connected on it is proof, and nothing is written for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from accounts.status import Status
from gateways.registry import CLIENTS

BY_LIST = "the roll call, which asked its page"
LISTS_THAT_PROVE = frozenset(
    kind for kind, client in CLIENTS.items() if client.capabilities.list_is_probe
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """`by` may be empty: nobody wrote down what it was."""

    at: datetime
    by: str


def last_proof(
    *,
    kind: str,
    status: str,
    proven_at: datetime | None,
    by: str,
    read_at: datetime | None,
    listed_at: datetime | None,
    unshown_since: datetime | None,
) -> Proof | None:
    """`listed_at`: the watermark of its gateway, which counts for every account it has shown."""
    proofs = [Proof(at=proven_at, by=by)] if proven_at is not None else []
    if kind in LISTS_THAT_PROVE and status == Status.CONNECTED:
        shown = (read_at, listed_at if unshown_since is None else None)
        proofs += [Proof(at=moment, by=BY_LIST) for moment in shown if moment is not None]
    return max(proofs, key=lambda proof: proof.at, default=None)


def proven_since(moment: datetime) -> Q:
    """The same, for rows of accounts."""
    by_list = Q(gateway__kind__in=LISTS_THAT_PROVE, status=Status.CONNECTED)
    shown = Q(unshown_since__isnull=True, gateway__listed_at__gte=moment)
    return Q(proven_at__gte=moment) | (by_list & (shown | Q(read_at__gte=moment)))
