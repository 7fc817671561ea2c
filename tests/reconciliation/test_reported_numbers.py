"""Reported confusions about the number of a session, replayed at gateways that answer in these
shapes, from the list to the row."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote

import httpx
import pytest

from accounts.explain.explanation import explain
from accounts.models import Account, Gateway, GatewaySecret
from accounts.operators.registration import register
from accounts.repair.targeted_read import confirm
from accounts.state.observe import observe
from accounts.store.clock import database_now
from accounts.words.status import Status
from gateways.base import Reason
from gateways.registry import KINDS, use_transport
from reconciliation.rollcall.roll_call import call_roll
from tests.accounts.conftest import rung  # noqa: F401 - the fixture
from tests.cast import make_cast, saw_session
from tests.gateways.kinds import clients

ADDRESS = "http://gateway-1:3000"


class Place:
    """A gateway of a kind with these routes: (path, answer) or (path, status, answer)."""

    def __init__(self, kind):
        self.cast = make_cast()
        self.routes = {}
        Account.objects.all().delete()
        Gateway.objects.filter(pk=self.cast.gateway.pk).update(kind=kind, base_url=ADDRESS)
        self.gateway = Gateway.objects.get(pk=self.cast.gateway.pk)
        GatewaySecret.objects.create(
            gateway=self.gateway, purpose=GatewaySecret.Purpose.API_KEY, secret=clients.KEY
        )

    def answer(self, call):
        path = unquote(call.url.raw_path.decode())
        if path.endswith("/generate-token"):
            return httpx.Response(201, json={"token": "a-token"})
        for pattern, (status, body) in self.routes.items():
            if re.fullmatch(pattern, path):
                return httpx.Response(status, json=body)
        return httpx.Response(404, json={"message": f"Cannot GET {path}"})

    def has(self, path, body, status=200):
        self.routes[path] = (status, body)

    def add(self, session_id, number=None):
        return register(
            workspace=self.cast.acme, gateway=self.gateway, session_id=session_id,
            phone_number=number, actor="olga",
        )[0]  # fmt: skip

    def look(self, *sessions):
        """Run a roll call, then read each session."""
        with use_transport(ADDRESS, httpx.MockTransport(self.answer)):
            call_roll(self.gateway.pk)
            for session_id in sessions:
                confirm(self.gateway.pk, session_id)

    def rows(self):
        rows = Account.objects.order_by("pk")
        return {row.session_id: (row.status, row.status_reason, row.phone_number) for row in rows}

    def hears(self, body):
        event = KINDS[self.gateway.kind].parse(body)
        at = self.cast.now
        return observe([
            saw_session(self.gateway, event.session_id, event.state and Status(event.state), at=at,
                        phone_number=event.phone_number)
        ])  # fmt: skip


@pytest.fixture
def place(db):
    return Place


# --- WAHA: the id of a session is a LID, another spelling, or has a device ----------------------
OWN = {
    "br": "551187654321@c.us",
    "mx": "5215512345678@c.us",
    "ar": "5491112345678@c.us",
    "lid": "100000000000783@lid",
    "lidnew": "100000000000784@lid",
    "dev": "15550109009:12@s.whatsapp.net",
}
OURS = {
    "br": "5511987654321",
    "mx": "525512345678",
    "ar": "541112345678",
    "lid": "15550109001",
    "lidnew": None,
    "dev": "15550109009",
}


def waha_session(name, own):
    me = {"id": own, "pushName": "x"}
    engine = {"engine": "NOWEB"}
    return {"name": name, "status": "WORKING", "config": {}, "me": me, "engine": engine}


def test_waha_names_its_sessions_in_every_way_and_all_are_connected(place):
    waha = place("waha")
    waha.has(r"/api/server/status", {"uptime": 100_000_000})
    waha.has(r"/api/sessions\?all=true", [waha_session(*one) for one in OWN.items()])
    for name, own in OWN.items():
        waha.has(f"/api/sessions/{name}", waha_session(name, own))
        waha.add(name, OURS[name])

    waha.look(*OWN)

    assert waha.rows() == {name: (Status.CONNECTED, "", OURS[name]) for name in OWN}


def test_waha_gives_the_number_beside_a_lid(place):
    waha = place("waha")
    said = waha_session("a", "100000000000784@lid")
    said["me"]["jid"] = "15550109001:3@s.whatsapp.net"
    waha.has(r"/api/server/status", {"uptime": 100_000_000})
    waha.has(r"/api/sessions\?all=true", [said])
    waha.has("/api/sessions/a", said)
    waha.add("a")

    waha.look()

    assert waha.rows() == {"a": (Status.CONNECTED, "", "15550109001")}


# --- Evolution: the owner is a LID, and a proxy's 404 -------------------------------------------
GONE = {"status": 404, "error": "Not Found", "response": {"message": [
    'The "e2" instance does not exist'
]}}  # fmt: skip


def evolution(place, names=("e0", "e1", "e2")):
    gateway = place("evolution")
    owner = {"e0": "100000000000790@lid"}

    def row(name):
        jid = owner.get(name, f"1555021000{name[1]}@s.whatsapp.net")
        return {"name": name, "connectionStatus": "open", "ownerJid": jid}

    gateway.has("/instance/fetchInstances", [row(name) for name in names])
    for name in names:
        gateway.has(rf"/instance/fetchInstances\?instanceName={name}", [row(name)])
        open_now = {"instance": {"instanceName": name, "state": "open"}}
        gateway.has(f"/instance/connectionState/{name}", open_now)
        gateway.add(name, f"1555021000{name[1]}")
    gateway.look(*names)
    return gateway


def test_evolution_s_owner_may_be_a_lid(place):
    rows = evolution(place).rows()

    assert {row[0] for row in rows.values()} == {Status.CONNECTED}
    assert rows["e0"][2] == "15550210000"


def test_a_proxy_s_404_says_nothing_of_an_instance(place):
    gateway = evolution(place)
    page = {"message": "The page you asked for does not exist"}
    gateway.has("/instance/connectionState/e1", page, status=404)
    gateway.has("/instance/connectionState/e2", GONE, status=404)

    gateway.look("e1", "e2")

    rows = gateway.rows()
    assert rows["e1"][0] == Status.CONNECTED
    assert rows["e2"][:2] == (Status.DISCONNECTED, Reason.MISSING)


# --- wwebjs-api: the right phone after a wrong one, with and without a code in between ----------
@pytest.mark.parametrize("events", [["qr", "authenticated", "ready"], ["authenticated", "ready"],
                                    ["ready", "ready"], []])  # fmt: skip
def test_the_right_phone_brings_the_account_back(
    place,
    rung,  # noqa: F811
    events,
    django_capture_on_commit_callbacks,
):
    gateway = place("wwebjs_api")
    wid = {"server": "c.us", "user": "15550206001", "_serialized": "15550206001@c.us"}
    gateway.has("/ping", {"success": True, "message": "pong"})
    gateway.has("/session/getSessions", {"success": True, "result": ["w"]})
    connected = {"success": True, "state": "CONNECTED", "message": "session_connected"}
    gateway.has("/session/status/w", connected)
    gateway.has("/client/getClassInfo/w", {"success": True, "sessionInfo": {"wid": wid}})
    gateway.add("w", "15550206001")
    Account.objects.update(
        status=Status.LOGGED_OUT, status_reason=Reason.WRONG_NUMBER, status_raw="scanned 4915112345"
    )

    with django_capture_on_commit_callbacks(execute=True):
        for name in events:
            gateway.hears(f'{{"dataType":"{name}","sessionId":"w","data":{{"qr":"2@a"}}}}'.encode())
        if not events:
            gateway.look()
    asked = {args for task, args in rung if task == "accounts.tasks.confirm_session"}
    with use_transport(ADDRESS, httpx.MockTransport(gateway.answer)):
        for args in asked:
            confirm(*args)

    assert gateway.rows() == {"w": (Status.CONNECTED, "", "15550206001")}


def test_wwebjs_api_s_wid_may_be_a_lid(place):
    gateway = place("wwebjs_api")
    wid = {"server": "lid", "user": "100000000000783", "_serialized": "100000000000783@lid"}
    gateway.has("/ping", {"success": True, "message": "pong"})
    gateway.has("/session/getSessions", {"success": True, "result": ["w", "new"]})
    connected = {"success": True, "state": "CONNECTED", "message": "session_connected"}
    for name, number in (("w", "15550206001"), ("new", None)):
        gateway.has(f"/session/status/{name}", connected)
        gateway.has(f"/client/getClassInfo/{name}", {"success": True, "sessionInfo": {"wid": wid}})
        gateway.add(name, number)

    gateway.look("w", "new")

    assert gateway.rows() == {
        "w": (Status.CONNECTED, "", "15550206001"),
        "new": (Status.CONNECTED, "", None),
    }


# --- WPPConnect: no wid, the number stands in another field --------------------------------------
def wid(number, server="c.us"):
    return {"user": number, "server": server, "_serialized": f"{number}@{server}"}


@pytest.mark.parametrize(
    ("device", "number"),
    [
        ({"id": "1", "phoneNumber": "15550220009@c.us"}, "15550220009"),
        ({"phoneNumber": wid("15550220009")}, "15550220009"),
        ({"phoneNumber": "15550220009"}, "15550220009"),
        ({"wid": wid("15550220009")}, "15550220009"),
        ({"wid": wid("100000000000783", "lid"), "phoneNumber": "15550220009@c.us"}, "15550220009"),
        ({"wid": "15550220009@c.us"}, "15550220009"),
        ({"wid": wid("100000000000783", "lid")}, None),
        ({"phoneNumber": "100000000000783@lid"}, None),
        ({"phoneNumber": None, "wid": None}, None),
        ({"phoneNumber": 7}, None),
    ],
)
def test_wppconnect_names_the_number_in_one_of_two_fields(place, device, number):
    gateway = place("wppconnect")
    gateway.has("/healthz", {"status": "ok", "uptime": 100_000})
    gateway.has(f"/api/{clients.KEY}/show-all-sessions", {"response": ["h1", "h2"]})
    for name in ("h1", "h2"):
        gateway.has(f"/api/{name}/status-session", {"status": "CONNECTED", "qrcode": None})
        gateway.has(f"/api/{name}/check-connection-session", {"status": True})
        said = {"status": "success", "response": device, "mapper": "device"}
        gateway.has(f"/api/{name}/host-device", said)
    gateway.add("h1")
    clients._tokens.clear()

    gateway.look("h1")

    assert gateway.rows() == {"h1": (Status.CONNECTED, "", number)}


# --- names as people give them ------------------------------------------------------------------
NAMES = [
    *("Alice ", "Alice", " Alice", "Loja São Paulo #1", "a/b?c=d", "mystance.41", ".."),
    *("\U0001f600 vendas", "100% ok", "+55 11 98765-4321", "Отдел", "L" * 255, "dup  space"),
    *("José", "Jose\u0301", "semi;colon", "back\\slash", 'quo"te'),
]


@pytest.mark.parametrize("kind", ["waha", "evolution"])
def test_a_name_is_what_it_is_to_the_byte(place, kind):
    """A report about one session changes no other, on any route."""
    gateway = place(kind)
    accounts = {name: gateway.add(name, f"155502050{i:02d}") for i, name in enumerate(NAMES)}
    field = {"waha": "session", "evolution": "instance"}[kind]
    event = {"waha": "session.status", "evolution": "connection.update"}[kind]

    for name, account in accounts.items():
        lost = {"status": "STOPPED"} if kind == "waha" else {"state": "close", "statusReason": 428}
        data = {"payload": lost} if kind == "waha" else {"data": lost}
        Account.objects.update(status=Status.CONNECTED, status_reason="", observed_at=None)

        gateway.hears(json.dumps({"event": event, field: name} | data).encode())

        moved = Account.objects.exclude(status=Status.CONNECTED).values_list("pk", flat=True)
        assert list(moved) == [account.pk]


def test_each_name_is_read_as_itself(place):
    waha = place("waha")
    waha.has(r"/api/server/status", {"uptime": 100_000_000})
    listed = []
    for i, name in enumerate(NAMES):
        said = waha_session(name, f"155502050{i:02d}@c.us")
        listed.append(said)
        waha.has(re.escape(f"/api/sessions/{name}"), said)
        waha.add(name, f"155502050{i:02d}")
    waha.has(r"/api/sessions\?all=true", listed)

    waha.look(*NAMES)

    assert {row[0] for row in waha.rows().values()} == {Status.CONNECTED}


# --- a passkey is asked for ---------------------------------------------------------------------
@pytest.mark.parametrize("word", ["PASSKEY_REQUIRED", "PASSKEY_CONFIRMATION_REQUIRED"])
def test_a_passkey_that_is_asked_for_is_told_and_forgotten_when_a_code_is_shown(place, word):
    waha = place("waha")
    waha.has(r"/api/server/status", {"uptime": 100_000_000})
    account = waha.add("p", "15550109011")

    def shows(status):
        said = {"name": "p", "status": status, "config": {}, "me": None}
        waha.has(r"/api/sessions\?all=true", [said])
        waha.has("/api/sessions/p", said)

        waha.look("p")
        account.refresh_from_db()
        now = database_now()
        return account.status, account.status_reason, explain(account, now).human

    scan = "Scan the QR code on the account's page with the phone of this number."
    assert shows("SCAN_QR_CODE") == (Status.QR_SCANNING, Reason.LISTED, scan)
    status, reason, human = shows(word)
    assert (status, reason) == (Status.QR_SCANNING, Reason.PASSKEY_REQUIRED)
    assert human.startswith("Confirm the passkey on the phone")
    assert shows("SCAN_QR_CODE") == (Status.QR_SCANNING, Reason.LISTED, scan)
