"""Evolution reads as connecting while it shows a code; its webhook has said that it does."""

from __future__ import annotations

import pytest

from accounts.models import Transition
from accounts.words.status import Source, Status
from gateways.base import Reason
from tests.cast import see

READS = [Source.READ, Source.LIST]


@pytest.fixture
def evolution(cast):
    cast.gateway.kind = "evolution"
    cast.gateway.save()
    return cast.an_account("evo-c", Status.CONNECTING)


def reads_connecting(account, at, source):
    said = {"reason": Reason.LISTED, "raw": "connecting", "source": source, "is_cached": True}
    see(account, Status.CONNECTING, at=at, **said)


@pytest.mark.parametrize("source", READS)
def test_a_code_that_was_reported_is_on_screen(cast, evolution, source):
    """Recorded: a read came 20 to 200 ms after each of four codes, and won."""
    see(evolution, Status.QR_SCANNING, at=cast.ago(5))
    reads_connecting(evolution, cast.ago(4.8), source)
    assert evolution.status == Status.QR_SCANNING
    assert evolution.read_at == cast.ago(4.8)
    assert Transition.objects.filter(account=evolution).count() == 1


def test_a_scan_that_is_reported_ends_it(cast, evolution):
    see(evolution, Status.QR_SCANNING, at=cast.ago(9))
    see(evolution, Status.CONNECTING, at=cast.ago(5), reason=Reason.LISTED)
    reads_connecting(evolution, cast.ago(4), Source.READ)
    assert evolution.status == Status.CONNECTING
    see(evolution, Status.CONNECTED, at=cast.ago(3))
    assert evolution.status == Status.CONNECTED


def test_a_code_that_is_over_is_on_no_screen(cast, evolution):
    see(evolution, Status.QR_SCANNING, at=cast.ago(90))
    reads_connecting(evolution, cast.ago(4), Source.READ)
    assert evolution.status == Status.CONNECTING


def test_other_kinds_mean_connecting(cast):
    dana = cast.an_account("dana", Status.CONNECTING)
    see(dana, Status.QR_SCANNING, at=cast.ago(5))
    reads_connecting(dana, cast.ago(4), Source.READ)
    assert dana.status == Status.CONNECTING
