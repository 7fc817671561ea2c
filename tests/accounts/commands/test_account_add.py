"""`account_add`: a number, or a session, is registered once."""

from __future__ import annotations

import uuid

import pytest
from django.core.management import CommandError

from accounts.models import Account
from accounts.operators import lifecycle
from accounts.state.observations import Verdict
from accounts.words.refusals import Refused
from accounts.words.status import Status, Wanted
from tests.accounts.commands.running import run, run_json
from tests.cast import left_behind, see, see_session, story

NUMBER = "15550100001"


def add(cast, *words, session="sid", gateway="whatsapp-1"):
    workspace = str(cast.acme.pk)
    fixed = ["--workspace", workspace, "--gateway", gateway, "--session-id", session]
    return run_json("account_add", *fixed, *words)


def test_it_prints_what_it_made(cast):
    printed = add(cast, "--phone", NUMBER)

    account = Account.objects.get(phone_number=NUMBER)
    assert uuid.UUID(printed.pop("uuid")) == account.uuid
    assert printed == {
        "id": account.pk,
        "workspace_id": cast.acme.pk,
        "gateway": "whatsapp-1",
        "phone_number": NUMBER,
        "session_id": "sid",
        "status": "pending",
        "reason": "not_linked_yet",
        "wanted": "running",
    }
    assert account.observed_at is None


def test_the_same_call_changes_nothing(cast):
    add(cast, "--phone", NUMBER, "--status", "connected")
    before = Account.objects.values().get(phone_number=NUMBER)

    printed = add(cast, "--phone", f"+{NUMBER[:4]} {NUMBER[4:]}")

    assert Account.objects.values().get(phone_number=NUMBER) == before
    assert printed["id"] == before["id"]


def test_another_spelling_of_the_number_is_the_same_call(cast):
    first = add(cast, "--phone", "+55 (0) 11 98765-4321")
    again = add(cast, "--phone", "551187654321")

    assert (again["id"], again["phone_number"]) == (first["id"], "5511987654321")


def test_a_blank_at_the_end_of_a_session_s_name_is_a_part_of_it(cast):
    assert add(cast, session="Alice ")["id"] != add(cast, session="Alice")["id"]


@pytest.mark.parametrize(
    "status",
    ["connecting", "qr_scanning", "connected", "unresponsive", "disconnected", "logged_out",
     "blocked"],
)  # fmt: skip
def test_status_is_an_observation(cast, status):
    printed = add(cast, "--phone", NUMBER, "--status", status)

    account = Account.objects.get(phone_number=NUMBER)
    assert (printed["status"], account.status) == (status, status)
    assert story(account) == [("pending", status)]
    transition = account.transitions.get()
    assert (transition.source, transition.actor) == ("registration", "command line")
    assert account.observed_at is not None


def test_the_same_status_again_leaves_no_second_line_in_the_history(cast):
    for _ in range(3):
        add(cast, "--phone", NUMBER, "--status", "connected")

    assert story(Account.objects.get(phone_number=NUMBER)) == [("pending", "connected")]


