"""What is known while it runs: the rows as last read, the truth of each session, since when all of
us is well, what befell it all. And how a broken promise is told, with the seed, the time, the
account and its history."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from accounts.models import Account, Repair, Transition
from tests.simulation.engine.hub import Hub
from tests.simulation.estate import Estate, Fact, Key
from tests.simulation.numbers import Numbers
from tests.simulation.troubles import MANY_AT_ONCE, Troubles

MOST_BROKEN, MOST_LATE = 20, 5
_ROWS = """
SELECT id, gateway_id, session_id, status, status_reason, wanted FROM whatsapp_accounts
 WHERE updated_at >= coalesce(%s::timestamptz, '-infinity') ORDER BY id
"""
# The tasks that ask a gateway by themselves, as its calls name them.
ROLL_CALL = "reconciliation.tasks.call_roll"
PROBING = "reconciliation.tasks.probe_gateway"


class Broken(AssertionError):
    """A promise is broken: which, and the story."""


@dataclass(slots=True)
class Row:
    """The rows of an account, as last read."""

    gateway_id: int
    session_id: str | None
    status: str
    reason: str
    since: datetime  # when this word was written
    wanted: str

    @property
    def key(self) -> Key:
        return (self.gateway_id, self.session_id or "")


class Record:
    def __init__(self, hub: Hub, estate: Estate, *, seed: int) -> None:
        self.hub, self.estate, self.seed = hub, estate, seed
        self.numbers = Numbers()
        self.troubles = Troubles()
        self.stops_at_first = True
        self.broken: list[str] = []
        self.late: list[str] = []
        self.rows: dict[int, Row] = {}
        self.account_of: dict[Key, int] = {}
        # When what was last said of an account was seen: it may be on its way for a while.
        self.looked: dict[int, datetime] = {}
        self.own_well_since: datetime | None = hub.clock.now
        self.fates: deque[str] = deque(maxlen=400)
        self.truths: defaultdict[Key, deque[str]] = defaultdict(lambda: deque(maxlen=30))
        self.read_rows()

    def read_rows(self, *, written_since: datetime | None = None) -> None:
        """Read all rows, or those that may have changed. Called after nearly every step: in SQL,
        since building it anew costs more than running it."""
        with connection.cursor() as cursor:
            cursor.execute(_ROWS, [written_since])
            rows = cursor.fetchall()
        for pk, gateway_id, session_id, status, reason, wanted in rows:
            before = self.rows.get(pk)
            same = before is not None and before.status == status
            since = before.since if same and before is not None else self.hub.clock.now
            if before is not None and before.session_id != session_id:
                self.numbers.moved(pk)
            if before is not None and self.account_of.get(before.key) == pk:
                del self.account_of[before.key]
            row = self.rows[pk] = Row(gateway_id, session_id, status, reason, since, wanted)
            self.account_of[row.key] = pk

    def calm_since(self, gateway_id: int) -> datetime | None:
        """Return since when we could read it, and were healthy ourselves."""
        readable = self.estate.by_gateway[gateway_id].readable_since
        if readable is None or self.own_well_since is None:
            return None
        return max(readable, self.own_well_since)

    def trouble(self, whom: str, what: str, seconds: float) -> None:
        self.troubles.befell(whom, what, self.hub.clock.now, seconds)

    def in_the_way(self, row: Row, lost: datetime) -> str:
        """Return what hinders its repair, from its loss until now, by the world's truth; "" for
        nothing."""
        now, name = self.hub.clock.now, self.estate.by_gateway[row.gateway_id].gateway.name
        of_it = self.troubles.between(row.session_id or "", lost, now)
        if of_it or self._was_calm(row.gateway_id, lost):
            return of_it or self.troubles.between(name, lost, now)
        return MANY_AT_ONCE

    def _was_calm(self, gateway_id: int, since: datetime) -> bool:
        """No mass event, no boot and nothing left of one, nothing of ours away, from 20 min before
        until now."""
        site, calm = self.estate.by_gateway[gateway_id], self.calm_since(gateway_id)
        events = (calm, site.mass_lost_at, site.world.started_at, site.restoring_at)
        last = max(at for at in events if at is not None)
        return calm is not None and last <= since - timedelta(minutes=20)

    def fact(self, key: Key) -> Fact | None:
        return self.estate.by_gateway[key[0]].facts.get(key[1])

    def clock(self) -> str:
        return f"{self.hub.clock.now:%d %H:%M:%S.%f}"[:-4]

    def note(self, text: str) -> None:
        self.fates.append(f"{self.clock()} {text}")

    # --- the story -----------------------------------------------------------------------------
    def breaks(self, promise: str, account_id: int | None, why: str) -> None:
        story = [f"{promise}: {why}", f"  seed {self.seed}, at {self.clock()}"]
        if account_id is not None:
            story += self._story_of(account_id)
        self.broken.append("\n".join(story))
        if len(self.broken) > MOST_BROKEN:
            raise Broken("enough")
        if self.stops_at_first:
            raise Broken(self.broken[-1])

    def was_late(self, account_id: int) -> None:
        """No promise is broken: but each of these is worth a look."""
        if len(self.late) < MOST_LATE:
            head = f"mended late, in calm, at {self.clock()}"
            self.late.append("\n".join([head, *self._story_of(account_id)]))

    def _story_of(self, account_id: int) -> Iterable[str]:
        row = self.rows[account_id]
        site = self.estate.by_gateway[row.gateway_id]
        yield f"  account {account_id} on {site.gateway.name}: {row}"
        yield "  its history:"
        changes = Transition.objects.filter(account_id=account_id).order_by("-pk")[:10]
        for one in reversed(changes):
            yield (
                f"    {one.created_at:%d %H:%M:%S.%f} {one} {one.reason or '-'} by {one.source} "
                f"(observed {one.observed_at:%H:%M:%S.%f}) {one.evidence} {one.session_id}"
            )
        now = Account.objects.get(pk=account_id)
        yield (
            f"  probed {now.probed_at} ({now.probe_answer}), {now.probe_failures} failures, proven "
            f"{now.proven_at} by {now.proof or '-'}, disproved {now.disproved_at}"
        )
        yield "  its repairs:"
        repairs = Repair.objects.filter(account_id=account_id).order_by("-pk")[:4]
        for repair in reversed(repairs):
            yield f"    {repair.asked_at:%d %H:%M:%S} {repair.state} {repair.why}: {repair.outcome}"
        yield "  the truth:"
        yield from (f"    {said}" for said in list(self.truths[row.key])[-10:])
        yield "  what happened around it:"
        about = (row.session_id or "-", site.gateway.name, "ours:")
        yield from [f"    {said}" for said in self.fates if any(a in said for a in about)][-15:]
