"""What a restart does not cure, or is not the time for, by the world's truth, not by our rows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

MANY_AT_ONCE = "after a mass event, or while we could not act"
FALLS_AGAIN = "what falls again whenever it is up"
PAGE_HANGS = "whose page hangs, so that its gateway answers a restart with 500"
TAKEN = "whose number another client or another account has"
A_PERSONS = "on which a person has acted"
# Longest of all that a webhook comes late.
SAID_LATE = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class Trouble:
    what: str
    began: datetime
    ends: datetime


class Troubles:
    """The troubles by session, and by gateway."""

    def __init__(self) -> None:
        self._of: defaultdict[str, list[Trouble]] = defaultdict(list)

    def befell(self, whom: str, what: str, now: datetime, seconds: float) -> None:
        self._of[whom].append(Trouble(what, now, now + timedelta(seconds=seconds)))

    def between(self, whom: str, lost: datetime, healed: datetime) -> str:
        """The last that was at work from the loss to its end; "" none."""
        since = lost - SAID_LATE
        at_work = [one.what for one in self._of[whom] if one.ends >= since and one.began <= healed]
        return at_work[-1] if at_work else ""
