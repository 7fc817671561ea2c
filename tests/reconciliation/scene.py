"""A simulated gateway, its rows, and control over the passing time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.apps import apps
from django.db import models
from django.db.models import F

from accounts.models import Account, Gateway, GatewaySecret, Incident
from accounts.state.expiry import expire_live_words
from accounts.store.clock import database_now
from accounts.words.status import Status
from reconciliation.cli import apply
from reconciliation.models import Finding
from reconciliation.rollcall import roll_call
from reconciliation.rollcall.values import Report
from simulator.world.world import World
from tests.cast import Cast, a_number
from tests.simulator.simulated import connected

ADDRESS = "http://gateway-1:3001"
OURS = ("accounts", "reconciliation")


@dataclass
class Scene:
    """The cast's gateway, which holds what its rows say: only Alice, to begin with."""

    cast: Cast
    world: World
    gateway: Gateway

    def an_account(self, session_id: str, **fields) -> Account:
        """Create an account, connected in the row and at the gateway."""
        account = self.cast.an_account(session_id, fields.pop("status", Status.CONNECTED), **fields)
        self.holds(session_id, account.phone_number or "")
        return account

    def accounts(self, count: int) -> list[Account]:
        return [self.an_account(f"session-{number}") for number in range(count)]

    def holds(self, session_id: str, phone_number: str | None = None, **fields) -> str:
        """Put this session on the gateway, connected unless `fields` say otherwise."""
        number = a_number() if phone_number is None else phone_number
        given = {"workspace_id": self.cast.acme.pk, "phone_number": number}
        return connected(self.world, session_id, **given | fields)

    def loses(self, *accounts: Account) -> None:
        """Remove the sessions from the gateway's memory without a webhook."""
        for account in accounts:
            del self.world.sessions[account.session_id]

    def call_roll(self) -> Report:
        return roll_call.call_roll_now(self.gateway.pk, wait_seconds=0)

    def tick(self) -> Report:
        """Run a scheduled roll call, then let the 20 s until the next pass."""
        report = roll_call.call_roll(self.gateway.pk)
        self.passes(20)
        self.sweep()
        return report

    def plan(self) -> Report:
        return apply.plan_roll(self.gateway.pk, wait_seconds=0)[0]

    def passes(self, seconds: float) -> None:
        """Let time pass: move every recorded moment that much further back."""
        for session in self.world.sessions.values():
            if session.connected_at is not None:
                session.connected_at -= timedelta(seconds=seconds)
        self.world.advance(seconds)
        shift_back(seconds)

    def says(self, *accounts: Account) -> list[tuple[str, str]]:
        """Return status and reason of each, now."""
        rows = {row.pk: row for row in Account.objects.filter(pk__in=[one.pk for one in accounts])}
        return [(rows[one.pk].status, rows[one.pk].status_reason) for one in accounts]

    def database_now(self) -> datetime:
        return database_now()

    def sweep(self) -> None:
        expire_live_words()

    def open_findings(self) -> set[tuple[str, str]]:
        rows = Finding.objects.filter(gateway=self.gateway, ended_at__isnull=True)
        return set(rows.values_list("kind", "session_id"))

    def open_incidents(self) -> list[str]:
        rows = Incident.objects.filter(gateway=self.gateway, closed_at__isnull=True)
        return list(rows.values_list("kind", flat=True))


def shift_back(seconds: float) -> None:
    """Move every recorded moment that much further back."""
    for model in (model for name in OURS for model in apps.get_app_config(name).get_models()):
        moments = [one for one in model._meta.fields if isinstance(one, models.DateTimeField)]
        ago = {one.name: F(one.name) - timedelta(seconds=seconds) for one in moments}
        if ago:
            model._default_manager.update(**ago)


def make_scene(cast: Cast, world: World) -> Scene:
    Account.objects.filter(session_id__in=["bob", "charlie"]).delete()
    gateway = cast.gateway
    gateway.base_url = ADDRESS
    gateway.save()
    GatewaySecret.objects.create(
        gateway=gateway, purpose=GatewaySecret.Purpose.API_KEY, secret=world.settings.api_key
    )
    scene = Scene(cast, world, gateway)
    scene.holds("alice", cast.alice.phone_number)
    return scene