def test_without_a_status_the_session_is_read_at_once(
    cast, rung, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        add(cast, "--phone", NUMBER)

    assert ("accounts.tasks.confirm_session", (cast.gateway.pk, "sid")) in rung


def test_another_session_of_the_number_is_a_take_over(cast):
    first = add(cast, "--phone", NUMBER, "--status", "connected")
    second = add(cast, "--phone", NUMBER, "--status", "connected", session="newer")

    assert (second["id"], second["session_id"]) == (first["id"], "newer")
    account = Account.objects.get(phone_number=NUMBER)
    assert left_behind(account) == {"sid"}
    late = see_session(cast.gateway, "sid", Status.DISCONNECTED, at=cast.now)
    assert late.verdict is Verdict.SUPERSEDED


def test_also_on_another_gateway_and_although_it_was_proven_a_moment_ago(cast):
    add(cast, "--phone", NUMBER, "--status", "connected")
    Account.objects.filter(phone_number=NUMBER).update(proven_at=cast.now)

    printed = add(cast, "--phone", NUMBER, session="there", gateway="whatsapp-2")

    assert (printed["gateway"], printed["session_id"]) == ("whatsapp-2", "there")


def test_a_session_that_nobody_has_seen_is_not_called_connected(cast):
    add(cast, "--phone", NUMBER, "--status", "connected")

    printed = add(cast, "--phone", NUMBER, session="newer")

    assert (printed["status"], printed["reason"]) == ("unknown", "overdue")
    assert Account.objects.get(phone_number=NUMBER).last_known_status == "connected"


def test_a_session_without_a_number_is_found_again_by_its_session(cast):
    assert add(cast)["id"] == add(cast)["id"]


def test_it_gets_its_number_later(cast):
    first = add(cast)
    second = add(cast, "--phone", NUMBER)

    assert (second["id"], second["phone_number"]) == (first["id"], NUMBER)


def test_a_superseded_session_of_the_very_account_changes_nothing(cast):
    """The incident's three rows, registered twice."""
    for session in ("one", "two", "three", "one", "two", "three"):
        printed = add(cast, "--phone", NUMBER, "--status", "connected", session=session)

    assert printed["session_id"] == "three"
    assert left_behind(Account.objects.get(phone_number=NUMBER)) == {"one", "two"}


def test_wanted_is_set_when_it_is_given_and_left_when_not(cast):
    assert add(cast, "--phone", NUMBER, "--wanted", "stopped")["wanted"] == "stopped"
    assert add(cast, "--phone", NUMBER)["wanted"] == "stopped"
    assert add(cast, "--phone", NUMBER, "--wanted", "running")["wanted"] == "running"


def test_a_fresh_session_and_a_known_number_become_one_account(cast):
    known = add(cast, "--phone", NUMBER, session="old")
    fresh = add(cast, session="fresh")

    printed = add(cast, "--phone", NUMBER, session="fresh")

    assert (printed["id"], printed["session_id"]) == (known["id"], "fresh")
    assert Account.objects.get(pk=fresh["id"]).merged_into_id == known["id"]


def test_adding_it_again_revives_what_was_archived(cast):
    first = add(cast, "--phone", NUMBER)
    account = Account.objects.get(pk=first["id"])
    lifecycle.archive(account, actor="olga")

    printed = add(cast, "--phone", NUMBER, session="newer")
    account.refresh_from_db()

    assert (printed["id"], printed["wanted"], account.archived_at) == (
        first["id"],
        "running",
        None,
    )
    assert account in Account.objects.visible()


def test_archived_and_wanted_stopped_on_purpose(cast):
    lifecycle.archive(Account.objects.get(pk=add(cast)["id"]), actor="olga")

    assert add(cast, "--wanted", "stopped")["wanted"] == "stopped"


def test_an_archived_account_is_not_wanted_without_adding_it_again(cast):
    lifecycle.archive(cast.charlie, actor="olga")

    with pytest.raises(Refused, match="register the number again"):
        lifecycle.want(cast.charlie, Wanted.RUNNING, actor="olga")


def test_the_incident_in_words(cast):
    text = run(
        "account_add", "--workspace", str(cast.acme.pk), "--gateway", "whatsapp-1",
        "--session-id", "sid", "--phone", NUMBER, "--status", "connected",
    )  # fmt: skip

    account = Account.objects.get(phone_number=NUMBER)
    assert text == (
        f"Added account {account.pk}: {NUMBER} on session sid of whatsapp-1, connected, "
        "wanted running\n"
    )


# --- mistakes -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--phone", "123"], "7 to 15 digits"),
        (["--phone", ""], "7 to 15 digits"),
        (["--phone", "undefined"], "7 to 15 digits"),
        (["--phone", "100000000000783@lid"], "it is a LID, WhatsApp's own id of an account"),
        (["--phone", "100000000000783"], "it may be a LID"),
        (["--phone", "120363000000000@g.us"], "the id of a group"),
        (["--phone", "005511987654321"], "write the country's code first, without 00 or 0"),
        (["--phone", "011987654321"], "begins with 0"),
        (["--phone", "\x1b[31m"], "7 to 15 digits"),
        (["--session-id", "  "], "not all blank"),
        (["--session-id", ""], "1 to 255 printable"),
        (["--session-id", "s" * 256], "1 to 255 printable"),
        (["--session-id", "a\x1b[31mb"], "1 to 255 printable"),
        (["--session-id", "\udcff"], "1 to 255 printable"),
        (["--workspace", "999999"], "there is no workspace 999999"),
        (["--workspace", "99999999999999999999999"], "an id is a whole number"),
        (["--workspace", "-1"], "an id is a whole number"),
        (["--workspace", "acme"], "an id is a whole number"),
        (["--gateway", "nowhere"], "there are: whatsapp-1, whatsapp-2"),
        (["--gateway", ""], "there is no gateway ''"),
        (["--status", "unknown"], "invalid choice"),
        (["--wanted", "maybe"], "invalid choice"),
    ],
)
def test_a_mistake_is_one_clear_line(cast, words, says):
    before = Account.objects.count()

    with pytest.raises(CommandError) as error:
        add(cast, *words)

    assert says in str(error.value)
    assert "\n" not in str(error.value) and "\x1b" not in str(error.value)
    assert Account.objects.count() == before


def test_the_number_of_another_session_is_refused(cast):
    with pytest.raises(CommandError, match=f"account {cast.alice.pk}, whose number is"):
        add(cast, "--phone", NUMBER, session="alice")


def test_the_session_of_another_workspace_is_refused(cast):
    with pytest.raises(CommandError, match=f"workspace {cast.acme.pk}"):
        run(
            "account_add", "--workspace", str(cast.globex.pk), "--gateway", "whatsapp-1",
            "--session-id", "alice",
        )  # fmt: skip


def test_what_a_stranger_wrote_does_not_paint_on_the_terminal(cast):
    type(cast.gateway).objects.filter(pk=cast.gateway.pk).update(name="evil\x1b[31m\u202e")

    text = run(
        "account_add", "--workspace", str(cast.acme.pk), "--gateway", "evil\x1b[31m\u202e",
        "--session-id", "sid",
    )  # fmt: skip

    assert "evil\\u001b[31m\\u202e" in text
    assert see(cast.alice, Status.CONNECTED, at=cast.now).account_id == cast.alice.pk
