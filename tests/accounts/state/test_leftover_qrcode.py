"""WPPConnect goes on saying QRCODE after a scan in a running session; its check cannot tell."""

from __future__ import annotations

import pytest

from accounts.words.status import Source, Status
from gateways.base import Reason
from tests.cast import see

READS = [Source.READ, Source.LIST]


@pytest.fixture
def wppconnect(cast):
    cast.gateway.kind = "wppconnect"
    cast.gateway.save()
    return cast.an_account("wpp-1", Status.CONNECTED, read_at=cast.ago(99), observed_at=None)


def unlinked(cast, account, *, ago):
    """The phone unlinked it, and its gateway shows a code."""
    see(account, Status.QR_SCANNING, at=cast.ago(ago))
    reads_qrcode(cast, account, ago=ago - 0.2)


def scanned(cast, account, *, ago):
    see(account, Status.CONNECTING, at=cast.ago(ago), reason=Reason.AUTHENTICATED)
    see(account, Status.CONNECTED, at=cast.ago(ago - 0.3), raw="inChat")


def reads_qrcode(cast, account, *, ago, source=Source.READ):
    said = {"reason": Reason.LISTED, "raw": "QRCODE", "source": source, "may_be_over": True}
    see(account, Status.QR_SCANNING, at=cast.ago(ago), **said)


@pytest.mark.parametrize("source", READS)
def test_a_scan_that_was_told_is_not_undone(cast, wppconnect, source):
    """Recorded, 2 of 2: the read 0.3 s after `inChat` said QRCODE, and won."""
    unlinked(cast, wppconnect, ago=9)
    scanned(cast, wppconnect, ago=6)
    reads_qrcode(cast, wppconnect, ago=5, source=source)
    reads_qrcode(cast, wppconnect, ago=1, source=source)
    assert wppconnect.status == Status.CONNECTED


def test_nor_is_one_that_is_still_loading(cast, wppconnect):
    unlinked(cast, wppconnect, ago=9)
    see(wppconnect, Status.CONNECTING, at=cast.ago(6), reason=Reason.AUTHENTICATED)
    reads_qrcode(cast, wppconnect, ago=5.9)
    assert wppconnect.status == Status.CONNECTING


def test_the_next_code_that_is_told_counts(cast, wppconnect):
    unlinked(cast, wppconnect, ago=9)
    scanned(cast, wppconnect, ago=6)
    see(wppconnect, Status.QR_SCANNING, at=cast.ago(3))
    reads_qrcode(cast, wppconnect, ago=1)
    assert wppconnect.status == Status.QR_SCANNING


def test_without_webhooks_an_unlink_is_read(cast, wppconnect):
    """The last read showed it connected: its gateway does not lag behind."""
    reads_qrcode(cast, wppconnect, ago=1)
    assert wppconnect.status == Status.QR_SCANNING


def test_a_spell_of_blindness_does_not_lose_it(cast, wppconnect):
    unlinked(cast, wppconnect, ago=90)
    scanned(cast, wppconnect, ago=80)
    swept = {"reason": Reason.UNREACHABLE, "source": Source.SWEEP}
    see(wppconnect, Status.UNKNOWN, at=cast.ago(3), **swept)
    assert wppconnect.status == Status.UNKNOWN
    reads_qrcode(cast, wppconnect, ago=1)
    assert wppconnect.status == Status.CONNECTED
