"""Acting on accounts: what it costs is said first, it is done once, and who did it is kept."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry

from accounts.models import Account, Transition
from accounts.words.status import Status, Wanted
from dashboard.admin.account.verbs import ACCOUNT_VERBS
from tests.dashboard.pages import ACCOUNTS, act, ask, confirm, page_of, told, words


def history(account):
    rows = LogEntry.objects.filter(object_id=str(account.pk), content_type__model="account")
    return [(row.user.username, row.change_message) for row in rows.order_by("id")]


def test_a_button_only_asks(operator, cast):
    asked = ask(operator, "mark-disconnected", cast.alice)
    cast.alice.refresh_from_db()
    assert cast.alice.status == Status.CONNECTED
    text = words(asked)
    assert "Mark disconnected: 1 account" in text
    assert "a read that shows it alive changes the status again within 20 s" in text


def test_the_question_shows_the_word_as_it_may_be_shown(operator, cast):
    Account.objects.filter(pk=cast.alice.pk).update(read_at=cast.ago(60))
    assert "now unknown, wanted running" in words(ask(operator, "archive", cast.alice))


def test_marking_disconnected_takes_a_reason_and_keeps_who_said_so(operator, cast):
    done = act(operator, "mark-disconnected", cast.alice, why="the phone was stolen")
    cast.alice.refresh_from_db()
    row = Transition.objects.get(account=cast.alice)
    assert (cast.alice.status, cast.alice.status_reason) == ("disconnected", "operator")
    assert (row.source, row.actor, row.raw) == ("operator", "maria", "the phone was stolen")
    entry = "Mark disconnected: done. Reason: the phone was stolen"
    assert history(cast.alice) == [("maria", entry)]
    assert told(done) == ["Marked disconnected 1."]
    assert entry in words(done)


@pytest.mark.parametrize("verb", ["mark-disconnected", "archive"])
def test_without_a_reason_it_is_not_done(operator, cast, verb):
    answer = confirm(operator, ask(operator, verb, cast.alice), why="   ")
    assert "This field is required" in words(answer)
    assert history(cast.alice) == []


def test_wanting_it_stopped_and_running_again(operator, cast):
    act(operator, "want-stopped", cast.alice)
    cast.alice.refresh_from_db()
    assert (cast.alice.wanted, cast.alice.status) == (Wanted.STOPPED, Status.CONNECTED)
    act(operator, "want-running", cast.alice)
    cast.alice.refresh_from_db()
    assert cast.alice.wanted == Wanted.RUNNING


def test_what_is_gone_already_is_stopped_at_once_when_wanted_so(operator, cast):
    act(operator, "want-stopped", cast.charlie)
    cast.charlie.refresh_from_db()
    assert cast.charlie.status == Status.STOPPED


def test_archiving_hides_it_and_keeps_its_history(operator, cast):
    act(operator, "archive", cast.charlie, why="no customer any more")
    cast.charlie.refresh_from_db()
    assert cast.charlie.archived_at is not None
    assert cast.charlie.wanted == Wanted.STOPPED
    text = words(operator.get(page_of(cast.charlie)))
    assert "Archived" in text
    assert "Reason: no customer any more" in text


@pytest.mark.parametrize("gone", ["merged", "archived"])
def test_nothing_is_done_to_what_is_gone(operator, cast, gone):
    changes = {"merged_into": cast.bob} if gone == "merged" else {"archived_at": cast.now}
    Account.objects.filter(pk=cast.alice.pk).update(**changes)
    for verb in ACCOUNT_VERBS:
        asked = ask(operator, verb, cast.alice)
        assert "Skipped: 1" in words(asked), verb
        confirm(operator, asked, why="x")
    assert history(cast.alice) == []


def test_a_second_click_is_harmless(operator, cast):
    asked = ask(operator, "mark-disconnected", cast.alice)
    confirm(operator, asked, why="gone")
    Account.objects.filter(pk=cast.alice.pk).update(status=Status.CONNECTED)
    again = confirm(operator, asked, why="gone")
    assert told(again) == ["That was sent twice, and done once: see the history."]
    assert len(history(cast.alice)) == 1


def test_the_form_of_one_is_no_proof_for_another(operator, admin, cast):
    asked = ask(operator, "want-stopped", cast.alice)
    confirm(operator, asked)
    assert told(confirm(admin, asked)) != []
    assert [who for who, _ in history(cast.alice)] == ["maria"]


def test_several_are_done_one_by_one(operator, cast):
    done = act(operator, "want-stopped", cast.alice, cast.bob)
    assert told(done) == ["Set to keep stopped: 2."]
    assert Account.objects.filter(wanted=Wanted.STOPPED).count() == 2


def test_who_cannot_is_skipped_with_the_reason(operator, cast):
    Account.objects.filter(pk=cast.bob.pk).update(wanted=Wanted.STOPPED)
    done = act(operator, "want-stopped", cast.alice, cast.bob)
    assert told(done) == ["Set to keep stopped: 1, 1 refused: bob: it is kept stopped already."]


def test_the_list_offers_the_same(operator, cast):
    ticked = {"action": "want-stopped", "_selected_action": [cast.alice.pk, cast.bob.pk]}
    asked = operator.post(ACCOUNTS, ticked)
    assert "Keep stopped (login kept): 2 accounts" in words(asked)
    assert told(confirm(operator, asked)) == ["Set to keep stopped: 2."]


def test_more_than_fifty_must_be_typed(operator, cast):
    fleet = [cast.an_account(f"s{number}", Status.CONNECTED) for number in range(51)]
    asked = ask(operator, "want-stopped", *fleet)
    assert "that many will be touched" in words(confirm(operator, asked, typed="50"))
    assert told(confirm(operator, asked, typed="51")) == ["Set to keep stopped: 51."]


def test_a_gateway_is_not_flooded_from_one_page(operator, cast):
    fleet = [cast.an_account(f"s{number}", Status.CONNECTED) for number in range(11)]
    answer = ask(operator, "unlink", *fleet)
    assert answer.status_code == 302
    assert told(operator.get(answer.url)) == ["Unlink session (needs a new scan): choose 1 to 10."]


def test_nobody_is_named_nothing_is_done(operator, cast):
    for ids in ("", "0", "abc", "9" * 40, "1;2", "\0", "²"):
        sent = {"ids": ids, "confirmed": "yes"}
        answer = operator.post(f"{ACCOUNTS}act/archive/", sent, follow=True)
        assert told(answer) == ["Archive account: choose 1 to 500."]


@pytest.mark.parametrize("form", ["", "abc", "\0", "1" * 500])
def test_a_form_that_is_not_ours_is_shown_again(operator, cast, form):
    sent = {"ids": cast.alice.pk, "form": form, "confirmed": "yes", "why": "x"}
    answer = operator.post(f"{ACCOUNTS}act/archive/", sent)
    assert "Archive account: 1 account" in words(answer)
    cast.alice.refresh_from_db()
    assert cast.alice.archived_at is None


def test_looking_at_an_address_does_nothing(operator, cast):
    answer = operator.get(f"{ACCOUNTS}act/archive/?ids={cast.alice.pk}&confirmed=yes", follow=True)
    assert told(answer) == ["Nothing was done. Choose what to do once more."]


def test_an_unknown_verb_is_not_found(operator, cast):
    assert ask(operator, "explode", cast.alice).status_code == 404


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_nobody_is_led_elsewhere_afterwards(operator, cast, back):
    asked = ask(operator, "want-stopped", cast.alice)
    assert confirm(operator, asked, back=back).redirect_chain == [(page_of(cast.alice), 302)]


def test_a_reason_is_shown_harmless(operator, cast):
    act(operator, "mark-disconnected", cast.alice, why="\u202e<b>gone</b>")
    page = operator.get(page_of(cast.alice)).content.decode()
    assert "\\u202e&lt;b&gt;gone&lt;/b&gt;" in page
    assert "\u202e" not in page
