"""A code to scan, whatever a gateway makes of it, is a PNG data URL."""

from __future__ import annotations

import base64

import httpx
import pytest

from gateways.base import GatewayError
from gateways.wire.qr_images import address_of_base64, address_of_code, address_of_png
from tests.gateways.kinds.clients import Gateway, client

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
BARE = base64.b64encode(PNG).decode()
ADDRESS = f"data:image/png;base64,{BARE}"
CODE = "2@MAHa65HLeT7XRIC6+WIN4DKGFEFSF8,AQEBAQ=,AgICAg=,c3R1Yg=="
DRAWN = address_of_code(CODE)
CONNECTING = (200, {"instance": {"state": "connecting"}})

SHOWN = {
    "wwebjs_api, as text": ("wwebjs_api", Gateway(qr=(200, {"success": True, "qr": CODE})), DRAWN),
    "waha, a picture": ("waha", Gateway(qr=(200, PNG)), ADDRESS),
    "waha, base64": (
        "waha",
        Gateway(qr=(200, {"mimetype": "image/png", "data": BARE})),
        ADDRESS,
    ),
    "waha, as text": ("waha", Gateway(qr=(200, {"value": CODE})), DRAWN),
    "evolution, a picture": (
        "evolution",
        Gateway(connectionState=CONNECTING, connect=(200, {"code": CODE, "base64": ADDRESS})),
        ADDRESS,
    ),
    "evolution, as text": (
        "evolution",
        Gateway(connectionState=CONNECTING, connect=(200, {"code": CODE, "count": 1})),
        DRAWN,
    ),
    "wppconnect, a picture": (
        "wppconnect",
        Gateway(status_session=(200, {"status": "QRCODE", "qrcode": ADDRESS, "urlcode": CODE})),
        ADDRESS,
    ),
    "wppconnect, as text": (
        "wppconnect",
        Gateway(status_session=(200, {"status": "QRCODE", "qrcode": None, "urlcode": CODE})),
        DRAWN,
    ),
}
NONE_SHOWN = {
    "webjs has no such call": ("webjs", Gateway()),
    "wwebjs_api, connected": (
        "wwebjs_api",
        Gateway(qr=(200, {"success": False, "message": "qr code not ready or already scanned"})),
    ),
    "wwebjs_api, unknown": (
        "wwebjs_api",
        Gateway(qr=(200, {"success": False, "message": "session_not_found"})),
    ),
    "waha, not waiting for a scan": (
        "waha",
        Gateway(qr=(422, {"status": "WORKING", "expected": ["SCAN_QR_CODE"]})),
    ),
    "evolution, none yet": (
        "evolution",
        Gateway(connectionState=CONNECTING, connect=(200, {"count": 0})),
    ),
    "wppconnect, an old code beside another word": (
        "wppconnect",
        Gateway(status_session=(200, {"status": "CONNECTED", "qrcode": ADDRESS})),
    ),
}


def read(kind, gateway):
    return client(kind, gateway).read_qr("alice", deadline_seconds=16)


@pytest.mark.parametrize(("kind", "gateway", "address"), SHOWN.values(), ids=SHOWN)
def test_every_form_becomes_a_png(kind, gateway, address):
    assert read(kind, gateway) == address
    assert address.startswith("data:image/png;base64,iVBORw0KGgo")


@pytest.mark.parametrize(("kind", "gateway"), NONE_SHOWN.values(), ids=NONE_SHOWN)
def test_no_code_is_an_answer(kind, gateway):
    assert read(kind, gateway) is None


@pytest.mark.parametrize("state", ["open", "close"])
def test_reading_starts_nothing(state):
    """Evolution's one call for the code also connects what is closed."""
    gateway = Gateway(connectionState=(200, {"instance": {"state": state}}), connect=(200, {}))

    assert read("evolution", gateway) is None
    assert gateway.asked == ["GET /instance/connectionState/alice"]


@pytest.mark.parametrize("kind", ["wwebjs_api", "waha", "evolution", "wppconnect"])
def test_an_error_quotes_no_code(kind):
    def answer(call):
        said = {"success": CODE, "qr": [CODE], "data": [CODE], "instance": CODE, "status": [CODE]}
        return httpx.Response(200, json=said)

    with pytest.raises(GatewayError) as error:
        read(kind, answer)
    assert CODE not in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "no base64!", "aGVsbG8=", "data:image/svg+xml;base64,PHN2Zz4=", "ü"]
)
def test_what_is_no_png_is_none(text):
    assert address_of_base64(text) is None


def test_a_picture_out_of_all_proportion_is_none():
    assert address_of_png(PNG + b"\0" * 100_000) is None
    assert address_of_code("x" * 2_901) is None
    assert address_of_code("漢" * 2_900) is None
