"""The inbox in a terminal."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.cast import Cast, make_cast
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db
State = Delivery.State


@pytest.fixture
def cast() -> Cast:
    cast = make_cast()
    for seconds_ago, session_id, state in (
        (5, "alice", State.APPLIED),
        (700, "bob", State.DEAD),
        (90_000, "\u202ebob\x1b[31m", State.IGNORED),
    ):
        Delivery.objects.create(
            gateway=cast.gateway,
            event="session_ready",
            session_id=session_id,
            state=state,
            received_at=cast.ago(seconds_ago),
        )
    return cast


def shown(*arguments: str) -> str:
    out = StringIO()
    call_command("deliveries", *arguments, stdout=out)
    return out.getvalue()


def sessions(*arguments: str) -> list[str]:
    return [row["session_id"] for row in json.loads(shown("--json", *arguments))["deliveries"]]


def test_it_shows_them_newest_first_with_their_age(cast: Cast) -> None:
    lines = shown().splitlines()
    assert "3 deliveries, newest first." in lines[-1]
    assert "11 min ago" in lines[1] and "dead" in lines[1]


def test_it_filters_by_state_time_and_gateway(cast: Cast) -> None:
    assert sessions("--state", "dead") == ["bob"]
    assert sessions("--since", "10m") == ["alice"]
    assert len(sessions("--since", cast.ago(1000).isoformat())) == 2
    assert sessions("--gateway", "whatsapp-2") == []


def test_it_escapes_what_strangers_wrote(cast: Cast) -> None:
    assert "\\u202ebob\\u001b[31m" in shown()
    assert "\x1b" not in shown("--json")


def test_it_says_what_was_wrong_with_the_question(cast: Cast) -> None:
    for arguments in (["--since", "yesterday"], ["--gateway", "none"], ["--state", "odd"]):
        with pytest.raises(CommandError):
            shown(*arguments)


def test_an_empty_inbox_is_no_error() -> None:
    assert shown() == "No delivery fits.\n"
