"""The code of a session that waits for a scan, asked of a gateway that can be asked for it."""

from __future__ import annotations

import httpx
import pytest

from accounts.models import GatewaySecret
from accounts.words.status import Status
from gateways import registry
from gateways.wire.qr_images import address_of_code
from tests.cast import a_gateway
from tests.dashboard.pages import act, page_of, told

CODE = "2@MAHa65HLeT7XRIC6,AQEBAQ="
ADDRESS = "http://wwa:3000"


@pytest.fixture
def dora(cast):
    """She waits for a scan at a gateway that can be asked for its codes."""
    gateway = a_gateway("wwa-1", kind="wwebjs_api", base_url=ADDRESS)
    GatewaySecret.objects.create(
        gateway=gateway, purpose=GatewaySecret.Purpose.API_KEY, secret="the-key"
    )
    return cast.an_account("dora", Status.QR_SCANNING, gateway=gateway, phone_number=None)


def saying(body):
    transport = httpx.MockTransport(lambda call: httpx.Response(200, json=body))
    return registry.use_transport(ADDRESS, transport)


def test_it_stands_on_the_page_and_in_no_answer_or_history(operator, dora):
    with saying({"success": True, "qr": CODE}):
        done = act(operator, "show-code", dora)

    assert told(done) == ["Asked for the code of 1."]
    page = operator.get(page_of(dora))
    assert f'src="{address_of_code(CODE)}"' in page.content.decode()
    assert CODE not in page.content.decode()


def test_none_to_show_is_said(operator, dora):
    with saying({"success": False, "message": "qr code not ready or already scanned"}):
        [message] = told(act(operator, "show-code", dora))
    assert "shows no code now: restart the session" in message


def test_who_may_only_look_does_not_see_it(operator, looker, dora):
    with saying({"success": True, "qr": CODE}):
        act(operator, "show-code", dora)
    assert address_of_code(CODE) not in looker.get(page_of(dora)).content.decode()


def test_a_kind_that_cannot_be_asked_is_not(operator, cast):
    page = operator.get(page_of(cast.bob)).content.decode()
    assert "Not now: gateways of kind webjs cannot be asked for a code, they send it" in page

    [message] = told(act(operator, "show-code", cast.bob))
    assert "cannot be asked for a code, they send it" in message


def test_who_waits_for_no_scan_has_no_code(operator, cast):
    [message] = told(act(operator, "show-code", cast.alice))
    assert "does not wait for a scan" in message
