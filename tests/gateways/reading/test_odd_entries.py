"""One entry of a list that cannot be read: the others count, at every kind."""

from __future__ import annotations

import pytest

from gateways.base import Reason, State
from tests.gateways.kinds import clients

WORKING = {"name": "good", "status": "WORKING", "me": {"id": "62811801641@c.us"}}
NODE = {"session_id": "good", "status": "connected", "phone_number": "62811801641"}
INSTANCE = {"instance": {"instanceName": "good", "state": "open"}}
CONNECTED = {"success": True, "state": "CONNECTED", "message": "session_connected"}
LISTS = {
    "webjs": lambda odd: {
        "sessions": (200, {"success": True, "total": 2, "sessions": [NODE, odd]}),
    },
    "waha": lambda odd: {"sessions": (200, [WORKING, odd])},
    "evolution": lambda odd: {
        "fetchInstances": (200, [{"name": "good", "ownerJid": None}, odd]),
        "connectionState": (200, INSTANCE),
    },
    "wwebjs_api": lambda odd: {
        "getSessions": (200, {"success": True, "result": ["good", odd]}),
        "status": (200, CONNECTED),
    },
    "wppconnect": lambda odd: {
        "show_all_sessions": (200, {"response": ["good", odd]}),
        "status_session": (200, {"status": "CONNECTED"}),
        "check_connection_session": (200, {"status": True}),
    },
}


@pytest.mark.parametrize("odd", [None, 7, [], {"name": None}, {"name": 7, "status": {}}])
@pytest.mark.parametrize("kind", LISTS)
def test_the_others_count_and_the_list_is_not_whole(kind, odd):
    gateway = clients.client(kind, clients.Gateway(**LISTS[kind](odd)))

    listing = gateway.list_sessions(deadline_seconds=5)

    assert [(one.session_id, one.state) for one in listing.sessions] == [("good", State.CONNECTED)]
    assert not listing.complete
    assert "read" in listing.why_incomplete


@pytest.mark.parametrize("said", [{"status": None}, {}])
def test_an_entry_of_waha_without_a_status_is_there_and_says_nothing(said):
    entries = [WORKING, {"name": "odd"} | said]
    gateway = clients.client("waha", clients.Gateway(sessions=(200, entries)))

    listing = gateway.list_sessions(deadline_seconds=5)

    assert listing.complete
    assert [(one.session_id, one.state, one.reason, one.raw_state) for one in listing.sessions][
        1
    ] == ("odd", None, Reason.UNRECOGNISED, "(no status)")


def test_a_code_that_no_fresh_one_follows_has_expired():
    """UNPAIRED_IDLE of whatsapp-web.js: what its screen shows cannot be scanned any more."""
    said = CONNECTED | {"state": "UNPAIRED_IDLE", "message": "session_not_connected"}
    gateway = clients.client("wwebjs_api", clients.Gateway(status=(200, said)))

    session = gateway.read_session("s", deadline_seconds=5)

    assert (session.state, session.reason) == (State.DISCONNECTED, Reason.QR_EXPIRED)
