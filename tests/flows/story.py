"""A gateway, Rollcall, and the time that passes for both of them."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.explain.explanation import explain
from accounts.models import Account, Gateway, Incident
from accounts.store import clock
from accounts.tasks import expire_live_words
from reconciliation.models import Finding
from reconciliation.tasks import call_roll
from simulator import still_world
from webhooks.inbox.activity import flush_life

BASE_URL = "http://localhost:3001"
NUMBER = "62811801641"
HELD = "webjs_1_1763264318_rCdIqxMG"  # the one session of the incident's gateway
ROWS = (
    "webjs_1_1763140191_KLW5k5io",
    "webjs_1_1763181942_W0hejiNg",
    "webjs_1_1763264512_KUfMjqya",
)


class Story:
    """The gateway, as shipped, holds HELD, which waits for a scan. Whoever tells the story
    registers accounts, plays fate with `world`, and lets time pass."""

    def __init__(self, monkeypatch) -> None:
        self._passed = timedelta()
        self._hold_the_clocks(monkeypatch)
        self.world = still_world(self._deliver, instance_url=BASE_URL, strict=True)
        self.world.started_at -= timedelta(days=1)
        secrets = ("--api-key", "test-key", "--hmac-secret", "test-secret")
        self.run("workspace_add", "--name", "Toko Maju", "--id", "1")
        self.run("gateway_add", "--name", "whatsapp-1", "--url", BASE_URL, *secrets)
        self.world.create(HELD, 1)

    def _hold_the_clocks(self, monkeypatch) -> None:
        """They stand still until the story goes on, however slow the machine is that tells it."""
        began, began_here = clock.database_now(), timezone.now()
        monkeypatch.setattr(clock, "database_now", lambda: began + self._passed)
        told = "SELECT '{}'::timestamptz".format
        monkeypatch.setattr(clock, "now_sql", lambda: told(began + self._passed))
        monkeypatch.setattr(timezone, "now", lambda: began_here + self._passed)

    def _deliver(self, method, path, headers, body) -> int:
        named = {"content_type": headers["Content-Type"], "headers": headers}
        return Client().generic(method, path, body, **named).status_code

    def run(self, command: str, *arguments: str) -> str:
        """Return the output of a command of `./run manage`."""
        out = StringIO()
        call_command(command, *arguments, stdout=out)
        return out.getvalue()

    def check(self) -> int:
        """The exit code of the health check."""
        try:
            self.run("monitor_sessions")
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    def register(self, session_id: str, *, phone: str = NUMBER, status: str = "connected") -> None:
        self.run(
            "account_add",
            *("--workspace", "1", "--gateway", "whatsapp-1", "--session-id", session_id),
            *("--phone", phone, "--status", status),
        )

    def live(self, seconds: int) -> None:
        """Time passes, with a roll call every 20 s and the sweeps between them."""
        for _ in range(seconds // 20):
            self.be_away(20)
            self.look()

    def look(self) -> None:
        """A roll call and the sweeps."""
        call_roll(Gateway.objects.get().pk)
        flush_life()
        expire_live_words()

    @property
    def passed_seconds(self) -> int:
        return int(self._passed.total_seconds())

    def be_away(self, seconds: int) -> None:
        """Time passes, and nobody on our side looks."""
        self._passed += timedelta(seconds=seconds)
        self.world.advance(seconds)

    def account(self, phone: str = NUMBER) -> Account:
        return Account.objects.select_related("gateway").get(phone_number=phone)

    def state(self, phone: str = NUMBER) -> tuple[str, str, str | None]:
        """Status, reason and session."""
        account = self.account(phone)
        return account.status, account.status_reason, account.session_id

    def sentence(self) -> str:
        """Return the sentence of admin and command line about the number."""
        return explain(self.account(), clock.database_now()).sentence

    def unclaimed(self) -> Finding:
        return Finding.objects.get(kind=Finding.Kind.UNCLAIMED, ended_at__isnull=True)

    def incidents(self) -> list[Incident]:
        return list(Incident.objects.filter(closed_at__isnull=True))

    def select(self, sql: str) -> list[tuple[object, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()
