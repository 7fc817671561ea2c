"""The same on a real instance: from the gateway's first webhook that goes wrong to the letter."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.accounts.alerts.receivers import MailServer, serving
from tests.flows.stream import manage
from tests.instance.running import Running, until

pytestmark = pytest.mark.timeout(180)
NAMES = {"misrouted": "webhooks arrive on a wrong path", "failing": "webhooks fail"}
CONNECTED = """
SELECT session_id, workspace_id, phone_number
  FROM whatsapp_accounts account JOIN accounts_gateway gateway ON gateway.id = account.gateway_id
 WHERE gateway.name = 'whatsapp-1' AND status = 'connected' LIMIT 1
"""


class Scene:
    def __init__(self, running: Running, mail: MailServer) -> None:
        self.running, self.mail = running, mail
        manage(running, "channel_add", "--name", "ops", "--email", "ann@example.com")
        self.spoken = count()
        session_id, workspace_id, phone_number = until(lambda: self.ask(CONNECTED))
        self.said = {"session_id": session_id, "workspace_id": workspace_id}
        self.said["phone_number"] = phone_number

    def control(self, verb: str, **given: object) -> None:
        access = self.running.access
        answer = httpx.post(
            f"{access['simulator_control_url']}/_control/{verb}",
            headers={"X-Control-Key": access["simulator_control_key"]},
            json=given,
            timeout=20,
        )
        answer.raise_for_status()

    def speak(self, times: int) -> None:
        """Say something else each time: the same, signed within one second, would be a
        repetition."""
        for _ in range(times):
            said = self.said | {"number_of_the_test": next(self.spoken)}
            self.control("webhooks/send", event="session_ready", data=said)

    def ask(self, sql: str, *values: object) -> Any:
        with psycopg.connect(self.running.access["database_url"]) as connection:
            return connection.execute(sql, values).fetchone()

    def states(self, path: str) -> list[str]:
        """Return the results of the webhooks that we ordered.

        The gateway also sends its own, and some about a session that no account runs on.
        """
        sql = "SELECT array_agg(state) FROM webhook_deliveries WHERE path = %s AND session_id = %s"
        return list(self.ask(sql, path, self.said["session_id"])[0] or [])

    def is_open(self, kind: str) -> bool:
        [number] = self.ask(
            "SELECT count(*) FROM incidents WHERE kind = %s AND closed_at IS NULL", kind
        )
        return bool(number)

    def letters(self, kind: str) -> list[str]:
        subjects = [str(letter["Subject"]) for letter in list(self.mail.letters)]
        return [subject for subject in subjects if NAMES[kind] in subject]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Run on an instance of its own, without the faults of other tests."""
    with serving(MailServer()) as mailbox:
        mail = {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(mailbox.port)}
        with Running(tmp_path / "state", **mail) as running:
            running.until_said("READY")
            yield Scene(running, mailbox)


def test_what_goes_wrong_is_told_within_a_minute_and_so_is_its_end(scene: Scene) -> None:
    scene.control("webhooks", path="/api/hooks/wa")
    scene.speak(5)
    until(lambda: len(scene.letters("misrouted")) == 1, limit_seconds=60)
    until(lambda: len(scene.states("/api/hooks/wa")) >= 5, limit_seconds=20)
    assert set(scene.states("/api/hooks/wa")) <= {"applied", "superseded"}

    scene.control("webhooks", wrong_secret=True)
    scene.speak(3)
    until(lambda: len(scene.letters("failing")) == 1, limit_seconds=60)
    assert scene.is_open("failing")

    scene.control("webhooks")
    scene.speak(1)
    until(lambda: len(scene.letters("failing")) == 2, limit_seconds=90)
    assert not scene.is_open("failing")
    assert "over after" in scene.letters("failing")[1]
    assert len(scene.letters("misrouted")) == 1
