"""The page of an account and the terminal say the same of it, word for word."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command

from accounts.explain import explanation
from accounts.models import Account, Gateway
from accounts.store import clock
from accounts.words.status import Source, Status
from gateways.base import Reason
from tests.cast import see
from tests.dashboard.pages import page_of, words

LOST = {"reason": Reason.MISSING, "source": Source.READ}


@pytest.fixture
def still(cast, monkeypatch):
    """Ages stand still, so that two who ask one after the other are told the same."""
    monkeypatch.setattr(clock, "database_now", lambda: cast.now)
    Gateway.objects.update(run_started_at=cast.ago(3), listed_at=cast.ago(3))
    see(cast.bob, Status.DISCONNECTED, at=cast.now, evidence="run 7", **LOST)
    Account.objects.filter(pk=cast.alice.pk).update(unshown_since=cast.ago(9), probe_failures=1)
    Account.objects.filter(pk=cast.bob.pk).update(
        next_step_code="restart_after_backoff", next_step_at=cast.now
    )
    return cast


def terminal(*arguments):
    out = StringIO()
    call_command("explain", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("name", ["alice", "bob", "charlie"])
def test_they_say_the_same(admin, still, name):
    account = Account.objects.select_related("gateway").get(session_id=name)
    told = explanation.explain(account, still.now)
    page, lines = words(admin.get(page_of(account))), terminal(name).splitlines()

    assert {"Rule", "Ruled out", "Automatic step", "Next step"} <= {
        label for label, _ in told.lines
    }
    for label, text in told.lines:
        assert text in page, (label, text)
        assert any(line.strip().startswith(label) and line.endswith(text) for line in lines)
    # And in the same order, with nothing in between but the labels.
    begins = page.index("Why this status")
    shown = page[begins:]
    places = [shown.index(text) for _, text in told.lines]
    assert places == sorted(places)


def test_scripts_are_told_the_same(still):
    [record] = json.loads(terminal("bob", "--json"))["accounts"]
    account = Account.objects.select_related("gateway").get(session_id="bob")
    told = explanation.explain(account, still.now)

    for name in ("sentence", "rule", "ruled_out", "decided_by", "evidence", "next_step", "human"):
        assert record[name] == getattr(told, name)
    assert record["next_step_at"] == still.now.isoformat()
    assert record["next_step_code"] == "restart_after_backoff"
    assert record["needs_a_human"] is False


def test_the_older_name_says_the_same(still):
    out = StringIO()
    call_command("account_explain", "bob", stdout=out)
    assert out.getvalue() == terminal("bob")
