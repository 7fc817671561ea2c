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
    assert "12 min ago" in lines[1] and "dead" in lines[1]


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


@pytest.fixture
def lost_one(cast: Cast) -> Delivery:
    """Bob's dead letter says that his session was lost."""
    said = {"kind": "state", "status": "disconnected", "reason": "", "raw": ""}
    Delivery.objects.filter(session_id="bob").update(
        said=said | {"phone_number": None, "fields": {}}, received_at=cast.ago(1)
    )
    return Delivery.objects.get(session_id="bob")


def test_a_plan_says_what_redelivering_would_change_and_changes_nothing(lost_one: Delivery) -> None:
    assert shown("--state", "dead", "--redeliver", "--plan") == (
        "Would redeliver 1 delivery: would change 1 account: bob qr_scanning → disconnected "
        "(1 applied).\n"
    )
    lost_one.refresh_from_db()
    assert lost_one.state == State.DEAD


def test_what_the_filters_name_is_redelivered(cast: Cast, lost_one: Delivery) -> None:
    done = json.loads(shown("--gateway", "whatsapp-1", "--redeliver", "--json"))
    assert (done["redelivered"], done["left_alone"], done["states"]) == (1, 2, {"applied": 1})
    assert done["changes"] == [{"account": "bob", "was": "qr_scanning", "now": "disconnected"}]
    cast.bob.refresh_from_db()
    assert cast.bob.status == "disconnected"


def test_one_is_discarded_by_its_number_and_with_a_reason(lost_one: Delivery) -> None:
    said = shown("--id", str(lost_one.pk), "--discard", "a test of ours")
    assert said == "Discarded 1 delivery.\n"
    lost_one.refresh_from_db()
    assert (lost_one.state, lost_one.error) == (State.DISCARDED, "command line: a test of ours")


@pytest.mark.parametrize(
    "arguments",
    [["--redeliver"], ["--discard", "x"], ["--plan"], ["--state", "dead", "--discard", " "]],
)
def test_nothing_is_done_to_what_nobody_named_or_without_a_reason(
    lost_one: Delivery, arguments: list[str]
) -> None:
    with pytest.raises(CommandError):
        shown(*arguments)
    lost_one.refresh_from_db()
    assert lost_one.state == State.DEAD
