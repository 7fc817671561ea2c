"""What people do with webhooks that were not applied: seen before it is done, done once, kept."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry

from accounts.models import Account
from tests.dashboard.conftest import a_visitor
from tests.dashboard.pages import confirm, listed, told, words
from webhooks.models import Delivery

INBOX = "/admin/webhooks/delivery/"
State = Delivery.State
SAID = {
    **{"kind": "state", "status": "disconnected", "reason": "navigation", "raw": "NAVIGATION"},
    **{"phone_number": None, "fields": {}},
}


def a_delivery(account: Account, *, seconds_ago: float = 1, cast, **fields) -> Delivery:
    """Create a webhook that the session was lost, which could not be applied when it came."""
    defaults = {
        "event": "session_disconnected",
        "session_id": account.session_id,
        "said": SAID,
        "state": State.DEAD,
        "error": "OperationalError: the last error",
        "first_error": "OperationalError: the first error",
        "error_class": "OperationalError",
        "received_at": cast.ago(seconds_ago),
        "attempts": 12,
    }
    return Delivery.objects.create(gateway=account.gateway, **defaults | fields)


@pytest.fixture
def dead(cast) -> Delivery:
    return a_delivery(cast.alice, cast=cast)


@pytest.fixture
def clerk(cast):
    """May look into the inbox and act there."""
    names = ("view_delivery", "change_delivery")
    return a_visitor("ines", *(f"webhooks.{name}" for name in names))


def ask(visitor, verb: str, *rows: Delivery, **fields):
    ids = ",".join(str(row.pk) for row in rows)
    return visitor.post(f"{INBOX}act/{verb}/", {"ids": ids} | fields)


def history(row: Delivery) -> list[tuple[str, str]]:
    rows = LogEntry.objects.filter(object_id=str(row.pk), content_type__model="delivery")
    return [(entry.user.username, entry.change_message) for entry in rows]


def test_redelivering_says_first_what_it_would_change(clerk, cast, dead) -> None:
    late = a_delivery(cast.alice, cast=cast, seconds_ago=3600)
    text = words(ask(clerk, "redeliver", dead, late))
    assert (
        "It would change 1 account: 62811801641 connected → disconnected (1 applied, 1 superseded)."
    ) in text
    cast.alice.refresh_from_db()
    dead.refresh_from_db()
    assert (cast.alice.status, dead.state) == ("connected", State.DEAD)


def test_it_is_done_once_and_kept_who_did_it(clerk, cast, dead) -> None:
    asked = ask(clerk, "redeliver", dead)
    done = confirm(clerk, asked)
    assert told(done) == ["Redelivered 1. 62811801641 connected → disconnected."]
    cast.alice.refresh_from_db()
    assert cast.alice.status == "disconnected"
    assert told(confirm(clerk, asked)) == ["That was sent twice, and done once: see the history."]
    assert history(dead) == [("ines", "Redeliver delivery: done")]


def test_the_older_of_two_is_applied_first_however_they_are_chosen(clerk, cast, dead) -> None:
    older = a_delivery(
        cast.alice, cast=cast, seconds_ago=2, said=SAID | {"status": "connecting", "reason": ""}
    )
    confirm(clerk, ask(clerk, "redeliver", dead, older))
    dead.refresh_from_db()
    older.refresh_from_db()
    assert (older.state, dead.state) == (State.APPLIED, State.APPLIED)


def test_what_fails_again_is_said_to_have_failed(clerk, cast) -> None:
    broken = a_delivery(cast.alice, cast=cast, seconds_ago=3600, said=SAID | {"status": "odd"})
    done = confirm(clerk, ask(clerk, "redeliver", broken))
    assert "1 refused" in told(done)[0] and "it failed again: ValueError" in told(done)[0]
    broken.refresh_from_db()
    assert broken.first_error == "OperationalError: the first error"


def test_what_was_applied_is_skipped(clerk, cast) -> None:
    row = a_delivery(cast.alice, cast=cast, state=State.APPLIED)
    assert "Skipped: 1" in words(ask(clerk, "redeliver", row))


def test_discarding_takes_a_reason_and_keeps_it(clerk, dead) -> None:
    asked = ask(clerk, "discard", dead)
    assert "This field is required" in words(confirm(clerk, asked, why=" "))
    assert told(confirm(clerk, asked, why="a test of ours")) == ["Discarded 1."]
    dead.refresh_from_db()
    assert (dead.state, dead.error) == (State.DISCARDED, "ines: a test of ours")
    assert history(dead) == [("ines", "Discard delivery: done. Reason: a test of ours")]


def test_who_may_only_look_is_offered_nothing_and_can_do_nothing(cast, dead) -> None:
    looker = a_visitor("lou", "webhooks.view_delivery")
    page = looker.get(f"{INBOX}{dead.pk}/change/")
    assert "Redeliver" not in page.content.decode()
    assert ask(looker, "redeliver", dead, confirmed="yes").status_code == 403
    ticked = {"action": "redeliver", "_selected_action": [dead.pk]}
    looker.post(INBOX, ticked)
    dead.refresh_from_db()
    assert dead.state == State.DEAD


def test_its_page_tells_the_whole_story_and_offers_what_can_be_done(clerk, dead) -> None:
    page = clerk.get(f"{INBOX}{dead.pk}/change/")
    text = page.content.decode()
    for part in (
        "the first error",
        "the last error",
        "OperationalError",
        "Redeliver delivery…",
        "Discard delivery…",
    ):
        assert part in text
    assert 'name="_save"' not in text


def test_many_are_chosen_in_the_list(clerk, cast, dead) -> None:
    other = a_delivery(cast.bob, cast=cast)
    ticked = {"action": "discard", "_selected_action": [dead.pk, other.pk]}
    assert told(confirm(clerk, clerk.post(INBOX, ticked), why="noise")) == ["Discarded 2."]


FILTERS = {
    "state=dead": {"lost"},
    "kind=state": {"lost", "twice"},
    "kind=hint": {"hint"},
    "kind=canary": {"test"},
    "kind=unrecognised": {"odd"},
    "kind=unreadable": {"garbled"},
    "received=hour": {"lost", "twice", "hint", "test", "odd"},
    "retries=yes": {"twice"},
    "q=od": {"odd"},
    "q=session_lost": {"lost"},
    "kind=none": {"lost", "twice", "hint", "test", "odd", "garbled"},
}


@pytest.mark.parametrize("asked", FILTERS)
def test_the_list_is_filtered_in_plain_words(clerk, cast, asked) -> None:
    def one(session_id: str, kind: str, **fields) -> None:
        said = {"kind": kind} if kind else {}
        state = State.IGNORED if kind == "unrecognised" else State.APPLIED
        given = {"session_id": session_id, "said": said, "state": state, "event": session_id}
        a_delivery(cast.alice, cast=cast, **given | fields)

    one("lost", "state", state=State.DEAD, event="session_lost")
    one("twice", "state", is_probable_retry=True)
    one("hint", "hint")
    one("test", "canary")
    one("odd", "unrecognised")
    one("garbled", "", state=State.DEAD, event="unreadable", seconds_ago=7200)
    if asked == "state=dead":
        Delivery.objects.filter(session_id="garbled").update(state=State.DISCARDED)
    rows = listed(clerk.get(f"{INBOX}?{asked}"))
    assert all(("probably a retry" in row) == ("twice" in row) for row in rows)
    found = {name for row in rows for name in FILTERS["kind=none"] if name in row.split()}
    assert found == FILTERS[asked]
