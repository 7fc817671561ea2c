"""Gateways of every kind about another workspace's account, in each kind's own way of naming a
session, a number and a workspace. Another gateway runs that account."""

from __future__ import annotations

from itertools import product

import pytest

from accounts.models import Account, Repair, SupersededSession, Transition
from accounts.words.status import Status
from gateways.base import Reason
from gateways.registry import KINDS
from tests.cast import a_number
from tests.webhooks.speaking import TOKEN, a_gateway_of, post
from webhooks.inbox.activity import flush_life
from webhooks.models import Delivery

PLIGHTS = {
    "connected": {"status": Status.CONNECTED},
    "lost": {"status": Status.DISCONNECTED, "status_reason": Reason.BROWSER_GONE},
    "logged out": {"status": Status.LOGGED_OUT, "status_reason": Reason.UNLINKED},
    "unseen": {"status": Status.UNKNOWN, "status_reason": Reason.UNREACHABLE},
}
SAYINGS = ["lost", "logged out", "connected", "qr", "message"]
# These cannot name a number: their bodies have no place for one.
NAMELESS = {"wwebjs_api", "wppconnect"}
# These cannot say it of a session at all.
UNSAID = {("waha", "logged out")}


def webjs(said, session_id, number, workspace_id):
    name, more = {
        "lost": ("session_disconnected", {"reason": "NAVIGATION"}),
        "logged out": ("session_disconnected", {"reason": "LOGOUT"}),
        "connected": ("session_ready", {}),
        "qr": ("qr_code_generated", {"qr_code": "2@x"}),
        "message": ("message_received", {"message": {"id": "m"}}),
    }[said]
    named = {"session_id": session_id, "phone_number": number, "workspace_id": workspace_id}
    return {"event": name, "data": named | more}


def wwebjs_api(said, session_id, number, workspace_id):
    name, data = {
        "lost": ("disconnected", {"reason": "CONFLICT"}),
        "logged out": ("disconnected", {"reason": "LOGOUT"}),
        "connected": ("ready", {}),
        "qr": ("qr", {"qr": "2@x"}),
        "message": ("message", {"message": {"id": "m", "to": f"{number}@c.us"}}),
    }[said]
    return {"dataType": name, "data": data, "sessionId": session_id}


def waha(said, session_id, number, workspace_id):
    status = {"lost": "STOPPED", "connected": "WORKING", "qr": "SCAN_QR_CODE"}.get(said)
    me = {"id": f"{number}@c.us", "pushName": "x"}
    if status is None:
        return {"event": "message", "session": session_id, "me": me, "payload": {"id": "m"}}
    payload = {"status": status}
    return {"event": "session.status", "session": session_id, "me": me, "payload": payload}


def evolution(said, session_id, number, workspace_id):
    wuid = f"{number}@s.whatsapp.net"
    name, data = {
        "lost": ("connection.update", {"state": "close", "statusReason": 408}),
        "logged out": ("connection.update", {"state": "close", "statusReason": 401}),
        "connected": ("connection.update", {"state": "open", "statusReason": 200, "wuid": wuid}),
        "qr": ("qrcode.updated", {"qrcode": {"code": "2@x"}}),
        "message": ("messages.upsert", {"key": {"id": "m"}}),
    }[said]
    return {"event": name, "instance": session_id, "sender": wuid, "data": data}


def wppconnect(said, session_id, number, workspace_id):
    more = {
        "lost": {"event": "status-find", "status": "browserClose"},
        "logged out": {"event": "status-find", "status": "disconnectedMobile"},
        "connected": {"event": "status-find", "status": "inChat"},
        "qr": {"event": "qrcode"},
        "message": {"event": "onmessage", "to": f"{number}@c.us"},
    }[said]
    return {"session": session_id} | more


def standard(said, session_id, number, workspace_id):
    named = {"session_id": session_id, "phone_number": number, "workspace_id": workspace_id}
    if said == "message":
        return {"type": "message.received", "data": named}
    status = {"lost": "disconnected", "logged out": "logged_out", "qr": "qr_scanning"}
    more = {"status": status.get(said, said)}
    return {"type": "session.status", "data": named | more}


BODIES = {
    "webjs": webjs,
    "wwebjs_api": wwebjs_api,
    "waha": waha,
    "evolution": evolution,
    "wppconnect": wppconnect,
    "standard": standard,
}
PAIRS = [(kind, said) for kind in BODIES for said in SAYINGS if (kind, said) not in UNSAID]

each_saying = pytest.mark.parametrize(("kind", "said"), PAIRS)


