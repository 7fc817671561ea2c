"""Two sessions, one number: a person decides which one is the account's."""

from __future__ import annotations

import pytest

from accounts.models import Account
from accounts.words.status import Status
from reconciliation.models import Finding
from tests.cast import left_behind
from tests.dashboard.pages import ask, confirm, page_of, told, words


def a_finding(cast, kind=Finding.Kind.UNCLAIMED, **fields):
    defaults = {"gateway": cast.gateway, "account": cast.alice, "session_id": "new", "held": True}
    seen = {"first_seen_at": cast.now, "last_seen_at": cast.now}
    return Finding.objects.create(kind=kind, **defaults | seen | fields)


def take_over(client, account, finding):
    return confirm(client, ask(client, "take-over", account, finding=finding.pk))


def test_an_unclaimed_session_is_proposed_where_it_may_belong(operator, cast):
    a_finding(cast, why="it may be the one of account 1")
    text = words(operator.get(page_of(cast.alice)))
    assert "Another session could be this account's new" in text
    assert "Take over this session" in text


@pytest.mark.parametrize("kind", [Finding.Kind.UNCLAIMED, Finding.Kind.DUPLICATE])
def test_taking_over_puts_the_account_on_the_other_session(operator, cast, kind):
    done = take_over(operator, cast.alice, a_finding(cast, kind))
    cast.alice.refresh_from_db()
    assert cast.alice.session_id == "new"
    assert left_behind(cast.alice) == {"alice"}
    assert told(done) == ["Taken over 1."]


def test_also_from_another_gateway_that_proved_it_lately(operator, cast):
    Account.objects.filter(pk=cast.alice.pk).update(proven_at=cast.ago(5))
    finding = a_finding(cast, Finding.Kind.DUPLICATE, gateway=cast.other_gateway)
    take_over(operator, cast.alice, finding)
    cast.alice.refresh_from_db()
    assert (cast.alice.gateway, cast.alice.session_id) == (cast.other_gateway, "new")


def test_the_question_says_what_becomes_of_the_old_one(operator, cast):
    asked = ask(operator, "take-over", cast.alice, finding=a_finding(cast).pk)
    assert "on session new of whatsapp-1 from now on" in words(asked)
    assert "It is not stopped" in words(asked)


def test_a_finding_that_ended_is_no_proposal(operator, cast):
    finding = a_finding(cast, ended_at=cast.now)
    assert "Another session" not in words(operator.get(page_of(cast.alice)))
    assert ask(operator, "take-over", cast.alice, finding=finding.pk).status_code == 404


def test_an_account_without_a_number_cannot_take_over(operator, cast):
    finding = a_finding(cast, account=cast.bob)
    text = words(ask(operator, "take-over", cast.bob, finding=finding.pk))
    assert "it has no number yet" in text


def test_a_session_that_another_account_runs_on_is_refused(operator, cast):
    finding = a_finding(cast, Finding.Kind.DUPLICATE, session_id="charlie")
    [message] = told(take_over(operator, cast.alice, finding))
    assert f"this session belongs to account {cast.charlie.pk}" in message
    cast.charlie.refresh_from_db()
    assert cast.charlie.session_id == "charlie"


def test_a_finding_of_another_account_does_not_give_it_away(operator, cast):
    """The form names account and finding apart: they must belong together."""
    finding = a_finding(cast, phone_number=cast.alice.phone_number)
    asked = ask(operator, "take-over", cast.charlie, finding=finding.pk)
    assert "that session was found for another account" in words(asked)
    confirm(operator, asked)
    cast.charlie.refresh_from_db()
    assert cast.charlie.session_id == "charlie"


@pytest.mark.parametrize("finding", ["", "0", "abc", "9" * 40, "\0", "٣"])
def test_a_finding_that_does_not_exist_is_not_found(operator, cast, finding):
    assert ask(operator, "take-over", cast.alice, finding=finding).status_code == 404


def test_the_page_of_a_finding_offers_the_same(admin, cast):
    finding = a_finding(cast)
    page = admin.get(f"/admin/reconciliation/finding/{finding.pk}/change/").content.decode()
    assert "Take over this session" in page
    finding.account = None
    finding.save()
    page = admin.get(f"/admin/reconciliation/finding/{finding.pk}/change/").content.decode()
    assert "Register this session" in page


def test_an_unclaimed_session_can_be_registered(admin, cast):
    add = "/admin/accounts/account/add/"
    page = admin.get(f"{add}?gateway={cast.gateway.pk}&session_id=new&phone_number=6281").content
    assert b'value="new"' in page
    sent = {"workspace": cast.acme.pk, "gateway": cast.gateway.pk, "session_id": "new"}
    answer = admin.post(
        add, sent | {"phone_number": "+62 811-90001", "wanted": "running"}, follow=True
    )
    account = Account.objects.get(session_id="new")
    assert (account.phone_number, account.status) == ("6281190001", Status.PENDING)
    assert answer.redirect_chain == [(page_of(account), 302)]
    assert "Registered" in words(answer)
