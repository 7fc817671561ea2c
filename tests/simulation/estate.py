"""The simulated estate: gateways with their sessions, the accounts that run on them, and the ledger
of what is true."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NoReturn

import httpx

from accounts.models import Account, Channel, Gateway, GatewaySecret, Workspace
from accounts.words.status import Status
from gateways.registry import use_transport
from simulator.state.host import Job
from simulator.state.sessions import SimulatedSession
from simulator.state.settings import Pace, Settings
from simulator.state.timeline import Timeline
from simulator.world.world import ProcessState, World
from tests.simulation.engine.hub import Hub
from tests.simulation.engine.network import Line, Post, Wire
from tests.simulation.kinds import Kind, own_path
from tests.simulation.ledger import Fact, Ledger, noting_changes
from tests.simulator.simulated import connected

# As slow as the real service, but for QR codes: a new one each minute says nothing here.
PACE = replace(Pace(), qr_life=900.0)

Key = tuple[int, str]


class HubHost:
    """A gateway's host, by the simulation's clock."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def now(self) -> datetime:
        return self._hub.clock.now

    def pause(self, seconds: float) -> None:
        """Pause the call that is answered; the others go on."""
        self._hub.sleep(seconds)

    def start(self, job: Job) -> None:
        job()

    def refuse(self) -> NoReturn:
        raise httpx.ConnectError("[Errno 111] Connection refused")

    def hang_up(self) -> NoReturn:
        raise httpx.ReadError("[Errno 104] Connection reset by peer")

    def hold(self, is_held: object) -> None:
        """A frozen gateway is met on the wire."""


class HubTimeline(Timeline):
    """Wakes its world when something is due."""

    def __init__(self, hub: Hub, host: HubHost) -> None:
        super().__init__(host)
        self._hub = hub
        self.wake: Job = lambda: None

    def after(self, seconds: float, job: Job, *, outlives_restart: bool = False) -> None:
        super().after(seconds, job, outlives_restart=outlives_restart)
        self._hub.after(seconds, self.wake, "gateway")


@dataclass
class Site:
    """One gateway: its row, its world, the line to it."""

    gateway: Gateway
    kind: Kind
    world: World
    line: Line
    wire: Wire
    post: Post
    ledger: Ledger
    readable_since: datetime | None = None
    # What it lost at once, and when; sessions that are gone since.
    mass_lost: set[str] = field(default_factory=set)
    mass_lost_at: datetime | None = None
    # Those that it tries to bring back itself, and since when.
    retries: dict[str, tuple[SimulatedSession, datetime]] = field(default_factory=dict)
    # When it was last seen to bring back what a boot had ended.
    restoring_at: datetime | None = None
    touched: bool = False
    webhooks_are_dead: bool = False

    @property
    def is_reachable(self) -> bool:
        return self.world.state is ProcessState.RUNNING and not self.line.is_cut

    @property
    def is_readable(self) -> bool:
        """Answers come, whole and soon."""
        return self.is_reachable and self.line.most < 1 and not self.world.faults.list_fault

    def touch(self) -> None:
        self.touched = True

    @property
    def facts(self) -> dict[str, Fact]:
        return self.ledger.facts

    def look(self, now: datetime) -> list[str]:
        """Bring the ledger up to date; the sessions for which something has changed."""
        self.touched = False
        if self.world.restoring:
            self.restoring_at = now
        if not self.is_readable:
            self.readable_since = None
        elif self.readable_since is None:
            self.readable_since = now
        return self.ledger.look(self.world.sessions, now, is_reachable=self.is_reachable)


class Estate:
    def __init__(
        self, hub: Hub, source: random.Random, *, accounts: int, kinds: Sequence[Kind]
    ) -> None:
        """A gateway of each of these kinds, and the accounts spread over them."""
        self.hub, self.random = hub, source
        self.workspaces = [Workspace.objects.create(name=f"Workspace {n}") for n in range(1, 4)]
        self.sites = [self._site(number, kind) for number, kind in enumerate(kinds)]
        self.by_gateway = {site.gateway.pk: site for site in self.sites}
        self.numbers: dict[int, str] = {}
        self._populate(accounts)
        self.channel = Channel(name="operators", kind=Channel.Kind.EMAIL, most_per_hour=600)
        self.channel.target = "operators@example.com"
        self.channel.save()

    def _site(self, number: int, kind: Kind) -> Site:
        url = f"http://gateway-{number}.simulated:3001"
        gateway = Gateway.objects.create(name=f"gateway-{number}", kind=kind.name, base_url=url)
        settings = Settings(
            api_key=f"key-{number}",
            hmac_secret=f"secret-of-gateway-{number}-and-of-no-other",
            instance_url=url,
            kind=kind.name,
            webhook_path=own_path(kind, f"path-of-gateway-{number}-and-of-no-other"),
            pace=PACE,
        )
        _share_secrets(gateway, settings)
        line = Line()
        post = Post(self.hub, gateway.pk, settings.api_key, line, self._own_random())
        host = HubHost(self.hub)
        seed = self.random.randrange(2**32)
        backend = post.ask if kind.name == "webjs" else None  # the only one that asks for anything
        world = World(settings, host=host, deliver=post.deliver, backend=backend, seed=seed)
        world.started_at -= timedelta(days=1)
        timeline = HubTimeline(self.hub, host)
        world.timeline = world.sender._timeline = timeline
        wire = Wire(self.hub, world, line, self._own_random(), kind)
        site = Site(gateway, kind, world, line, wire, post, Ledger(kind))
        wire.on_touch = site.touch

        def wake() -> None:
            world.settle()
            site.touch()

        timeline.wake = wake
        return site

    def _own_random(self) -> random.Random:
        """Use separate random numbers, so that one more call of one gateway does not change the
        others."""
        return random.Random(self.random.randrange(2**32))

    def _populate(self, accounts: int) -> None:
        now, rows = self.hub.clock.now, []
        for number in range(accounts):
            site = self.sites[number % len(self.sites)]
            workspace = self.workspaces[number % len(self.workspaces)]
            phone, session_id = f"62811{number:07d}", f"webjs_{workspace.pk}_{number:06d}"
            connected(site.world, session_id, workspace_id=workspace.pk, phone_number=phone)
            rows.append(
                Account(
                    workspace=workspace,
                    gateway=site.gateway,
                    phone_number=phone,
                    session_id=session_id,
                    status=Status.CONNECTED,
                    status_since=now - timedelta(hours=1),
                    observed_at=now,
                    read_at=now,
                    connected_at=now - timedelta(hours=1),
                )
            )
        Account.objects.bulk_create(rows)
        self.numbers = {row.pk: str(row.phone_number) for row in rows}
        for site in self.sites:
            site.readable_since = now
            site.look(now)

    @contextmanager
    def on_line(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(noting_changes(site.ledger for site in self.sites))
            for site in self.sites:
                stack.enter_context(use_transport(site.gateway.base_url, site.wire))
            yield


def _share_secrets(gateway: Gateway, settings: Settings) -> None:
    shared = {"api_key": settings.api_key, "hmac": settings.hmac_secret}
    if settings.webhook_path:
        shared = {"api_key": settings.api_key, "path": settings.webhook_path.rpartition("/")[2]}
    for purpose, secret in shared.items():
        GatewaySecret.objects.create(gateway=gateway, purpose=purpose, secret=secret)
