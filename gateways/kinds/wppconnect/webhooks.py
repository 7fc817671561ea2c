"""WPPConnect Server: its webhooks. Recorded traffic: tests/captures/wppconnect-server/.

It sends no signature, no key, no id and no time, and never again: only a path of its own tells who
speaks. It reports that its browser was killed, and no other fault.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gateways.base import Event, Kind, Reason, State
from gateways.kinds.base_webhooks import NOTHING, envelope_of, kept_of, name_of, parser, word_of
from gateways.kinds.meaning import LIFE, TEST, Meaning, Words
from gateways.profiles import Profile
from gateways.wire.json_fields import Body, id_of
from gateways.wire.qr_images import picture

KIND = "wppconnect"
PROFILE = Profile(
    cure="it can send no secret: give it a path of its own (gateway_add --path-token)",
    session_field="session",
)

FOUND: Words = {
    "notlogged": (State.QR_SCANNING, Reason.NONE),
    "qrreadsuccess": (State.CONNECTING, Reason.AUTHENTICATED),
    "islogged": (State.CONNECTING, Reason.AUTHENTICATED),
    # Ready. Observed in some runs only: a read finds the others.
    "inchat": (State.CONNECTED, Reason.NONE),
    "autoclosecalled": (State.DISCONNECTED, Reason.QR_EXPIRED),
    "browserclose": (State.DISCONNECTED, Reason.BROWSER_GONE),
    "serverclose": (State.DISCONNECTED, Reason.NETWORK),
    "disconnectedmobile": (State.LOGGED_OUT, Reason.UNLINKED),
    "desconnectedmobile": (State.LOGGED_OUT, Reason.UNLINKED),  # older versions spell it so
    "deletetoken": (State.LOGGED_OUT, Reason.UNLINKED),
}

# Something is wrong with a QR code, or with the phone's network: what, only a read tells.
UNCERTAIN = frozenset({"qrreadfail", "qrreaderror", "phonenotconnected"})

EVENTS: Mapping[str, Meaning] = (
    {
        "qrcode": Meaning(kind=Kind.STATE, state=State.QR_SCANNING),
        "phoneCode": Meaning(kind=Kind.STATE, state=State.QR_SCANNING),
        "status-find": Meaning(kind=Kind.STATE, reads="status", words=FOUND, kept=("status",)),
        "closesession": Meaning(kind=Kind.STATE, state=State.DISCONNECTED),
        "logoutsession": Meaning(kind=Kind.STATE, state=State.LOGGED_OUT, reason=Reason.UNLINKED),
    }
    | dict.fromkeys(
        (
            *("onmessage", "onselfmessage", "onanymessage", "onack", "onpresencechanged"),
            *("onreactionmessage", "onrevokedmessage", "onpollresponse", "incomingcall"),
            *("onparticipantschanged", "onupdatelabel", "onlivelocation", "onnotificationmessage"),
        ),
        LIFE,
    )
    | TEST
)
WEAK = frozenset({"onpresencechanged", "onupdatelabel"})


class _Envelope(msgspec.Struct):
    """An event's own fields stand beside these."""

    event: msgspec.Raw = NOTHING
    session: msgspec.Raw = NOTHING
    status: msgspec.Raw = NOTHING
    qrcode: msgspec.Raw = NOTHING


_ENVELOPES = msgspec.json.Decoder(_Envelope)


@parser
def parse(raw: Body) -> Event:
    """One webhook's body as an `Event`.

    Observed: the first `status-find` after a close names no session. It cannot be applied, but
    something was said: it is kept as a hint about nobody.
    """
    envelope = envelope_of(raw, _ENVELOPES)
    name = name_of(envelope.event, "event")
    session_id = id_of(envelope.session, "session")
    meaning = EVENTS.get(name)
    if meaning is None or meaning.kind is Kind.LIFE:
        kind = Kind.LIFE if meaning else Kind.UNRECOGNISED
        return Event(name=name, kind=kind, session_id=session_id)
    word = word_of(envelope.status, "status") if meaning.reads else ""
    kind, state, reason = meaning.said(word)
    if word.lower() in UNCERTAIN:
        reason = Reason.SESSION_ERROR
    if session_id is None:
        return Event(name=name, kind=Kind.HINT, reason=reason, raw_reason=word)
    return Event(
        name=name,
        kind=kind,
        session_id=session_id,
        state=state,
        reason=reason,
        raw_reason=word,
        qr_code=picture(envelope.qrcode) if state is State.QR_SCANNING else None,
        fields=kept_of(meaning, envelope),
    )
