"""Compares the rows with the truth after each step. Every promise is a small check of its own, and
its failure names the seed, the time, the account and its history."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Account, Incident, Notification, Repair, Transition
from accounts.status import Source, Status, Wanted
from accounts.telling.alerts import hold
from gateways.base import Reason
from gateways.simulator.sessions import SimulatedSession
from reconciliation import policy
from tests.simulation.database import Watcher
from tests.simulation.estate import Estate, Fact, Key, Site
from tests.simulation.hub import Hub
from tests.simulation.numbers import Numbers
from tests.simulation.worker import Worker
from webhooks.models import Delivery

P1_SECONDS = 60
MOST_BROKEN = 20
STANDS_SECONDS = 5
IN_FLIGHT = timedelta(seconds=0.2)
CONVERGES_SECONDS = 90
RETRIES_SECONDS = 155
# A look comes between a turn and its start, so that two starts may be a little closer.
STARTS_AT_ONCE, STARTS_APART_SECONDS = 2, 50
ONLY_A_HUMAN = frozenset({Status.QR_SCANNING, Status.LOGGED_OUT, Status.BLOCKED})
# On its way: the Node service lists what it starts as waiting for a scan.
PASSING = frozenset({Status.CONNECTING, Status.UNKNOWN, Status.QR_SCANNING})
VERDICTS = frozenset({Status.DISCONNECTED, Status.LOGGED_OUT, Status.BLOCKED})
OUR_LOOKS = frozenset({Source.LIST, Source.READ, Source.PROBE, Source.SWEEP})


class Broken(AssertionError):
    """A promise is broken: which, and the story."""


@dataclass(slots=True)
class Row:
    """What the rows say of an account, as last read."""

    gateway_id: int
    session_id: str | None
    status: str
    reason: str
    since: datetime  # when this word was written
    wanted: str

    @property
    def key(self) -> Key:
        return (self.gateway_id, self.session_id or "")


class Referee:
    def __init__(
        self, hub: Hub, estate: Estate, worker: Worker, watcher: Watcher, *, seed: int
    ) -> None:
        self.hub, self.estate, self.worker, self.watcher = hub, estate, worker, watcher
        self.seed = seed
        self.numbers = Numbers()
        self.stops_at_first = True
        self.broken: list[str] = []
        self.rows: dict[int, Row] = {}
        self.account_of: dict[Key, int] = {}
        self.own_well_since: datetime | None = hub.clock.now
        self.fates: deque[str] = deque(maxlen=400)
        self._truths: defaultdict[Key, deque[str]] = defaultdict(lambda: deque(maxlen=30))
        self._last_transition = 0
        watcher.watch("history", ["account_transitions"])
        self._last_read = hub.clock.now
        self._early: Counter[tuple[int, datetime]] = Counter()
        self._starts: dict[Key, datetime] = {}
        self._observed: dict[tuple[int, str], datetime] = {}
        self._read_rows(Account.objects.all())

    # --- after each step ------------------------------------------------------------------------
    def look(self, name: str) -> None:
        well = self.worker.is_well
        if not well:
            self.own_well_since = None
        elif self.own_well_since is None:
            self.own_well_since = self.hub.clock.now
        for site in self.estate.sites:
            if site.touched:
                for session_id in site.look(self.hub.clock.now):
                    self._truth_changed(site, session_id)
        if self.watcher.is_news("history"):
            self._read_history()

    def _truth_changed(self, site: Site, session_id: str) -> None:
        fact, key = site.facts[session_id], (site.gateway.pk, session_id)
        self._truths[key].append(
            f"{self._clock()} good={fact.good} claimed={fact.claimed} alive={fact.alive}"
        )
        account_id = self.account_of.get(key)
        if account_id is None:
            return
        row = self.rows[account_id]
        if row.status == Status.CONNECTED and not fact.good:
            self._look_again_at_connected(account_id)
        self.numbers.truth(account_id, row.status, fact, site, self.hub.clock.now)

    def _read_history(self) -> None:
        new = list(
            Transition.objects.filter(pk__gt=self._last_transition)
            .order_by("pk")
            .select_related(None)
        )
        self._read_rows(Account.objects.filter(updated_at__gte=self._last_read))
        self._last_read = self.hub.clock.now
        for transition in new:
            self._last_transition = transition.pk
            self.rows[transition.account_id].since = self.hub.clock.now
            self._judge(transition)

    def _read_rows(self, accounts: Any) -> None:
        fields = ("id", "gateway_id", "session_id", "status", "status_reason", "wanted")
        for pk, gateway_id, session_id, status, reason, wanted in accounts.values_list(*fields):
            before = self.rows.get(pk)
            same = before is not None and before.status == status
            since = before.since if same and before is not None else self.hub.clock.now
            if before is not None and before.session_id != session_id:
                self.numbers.moved(pk)
            if before is not None and self.account_of.get(before.key) == pk:
                del self.account_of[before.key]
            row = self.rows[pk] = Row(gateway_id, session_id, status, reason, since, wanted)
            self.account_of[row.key] = pk

    # --- each change ----------------------------------------------------------------------------
    def _judge(self, change: Transition) -> None:
        self._newer_wins(change)
        row = self.rows[change.account_id]
        fact = self._fact(row.key)
        now, booted = self.hub.clock.now, self.estate.by_gateway[row.gateway_id].world.started_at
        self.numbers.changed(
            change,
            now,
            self._calm_since(row.gateway_id),
            after_boot=now - booted < timedelta(minutes=15),
        )
        self._count_mending(change, row)
        if change.to_status in VERDICTS:
            self._blind_is_not_dead(change)
            if change.source != Source.OPERATOR and fact is not None and fact.alive:
                self._look_again_at_verdict(change.account_id)
        if row.status == Status.CONNECTED and (fact is None or not fact.good):
            self._look_again_at_connected(change.account_id)

    def _count_mending(self, change: Transition, row: Row) -> None:
        now, account_id = self.hub.clock.now, change.account_id
        if change.to_status in (Status.DISCONNECTED, Status.UNRESPONSIVE):
            retries = change.reason in policy._NOTICED
            since = now + timedelta(seconds=RETRIES_SECONDS if retries else 0)
            self.numbers.is_ours(account_id, since, in_calm=self._is_calm(row.gateway_id))
        elif change.to_status not in PASSING:
            well = change.to_status == Status.CONNECTED
            self.numbers.no_longer_ours(account_id, now, is_well=well)

    def _is_calm(self, gateway_id: int) -> bool:
        """No mass event, no boot, nothing of ours away."""
        site, now = self.estate.by_gateway[gateway_id], self.hub.clock.now
        calm = self._calm_since(gateway_id)
        events = (calm, site.mass_lost_at, site.world.started_at)
        recent = [at for at in events if at is not None and at > now - timedelta(minutes=20)]
        return calm is not None and not recent

    def _newer_wins(self, change: Transition) -> None:
        """P5. That we cannot see moves no clock."""
        if change.to_status == Status.UNKNOWN:
            return
        key = (change.account_id, change.session_id)
        before = self._observed.get(key)
        if before is not None and change.observed_at < before:
            self._break("P5 newer wins", change.account_id, f"{before} was known")
        self._observed[key] = max(change.observed_at, before or change.observed_at)

    def _blind_is_not_dead(self, change: Transition) -> None:
        """P3: our own look says "gone" only of what its gateway did not hold, or said was gone."""
        if change.source not in OUR_LOOKS or not change.session_id:
            return
        site = self.estate.by_gateway[self.rows[change.account_id].gateway_id]
        self._half_lost_waits(site, change)
        self._booting_is_not_dead(site, change)
        fact = site.facts.get(change.session_id)
        if fact is None or not fact.claimed or fact.claimed_since >= change.observed_at - IN_FLIGHT:
            return
        if self._lists_denied_it(site, change):
            self.numbers.denied_by_lists += 1
            return
        self._break("P3 blind is not dead", change.account_id, "its gateway held it all the time")

    def _half_lost_waits(self, site: Site, change: Transition) -> None:
        """§5.6: half of a gateway's sessions at once are believed only after a minute."""
        began = site.mass_lost_at
        if began is None or change.session_id not in site.mass_lost:
            return
        if began + timedelta(seconds=55) > self.hub.clock.now:
            self._early[site.gateway.pk, began] += 1
            if self._early[site.gateway.pk, began] >= 3:
                why = "half of its gateway's sessions vanished, and were believed at once"
                self._break("P3 blind is not dead", change.account_id, why)

    def _booting_is_not_dead(self, site: Site, change: Transition) -> None:
        restoring = {session_id for session_id, _ in site.world.restoring}
        young = self.hub.clock.now - site.world.started_at < timedelta(minutes=14)
        # What was claimed, or started by us, was asked about by name: a "no" to that is definite.
        by_its_list = change.from_status in (Status.CONNECTED, Status.UNKNOWN)
        if young and by_its_list and change.session_id in restoring:
            why = "its gateway is restoring it"
            self._break("P3 booting is not dead", change.account_id, why)

    def mass_loss(self, site: Site, lost: set[str]) -> None:
        """P8: one incident, where half of those that the rows called connected are gone."""
        now, pk = self.hub.clock.now, site.gateway.pk
        connected = [
            row.session_id
            for row in self.rows.values()
            if row.gateway_id == pk and row.status == Status.CONNECTED
        ]
        gone = lost.intersection(one for one in connected if one)
        if len(gone) < 3 or 2 * len(gone) < len(connected) + 1:
            return
        site.mass_lost, site.mass_lost_at = gone, now
        calm = self._calm_since(pk)
        booted = now - site.world.started_at < timedelta(minutes=16)
        if calm is not None and not booted:
            self.hub.after(40, lambda: self._is_one_incident(site, now), "referee")

    def _is_one_incident(self, site: Site, began: datetime) -> None:
        calm = self._calm_since(site.gateway.pk)
        if calm is None or calm > began:
            return
        about = Incident.objects.filter(kind=Incident.Kind.MASS_LOSS, gateway=site.gateway)
        recent = about.filter(last_seen_at__gte=began).count()
        if recent != 1:
            self._break("P8 one incident", None, f"{site.gateway.name}: {recent} of a mass loss")

    # --- what we do -----------------------------------------------------------------------------
    def called(self, site: Site, method: str, path: str, under_way: list[str]) -> None:
        """P7, at the moment we call a gateway; `under_way` are our other calls to it."""
        if (method, path) == ("GET", "/api/sessions") and f"{method} {path}" in under_way:
            self._break("P7 one pass at a time", None, site.gateway.name)
        if method == "DELETE":
            self._break("P7 no login is deleted", None, f"{site.gateway.name}: {path}")
        if method == "POST" and path.startswith("/api/sessions"):
            self._started(site, path, [one for one in under_way if one.startswith("POST")])

    def _started(self, site: Site, path: str, under_way: list[str]) -> None:
        now, session_id = self.hub.clock.now, path.split("/")[3]
        account_id = self.account_of.get((site.gateway.pk, session_id))
        if len(under_way) >= STARTS_AT_ONCE:
            self._break("P7 two starts at once", account_id, f"beside {under_way}")
        last = self._starts.get((site.gateway.pk, session_id))
        if last is not None and now - last < timedelta(seconds=STARTS_APART_SECONDS):
            self._break("P7 one start a minute", account_id, f"the last was at {last}")
        self._starts[site.gateway.pk, session_id] = now
        self.numbers.starts += 1
        repair = Repair.objects.filter(account_id=account_id, state=Repair.State.RUNNING).first()
        if repair is not None and repair.asked_by == Repair.Asker.ROLLCALL:
            self.numbers.own_starts += 1
            self.numbers.started_by_us(account_id)
            self._only_what_helps(site, session_id, account_id)

    def _only_what_helps(self, site: Site, session_id: str, account_id: int | None) -> None:
        """By itself, never where only a human can, nor what nobody wants."""
        if account_id is None:
            return
        account = Account.objects.get(pk=account_id)
        if account.status in ONLY_A_HUMAN or account.wanted == Wanted.STOPPED:
            self._break("P7 where only a human can", account_id, account.status)
        if account.status_reason == Reason.REPLACED:
            self._break("P7 no fight", account_id, "another client runs its number")
        session = site.world.sessions.get(session_id)
        if session is not None and session.status == "disconnected":
            self._leaves_its_own_retry(site, session, account_id)
        if session is not None and session.is_alive and session.status == "connected":
            self.numbers.started_alive += 1

    def _leaves_its_own_retry(self, site: Site, session: SimulatedSession, account_id: int) -> None:
        retrying, began = site.retries.get(session.session_id, (None, self.hub.clock.now))
        until = began + timedelta(seconds=RETRIES_SECONDS - 10)
        if retrying is session and self.hub.clock.now < until:
            self._break("P7 not against its own retry", account_id, f"until {until}")

    def _lists_denied_it(self, site: Site, change: Transition) -> bool:
        """Half of its sessions, by every list of a minute: §5.6 believes that."""
        return (
            change.source == Source.LIST
            and change.reason == Reason.MISSING
            and site.lying_since is not None
            and site.lying_since + timedelta(seconds=60) <= self.hub.clock.now
        )

    # --- what must not last ---------------------------------------------------------------------
    def _look_again_at_connected(self, account_id: int) -> None:
        """P1: no row says connected for more than 60 s of what its gateway does not hold."""
        row = self.rows[account_id]
        fact = self._fact(row.key)
        if row.status != Status.CONNECTED or fact is None or fact.good:
            return
        due = max(row.since, fact.good_since) + timedelta(seconds=P1_SECONDS)
        if due > self.hub.clock.now:
            self.hub.at(due, lambda: self._look_again_at_connected(account_id), "referee")
            return
        account = Account.objects.select_related("gateway").get(pk=account_id)
        if account.shown_status(self.hub.clock.now) is Status.CONNECTED:
            self._break("P1 truth, webhooks dead", account_id, "connected for more than 60 s")

    def _look_again_at_verdict(self, account_id: int) -> None:
        """A wrong verdict must not stand for more than 5 s while the gateway can be read."""
        row = self.rows[account_id]
        fact = self._fact(row.key)
        if row.status not in VERDICTS or fact is None or not fact.alive:
            return
        now, calm = self.hub.clock.now, self._calm_since(row.gateway_id)
        begins = max(row.since, fact.alive_since, calm or now)
        due = begins + timedelta(seconds=STANDS_SECONDS)
        if due > now:
            self.hub.at(due, lambda: self._look_again_at_verdict(account_id), "referee")
        elif fact.alive_since < row.since:
            self.numbers.false_verdicts += 1
            self._break("false verdict", account_id, "it stood for more than 5 s")

    def _calm_since(self, gateway_id: int) -> datetime | None:
        """Since when we could read it, and were well ourselves."""
        readable = self.estate.by_gateway[gateway_id].readable_since
        if readable is None or self.own_well_since is None:
            return None
        return max(readable, self.own_well_since)

    # --- now and then ---------------------------------------------------------------------------
    def look_at_all(self) -> None:
        """What is alive, and has been in plain sight for long enough, is called so."""
        self._read_rows(Account.objects.all())
        now = self.hub.clock.now
        for account_id, row in self.rows.items():
            fact, calm = self._fact(row.key), self._calm_since(row.gateway_id)
            if fact is None or calm is None or not fact.alive:
                continue
            session = self.estate.by_gateway[row.gateway_id].world.sessions[row.session_id or ""]
            since = max(fact.alive_since, calm, row.since)
            if session.listed and since + timedelta(seconds=CONVERGES_SECONDS) < now:
                self._says_connected(account_id, row)

    def _says_connected(self, account_id: int, row: Row) -> None:
        excused = {Status.CONNECTED, Status.STOPPED}
        if row.status not in excused and row.reason != Reason.WRONG_NUMBER:
            self._break(
                "level", account_id, "alive and in plain sight, and the row does not say so"
            )

    def look_at_the_end(self) -> None:
        self.look_at_all()
        own = Repair.objects.filter(asked_by=Repair.Asker.ROLLCALL)
        self.numbers.repairs.update(own.values_list("state", flat=True))
        self._one_number_one_row()
        self._nothing_accepted_is_lost()
        self._told_once_told_right()

    def _one_number_one_row(self) -> None:
        """P4."""
        seen: set[tuple[str, int]] = set()
        pairs = Account.objects.exclude(phone_number=None).values_list("phone_number", "workspace")
        for pair in pairs:
            if pair in seen:
                self._break("P4 one number, one row", None, str(pair))
            seen.add(pair)

    def _nothing_accepted_is_lost(self) -> None:
        """P6."""
        now = self.hub.clock.now
        states = dict(Delivery.objects.values_list("pk", "state"))
        self.numbers.webhooks_taken = sum(len(site.post.taken) for site in self.estate.sites)
        for site in self.estate.sites:
            for taken in site.post.taken:
                state = states.get(taken.delivery or 0)
                if state is None:
                    self._break("P6 nothing accepted is lost", None, f"{taken} is in no row")
                if state == Delivery.State.PENDING and taken.at + timedelta(minutes=12) < now:
                    self._break("P6 nothing accepted is lost", None, f"{taken} still waits")

    def _told_once_told_right(self) -> None:
        """P8."""
        sent: defaultdict[int, dict[str, datetime]] = defaultdict(dict)
        for row in Notification.objects.filter(state=Notification.State.SENT):
            if row.sent_at is not None:
                sent[row.incident_id][row.what] = row.sent_at
        for incident in Incident.objects.all():
            told = sent[incident.pk]
            self.numbers.incidents[incident.kind] += 1
            self.numbers.notices[incident.kind] += len(told)
            ends = incident.closed_at or self.hub.clock.now
            if "opened" in told and ends < incident.opened_at + hold(incident.kind):
                self._break("P8 told right", None, f"{incident} healed before it was to be told")
            if "recovered" in told and "opened" not in told:
                self._break("P8 told right", None, f"{incident}: only its end was told")

    # --- the story ------------------------------------------------------------------------------
    def _fact(self, key: Key) -> Fact | None:
        return self.estate.by_gateway[key[0]].facts.get(key[1])

    def _clock(self) -> str:
        return f"{self.hub.clock.now:%d %H:%M:%S.%f}"[:-4]

    def note(self, text: str) -> None:
        self.fates.append(f"{self._clock()} {text}")

    def _break(self, promise: str, account_id: int | None, why: str) -> None:
        story = [f"{promise}: {why}", f"  seed {self.seed}, at {self._clock()}"]
        if account_id is not None:
            story += self._story_of(account_id)
        self.broken.append("\n".join(story))
        if len(self.broken) > MOST_BROKEN:
            raise Broken("enough")
        if self.stops_at_first:
            raise Broken(self.broken[-1])

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
        yield "  the truth:"
        yield from (f"    {said}" for said in list(self._truths[row.key])[-10:])
        yield "  what happened around it:"
        about = (row.session_id or "-", site.gateway.name, "ours:")
        yield from [f"    {said}" for said in self.fates if any(a in said for a in about)][-15:]
