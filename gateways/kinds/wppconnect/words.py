"""WPPConnect Server's words, and ours for them; and what its webhooks are known by. Recorded
traffic: tests/captures/wppconnect-server/."""

from __future__ import annotations

from collections.abc import Mapping

from gateways.base import Kind, Reason, State
from gateways.kinds.base_webhooks import LIFE, TEST, EventMeaning, Words
from gateways.profiles import Profile

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

# A fault of a QR code, or of the phone's network: only a read shows which.
UNCERTAIN = frozenset({"qrreadfail", "qrreaderror", "phonenotconnected"})

EVENTS: Mapping[str, EventMeaning] = (
    {
        "qrcode": EventMeaning(kind=Kind.STATE, state=State.QR_SCANNING),
        "phoneCode": EventMeaning(kind=Kind.STATE, state=State.QR_SCANNING),
        "status-find": EventMeaning(kind=Kind.STATE, reads="status", words=FOUND, kept=("status",)),
        "closesession": EventMeaning(kind=Kind.STATE, state=State.DISCONNECTED),
        "logoutsession": EventMeaning(
            kind=Kind.STATE, state=State.LOGGED_OUT, reason=Reason.UNLINKED
        ),
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
