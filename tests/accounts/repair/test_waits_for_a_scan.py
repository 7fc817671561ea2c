"""A session that waited for a scan and is gone needs a human: a restart would show its code to
nobody."""

from __future__ import annotations

import pytest

from accounts.models import Account, Gateway
from accounts.words.status import Source, Status, Wanted
from gateways.base import Reason
from reconciliation.repair.governor import govern
from tests.cast import see

GONE = [(Source.LIST, Reason.LISTED), (Source.READ, Reason.MISSING), (Source.WEBHOOK, Reason.NONE)]


@pytest.fixture
def cast(cast):
    """Dana was linked once, and no source has reported on her for long."""
    cast.dana = cast.an_account(
        "dana",
        Status.CONNECTED,
        observed_at=cast.ago(600),
        read_at=cast.ago(600),
        last_connected_at=cast.ago(600),
    )
    return cast


def waits(cast, seconds, **fields):
    """Let its gateway's list show it waiting for a scan, since so many seconds."""
    fields = {"source": Source.LIST, "reason": Reason.LISTED} | fields
    see(cast.dana, Status.QR_SCANNING, at=cast.ago(seconds), **fields)


def of_kind(cast, kind):
    Gateway.objects.filter(pk=cast.gateway.pk).update(kind=kind)


def state(cast):
    return cast.dana.status, cast.dana.status_reason


def nothing_is_repaired(cast):
    sight = {"sight_since": cast.ago(600), "listed_at": cast.now, "mode": "act"}
    Gateway.objects.filter(pk=cast.gateway.pk).update(**sight)
    govern()
    return not cast.dana.repairs.exists()


@pytest.mark.parametrize(("source", "reason"), GONE)
def test_the_phone_has_unlinked_it(cast, source, reason):
    waits(cast, 30, reason=Reason.UNLINKED)
    see(cast.dana, Status.DISCONNECTED, at=cast.ago(5), source=source, reason=reason)

    assert state(cast) == ("logged_out", "unlinked")
    assert nothing_is_repaired(cast)


@pytest.mark.parametrize(("source", "reason"), GONE)
def test_its_code_was_shown(cast, source, reason):
    waits(cast, 30, source=Source.WEBHOOK)
    see(cast.dana, Status.DISCONNECTED, at=cast.ago(5), source=source, reason=reason)

    assert state(cast) == ("disconnected", "qr_expired")
    assert nothing_is_repaired(cast)


@pytest.mark.parametrize(("source", "reason"), GONE)
def test_it_has_waited_longer_than_any_start_takes(cast, source, reason):
    waits(cast, 300)
    see(cast.dana, Status.DISCONNECTED, at=cast.ago(5), source=source, reason=reason)

    assert state(cast) == ("disconnected", "qr_expired")
    assert nothing_is_repaired(cast)


@pytest.mark.parametrize("kind", ["waha", "evolution", "wppconnect", "wwebjs_api"])
def test_a_kind_that_says_so_only_with_a_code_on_the_screen(cast, kind):
    of_kind(cast, kind)
    waits(cast, 30)
    see(cast.dana, Status.DISCONNECTED, at=cast.ago(5), source=Source.LIST, reason=Reason.LISTED)

    assert state(cast) == ("disconnected", "qr_expired")


def test_the_node_service_says_so_of_what_is_only_starting(cast):
    waits(cast, 30)
    see(cast.dana, Status.DISCONNECTED, at=cast.ago(5), source=Source.READ, reason=Reason.MISSING)

    assert state(cast) == ("disconnected", "missing")


def test_that_nobody_saw_it_in_between_makes_no_difference(cast):
    waits(cast, 300)
    Account.objects.filter(pk=cast.dana.pk).update(read_at=cast.ago(100), status_since=cast.ago(90))
    see(cast.dana, Status.UNKNOWN, at=cast.ago(20), source=Source.SWEEP, reason=Reason.UNREACHABLE)
    assert cast.dana.status == Status.UNKNOWN
    see(cast.dana, Status.DISCONNECTED, at=cast.ago(5), source=Source.READ, reason=Reason.MISSING)

    assert state(cast) == ("disconnected", "qr_expired")


def test_a_time_in_which_nobody_saw_it_is_no_waiting(cast):
    waits(cast, 300)
    see(cast.dana, Status.UNKNOWN, at=cast.ago(240), source=Source.SWEEP, reason=Reason.UNREACHABLE)
    assert cast.dana.status == Status.UNKNOWN
    see(cast.dana, Status.DISCONNECTED, at=cast.ago(5), source=Source.READ, reason=Reason.MISSING)

    assert state(cast) == ("disconnected", "missing")


@pytest.mark.parametrize("reason", [Reason.NAVIGATION, Reason.BROWSER_GONE, Reason.MISSING])
def test_a_later_word_of_its_loss_does_not_make_it_ours(cast, reason):
    waits(cast, 30, source=Source.WEBHOOK)
    see(cast.dana, Status.DISCONNECTED, at=cast.ago(5), source=Source.READ, reason=Reason.MISSING)
    see(cast.dana, Status.DISCONNECTED, at=cast.ago(2), reason=reason)

    assert state(cast) == ("disconnected", "qr_expired")
    assert nothing_is_repaired(cast)


def test_a_code_of_an_earlier_start_says_nothing_of_this_one(cast):
    Account.objects.filter(pk=cast.dana.pk).update(qr_seen_at=cast.ago(5000))
    waits(cast, 30)
    see(cast.dana, Status.DISCONNECTED, at=cast.ago(5), source=Source.READ, reason=Reason.MISSING)

    assert state(cast) == ("disconnected", "missing")


def test_wanted_stopped_it_is_stopped(cast):
    waits(cast, 30, source=Source.WEBHOOK)
    Account.objects.filter(pk=cast.dana.pk).update(wanted=Wanted.STOPPED)
    see(cast.dana, Status.DISCONNECTED, at=cast.ago(5), source=Source.READ, reason=Reason.MISSING)

    assert cast.dana.status == Status.STOPPED


@pytest.mark.parametrize("reason", [Reason.REPLACED, Reason.CLIENT_OUTDATED])
def test_a_reason_that_asks_for_a_human_itself_is_kept(cast, reason):
    waits(cast, 30, source=Source.WEBHOOK)
    see(cast.dana, Status.DISCONNECTED, at=cast.ago(5), reason=reason)

    assert state(cast) == ("disconnected", reason)


def test_an_operators_word_is_taken_as_it_is(cast):
    waits(cast, 30, source=Source.WEBHOOK)
    said = {"source": Source.OPERATOR, "reason": Reason.OPERATOR, "actor": "olga"}
    see(cast.dana, Status.DISCONNECTED, at=cast.ago(5), **said)

    assert state(cast) == ("disconnected", "operator")
