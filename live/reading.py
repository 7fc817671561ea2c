"""What pages must show anew: rows of accounts, and what changed in the last moments."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

from accounts.store import clock

# Rows of one statement, and of one event.
MOST_ROWS = 2000
# A transaction may commit later than one that began after it: each look goes back this far.
LOOKS_BACK_SECONDS = 30

# One statement, whatever changed. The parts are small: the open ones and those of the last moments.
_LATELY = """
SELECT clock_timestamp(),
  (SELECT coalesce(json_agg(json_build_array(id, account_id)), '[]') FROM account_transitions
    WHERE created_at > clock_timestamp() - %(back)s * interval '1 second'),
  (SELECT coalesce(json_agg(json_build_array(
          id, gateway_id, count, closed_at, acknowledged_at, muted_until)), '[]') FROM incidents
    WHERE closed_at IS NULL OR closed_at > clock_timestamp() - %(back)s * interval '1 second'),
  (SELECT coalesce(json_agg(json_build_array(id, account_id, state)), '[]') FROM account_repairs
    WHERE state IN ('waiting', 'running', 'unclear')
       OR finished_at > clock_timestamp() - %(back)s * interval '1 second'),
  (SELECT coalesce(json_agg(json_build_array(
          id, id, blind_since, mode, repair_paused_at, booted_at)), '[]') FROM accounts_gateway)
"""


@dataclass(frozen=True, slots=True)
class ShownAccount:
    """An account as an event carries it. `text`: its JSON, made once for all streams."""

    uuid: str
    workspace_id: int
    text: str


@dataclass(slots=True)
class Changes:
    """What changed, by its ids. `more`: also accounts that are not named."""

    accounts: set[int] = field(default_factory=set)
    gateways: set[int] = field(default_factory=set)
    incidents: bool = False
    more: bool = False

    def add(self, other: Changes) -> None:
        self.accounts |= other.accounts
        self.gateways |= other.gateways
        self.incidents = self.incidents or other.incidents
        self.more = self.more or other.more

    def __bool__(self) -> bool:
        return bool(self.accounts or self.gateways or self.incidents or self.more)

    @classmethod
    def of_message(cls, text: str) -> Changes:
        """Raises ValueError, KeyError or TypeError if it is none of ours."""
        said = json.loads(text)
        return cls(
            accounts={int(pk) for pk in said["accounts"]},
            gateways={int(pk) for pk in said["gateways"]},
            incidents=bool(said["incidents"]),
            more=bool(said["more"]),
        )


class Lookout:
    """Looks at the database again and again, and tells what is new since the last look."""

    def __init__(self) -> None:
        self._known: tuple[set[tuple[Any, ...]], ...] = (set(), set(), set(), set())
        self.at: datetime | None = None

    def look(self) -> Changes:
        """Look once, in one statement. At the first look all of the last moments is new."""
        with connection.cursor() as cursor:
            cursor.execute(_LATELY, {"back": LOOKS_BACK_SECONDS})
            self.at, *lists = cursor.fetchone()
        found = tuple({tuple(row) for row in rows} for rows in lists)
        before, self._known = self._known, found
        transitions, incidents, repairs, gateways = (
            now - was for now, was in zip(found, before, strict=True)
        )
        return Changes(
            accounts={row[1] for row in transitions | repairs},
            gateways={row[1] for row in incidents | gateways if row[1] is not None},
            incidents=bool(incidents),
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """Accounts by workspace and group, and open incidents."""

    groups: Mapping[int, Mapping[str, int]]
    incidents: int


def shown_accounts(
    *, ids: Iterable[int] = (), uuids: Iterable[str] = ()
) -> tuple[datetime, list[ShownAccount]]:
    """Return the time and these accounts as they are shown at it. Two statements."""
    now = clock.database_now()
    named, ids = list(uuids), list(ids)
    if not named and not ids:
        return now, []
    rows = import_string(settings.LIVE_ACCOUNTS)
    found = rows(now, uuid__in=named) if named else rows(now, pk__in=ids)
    return now, [
        ShownAccount(str(account.uuid), account.workspace_id, json.dumps(said))
        for account, said in found
    ]


def counts() -> Counts:
    return Counts(*import_string(settings.LIVE_COUNTS)(clock.database_now()))


def as_uuids(text: str, *, most: int) -> list[str]:
    """Return the valid UUIDs of a comma-separated list, at most so many; anything else is left
    out."""
    found = []
    for word in text.split(",")[:most]:
        try:
            found.append(str(uuid.UUID(word)))
        except ValueError:
            continue
    return found
