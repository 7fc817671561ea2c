"""The recorded traffic of real gateways: what they pushed, through HTTP, and then a read answered
as they answered. Every webhook is applied, ignored or superseded, with its reason; the accounts end
in the state that the recording shows."""

from __future__ import annotations

import json
import re

import pytest

from accounts.models import Account
from accounts.repair.targeted_read import confirm
from accounts.words.status import Status
from gateways.kinds.wppconnect import client
from gateways.registry import KINDS, use_transport
from tests.cast import NOBODY
from tests.gateways.kinds import captured
from tests.webhooks.speaking import TOKEN, a_gateway_of, post
from webhooks.models import Delivery

WWEBJS = [("wwebjs_api", "wwebjs-api", name) for name in captured.recordings("wwebjs-api")]
WPPCONNECT = [("wppconnect", "wppconnect-server", "02-login-and-faults")]


@pytest.fixture(autouse=True)
def _no_remembered_tokens():
    client._tokens.clear()


@pytest.fixture
def replay(cast):
    """Register a gateway and an account for each of its sessions, push what it pushed, and answer
    each session's read with what it answered then. How each account ended, by session."""

    def of(kind, folder, recording, *, label="", about=""):
        before = float("inf")
        if label:
            before = captured.moment(folder, recording, label, about=about)
        bodies = captured.webhooks(folder, recording, before=before)
        if about:
            parse = KINDS[kind].parse
            bodies = [body for body in bodies if parse(body).session_id == about]
        gateway = a_gateway_of(cast, kind, api_key=captured.KEY, path=TOKEN)
        sessions = {event.session_id for event in map(KINDS[kind].parse, bodies)} - {None}
        for session_id in sessions:
            cast.an_account(session_id, Status.PENDING, gateway=gateway, observed_at=None)
        token = TOKEN if kind == "wppconnect" else ""
        answers = [post(kind, body, token=token, x_api_key=captured.KEY) for body in bodies]
        assert {answer.status_code for answer in answers} == {200}
        transport = captured.gateway(folder, recording, until=label, about=about)
        with use_transport(NOBODY, transport):
            for session_id in sessions if not about else {about}:
                confirm(gateway.pk, session_id)
        found = Account.objects.filter(gateway=gateway, session_id__in=sessions)
        return {account.session_id: (account.status, account.status_reason) for account in found}

    return of


def named(session_id):
    """Return the name in the recording's labels, which use underscores."""
    return re.sub(r"(?<=[A-Z])-(?=[A-Z])", "_", session_id)


@pytest.mark.parametrize(("kind", "folder", "recording"), WWEBJS + WPPCONNECT)
def test_each_webhook_ends_with_its_reason_and_each_account_as_recorded(
    replay, kind, folder, recording
):
    ended = replay(kind, folder, recording)

    rows = Delivery.objects.all()
    assert {row.state for row in rows} <= {"applied", "ignored", "superseded"}
    assert all(row.error for row in rows if row.state != "applied")
    shown = {session: last_word(kind, folder, recording, session) for session in ended}
    wrong = {
        session: (ended[session], shown[session])
        for session in ended
        if shown[session] and ended[session][0] not in shown[session]
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("recording", "session_id", "label", "status", "reason"),
    [
        ("03", "kill9-browser", "status +12s", "disconnected", "browser_gone"),
        ("03", "tab-closed", "status +12s", "disconnected", "browser_gone"),
        ("03", "nav-blank", "status +2s", "disconnected", "page_gone"),
        ("03", "state-TIMEOUT", "status +12s", "connecting", "network"),
        # The tab that is closed after a conflict is the conflict's doing.
        ("03", "state-CONFLICT", "status +12s", "disconnected", "replaced"),
        ("03", "state-UNPAIRED", "status +12s", "logged_out", "unlinked"),
        ("03", "state-TOS-BLOCK", "status +12s", "blocked", "terms_of_service"),
        ("03", "phone-logout", "status +12s", "qr_scanning", "listed"),
        ("04", "kill9-browser", "status +12s", "disconnected", "browser_gone"),
        ("04", "kill9-renderer", "status +12s", "connected", ""),
        ("04", "state-TIMEOUT-back", "restart", "connected", ""),
    ],
)
def test_wwebjs_api_in_the_middle_of_a_fault(replay, recording, session_id, label, status, reason):
    [name] = [name for name in captured.recordings("wwebjs-api") if name.startswith(recording)]
    ended = replay(
        "wwebjs_api", "wwebjs-api", name, label=f"{named(session_id)}: {label}", about=session_id
    )

    assert ended[session_id] == (status, reason)


@pytest.mark.parametrize(
    ("session_id", "label", "status", "reason"),
    [
        ("q1", "QR shown: check-connection", "qr_scanning", "listed"),
        ("f-kill9", "+9s: check-connection", "disconnected", "browser_gone"),
        ("f-kill9", "after close+start: check-connection", "connected", ""),
        ("f-logout", "+9s: check-connection", "qr_scanning", "listed"),
    ],
)
def test_wppconnect_in_the_middle_of_a_fault(
    replay, monkeypatch, session_id, label, status, reason
):
    # It lists a session from its first login on; the list itself was not asked for at that moment.
    monkeypatch.setattr(
        "gateways.kinds.wppconnect.client.WppconnectClient._names",
        lambda self, seconds: ([session_id], 0),
    )
    ended = replay(*WPPCONNECT[0], label=label, about=session_id)

    assert ended[session_id] == (status, reason)


def test_what_named_no_session_is_kept_and_moves_nobody(replay):
    replay(*WPPCONNECT[0])

    about_nobody = Delivery.objects.filter(session_id="")
    assert about_nobody.count() == 7
    assert {(row.state, row.event) for row in about_nobody} == {("ignored", "status-find")}


def test_no_recorded_word_or_number_of_a_message_is_kept(replay):
    replay(*WWEBJS[0])

    kept = json.dumps([*Delivery.objects.values("said", "error", "event")])
    assert "hello" not in kept and "15550100002" not in kept


def last_word(kind, folder, recording, session_id):
    """Return the statuses that a session may end in: its last recorded status, read by hand.

    Empty if it was never asked.
    """
    if kind == "wppconnect":
        said = captured.answers(folder, recording, f"/api/{session_id}/status-session")
        words = {"CLOSED": {"disconnected"}, "QRCODE": {"qr_scanning"}}
        return words.get(said[-1]["status"], {"connected", "connecting"}) if said else set()
    said = captured.answers(folder, recording, f"/session/status/{session_id}")
    if not said:
        return set()
    if said[-1] is None:  # its gateway died: what it said last stands until the word expires
        return {"connected"}
    if said[-1]["state"]:
        return {"CONNECTED": {"connected"}, "UNPAIRED": {"qr_scanning"}}[said[-1]["state"]]
    return {"disconnected"}


def test_every_recording_of_webhooks_is_replayed_somewhere():
    folders = {path.parent.name for path in captured.FOLDER.glob("*/*.webhooks.jsonl")}
    assert folders == {"node-service", "wwebjs-api", "wppconnect-server"}