def test_every_kind_is_among_them():
    assert set(BODIES) == set(KINDS)


@pytest.fixture
def asked(monkeypatch):
    """What the tasks were given."""
    calls = []
    monkeypatch.setattr("accounts.store.enqueue._send", lambda task, args: calls.append(args))
    return calls


@pytest.fixture
def speak(cast, asked, django_capture_on_commit_callbacks):
    """A gateway of this kind in Acme says it."""

    def said_by(kind, *words):
        if not cast.gateway.name.endswith("of Acme"):
            cast.gateway = a_gateway_of(cast, kind, name=f"{kind} of Acme", path=TOKEN)
            cast.own = cast.an_account("own", Status.CONNECTED)
        with django_capture_on_commit_callbacks(execute=True):
            answer = post(kind, BODIES[kind](*words), token=TOKEN)
        assert answer.status_code == 200, answer.content
        flush_life()
        return answer.json()["state"]

    return said_by


def a_neighbour(cast, kind, plight="connected"):
    """An account of Globex at another gateway of the same kind."""
    if cast.other_gateway.name == "whatsapp-2":
        cast.other_gateway = a_gateway_of(cast, kind, name=f"{kind} of Globex", path="another path")
    fields = {"workspace": cast.globex, "gateway": cast.other_gateway}
    return cast.an_account("gina", **fields, **PLIGHTS[plight])


def trace(account):
    return (
        Account.objects.values().get(pk=account.pk),
        Transition.objects.filter(account=account).count(),
        Repair.objects.filter(account=account).count(),
        SupersededSession.objects.filter(account=account).count(),
        Delivery.objects.filter(account=account).count(),
    )


@each_saying
@pytest.mark.parametrize("plight", PLIGHTS)
def test_nothing_that_it_says_moves_the_account_or_has_it_read(
    cast, asked, speak, kind, said, plight
):
    gina = a_neighbour(cast, kind, plight)
    before = trace(gina)
    for session_id, workspace in product(["gina", "theirs"], [cast.acme, cast.globex]):
        state = speak(kind, said, session_id, gina.phone_number, workspace.pk)
        assert state == ("noted" if said == "message" else "ignored")
    assert trace(gina) == before
    assert not [args for args in asked if gina.gateway_id in args[:1]]
    assert set(Account.objects.filter(gateway=cast.gateway)) == {cast.own}


@each_saying
def test_of_two_sessions_with_one_name_it_moves_its_own(cast, speak, kind, said):
    gina = a_neighbour(cast, kind)
    speak(kind, "connected", "own", None, cast.acme.pk)
    own = cast.an_account("gina", Status.CONNECTING)
    before, own_before = trace(gina), trace(own)
    state = speak(kind, said, "gina", own.phone_number, cast.acme.pk)
    assert state == ("noted" if said == "message" else "applied")
    assert trace(gina) == before
    assert trace(own) != own_before


@pytest.mark.parametrize("kind", sorted(set(BODIES) - NAMELESS))
@pytest.mark.parametrize("number", ["unknown", "another"])
@pytest.mark.parametrize("plight", PLIGHTS)
def test_its_own_session_with_the_other_s_number_is_no_merger(cast, speak, kind, number, plight):
    gina = a_neighbour(cast, kind, plight)
    speak(kind, "connected", "own", None, cast.acme.pk)
    has = None if number == "unknown" else a_number()
    own = cast.an_account("mine", Status.CONNECTING, phone_number=has)
    before = trace(gina)
    speak(kind, "connected", "mine", gina.phone_number, cast.acme.pk)
    assert trace(gina) == before
    own.refresh_from_db()
    assert (own.workspace, own.merged_into_id) == (cast.acme, None)
    if number == "unknown":
        assert own.phone_number == gina.phone_number
    else:
        assert (own.phone_number, own.status_reason) == (has, Reason.WRONG_NUMBER)


@pytest.mark.parametrize("kind", ["webjs", "standard"])
@pytest.mark.parametrize("said", SAYINGS)
def test_its_own_session_stays_in_its_workspace_whichever_it_names(cast, speak, kind, said):
    """Only these two kinds can name one."""
    gina = a_neighbour(cast, kind)
    speak(kind, "connected", "own", None, cast.acme.pk)
    before = trace(gina)
    own = Account.objects.get(gateway=cast.gateway, session_id="own")
    speak(kind, said, "own", gina.phone_number, cast.globex.pk)
    own.refresh_from_db()
    assert (own.workspace, own.merged_into_id) == (cast.acme, None)
    assert trace(gina) == before
