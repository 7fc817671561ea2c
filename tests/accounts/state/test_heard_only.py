"""A gateway that cannot be read is believed for as long as its webhooks arrive. No list can show
its sessions again, so their status does not expire as if one could."""

from __future__ import annotations

import pytest

from accounts.explain.explanation import explain
from accounts.models import Account, Gateway
from accounts.state.expiry import expire_live_words
from accounts.words.status import Status
from gateways.base import Reason
from tests.cast import see

HOUR = 3600


@pytest.fixture
def heard(cast):
    """Make Alice's gateway a kind that only sends, with no webhook about her for an hour."""
    blind = {"blind_since": cast.ago(9 * HOUR), "blind_why": "cannot be read"}
    Gateway.objects.filter(pk=cast.gateway.pk).update(
        kind="standard", run_started_at=cast.ago(5), **blind
    )
    seen = {"read_at": None, "observed_at": cast.ago(30 * HOUR), "status_since": cast.ago(HOUR)}
    Account.objects.filter(pk=cast.alice.pk).update(**seen)
    return cast


def alice(cast):
    return Account.objects.select_related("gateway").get(pk=cast.alice.pk)


def is_believed(cast):
    """Ask the sweep, every reader and their lists, which must agree."""
    shown = Account.objects.with_shown_status(cast.now).get(pk=cast.alice.pk).shown
    before = alice(cast).shown_status(cast.now)
    expire_live_words()
    assert shown == before == alice(cast).status
    return before is Status.CONNECTED


def test_its_word_does_not_expire_with_the_next_roll_call(heard):
    assert is_believed(heard)
    said = explain(alice(heard), heard.now)
    assert said.sentence.endswith(": claimed by the gateway, never proven")
    assert said.next_step == (
        "gateway whatsapp-1 cannot be read: only its webhooks count; "
        "unless one reports it, it becomes unknown in 23 h"
    )
    assert "not unknown: it was last reported 60 min ago, and that counts for 24 h" in (
        said.ruled_out
    )


@pytest.mark.parametrize("sign", ["status_since", "webhook_at", "last_activity_at"])
@pytest.mark.parametrize(("hours", "believed"), [(23, True), (25, False)])
def test_it_does_once_nothing_was_heard_for_a_day(heard, sign, hours, believed):
    moments = {"status_since": heard.ago(40 * HOUR)} | {sign: heard.ago(hours * HOUR)}
    Account.objects.filter(pk=heard.alice.pk).update(**moments)

    assert is_believed(heard) is believed


def test_then_it_says_that_nothing_was_heard(heard):
    Account.objects.filter(pk=heard.alice.pk).update(status_since=heard.ago(25 * HOUR))
    expire_live_words()

    said = explain(alice(heard), heard.now)
    assert alice(heard).status_reason == Reason.UNHEARD
    assert "has reported nothing about it for long" in said.sentence
    assert said.rule == "a live word is believed for 24 h after it was last heard"


def test_the_next_webhook_brings_it_back_and_it_stays(heard):
    Account.objects.filter(pk=heard.alice.pk).update(status_since=heard.ago(25 * HOUR))
    expire_live_words()
    see(heard.alice, Status.CONNECTED, at=heard.ago(200))

    assert is_believed(heard)


def test_one_that_can_be_read_expires_as_ever(heard):
    Gateway.objects.filter(pk=heard.gateway.pk).update(kind="webjs")
    assert not is_believed(heard)


def test_how_long_is_set(heard, settings):
    settings.HEARD_WORD_EXPIRES_AFTER_SECONDS = 600
    assert not is_believed(heard)
