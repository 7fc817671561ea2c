from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from accounts.models import Account, Membership, Transition
from accounts.store import clock
from accounts.words.status import Source, Status
from gateways.base import Reason
from notices.judging.tick import tick
from notices.models import Delivery, Notice
from tests.accounts.alerts.receivers import HookServer, MailServer, serving
from tests.cast import make_cast


class Town:
    """The cast, their people, and a clock that tests move. Time is the database's, plus `later`."""

    def __init__(self, cast, monkeypatch):
        self.cast, self.later = cast, timedelta(0)
        real = clock.database_now
        monkeypatch.setattr(clock, "database_now", lambda: real() + self.later)
        self.root = User.objects.create_superuser("root", "root@example.com", "x")
        self.olga = self.member("olga", Membership.Role.OWNER)
        self.vera = self.member("vera", Membership.Role.VIEWER)
        self.gina = self.member("gina", Membership.Role.OWNER, cast.globex)

    def member(self, name, role, workspace=None):
        user = User.objects.create_user(name, f"{name}@example.com", "x")
        workspace = workspace or self.cast.acme
        Membership.objects.create(user=user, workspace=workspace, role=role)
        return user

    def now(self):
        return clock.database_now()

    def number(self, session, workspace=None, gateway=None, **fields):
        """A number that was connected."""
        fields = {"last_connected_at": self.cast.ago(600), **fields}
        return self.cast.an_account(
            session,
            fields.pop("status", Status.CONNECTED),
            workspace=workspace or self.cast.acme,
            gateway=gateway or self.cast.gateway,
            **fields,
        )

    def turn(self, *accounts, status, reason=Reason.NONE, source=Source.READ, ago=0.0):
        """As `observe` writes it, in two statements."""
        at = self.now() - timedelta(seconds=ago)
        rows = [
            Transition(
                account=one,
                from_status=one.status,
                to_status=status,
                reason=reason,
                source=source,
                observed_at=at,
                created_at=at,
            )
            for one in accounts
        ]
        Transition.objects.bulk_create(rows)
        changed = {"status" + "_reason": reason, "status_since": at, "observed_at": at}
        Account.objects.filter(pk__in=[one.pk for one in accounts]).update(
            **{"status": status}, **changed
        )
        for one in accounts:
            one.status = status

    def passes(self, seconds, *, every=5.0):
        """Let the time pass, with a tick now and then."""
        end = self.later + timedelta(seconds=seconds)
        while self.later < end:
            self.later = min(self.later + timedelta(seconds=every), end)
            tick()
        return self

    def told(self, what=Delivery.What.LOST):
        """Who is told, as (kind, name), once each."""
        rows = Delivery.objects.filter(what=what).exclude(state=Delivery.State.CANCELLED)
        rows = rows.select_related("subscription__user", "subscription__channel")
        return sorted(
            (one.subscription.kind, str(one.subscription.user or one.subscription.channel or "-"))
            for one in rows
        )

    def notices(self):
        return Notice.objects.count()


@pytest.fixture
def cast(db):
    return make_cast()


@pytest.fixture
def town(cast, monkeypatch):
    return Town(cast, monkeypatch)


@pytest.fixture
def mail_server(settings):
    with serving(MailServer()) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server


@pytest.fixture
def hook():
    with serving(HookServer()) as server:
        yield server
