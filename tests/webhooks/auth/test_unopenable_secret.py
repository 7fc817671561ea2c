"""A secret that no key opens, whatever stands in its row, shuts nobody else's door."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.conf import settings

from accounts.models import GatewaySecret
from gateways.registry import KINDS
from tests.webhooks.sending import Sender, lost
from tests.webhooks.speaking import KEY, LOST, TOKEN, a_gateway_of, post
from webhooks.models import Delivery


def sealed_by_us(raw: bytes) -> str:
    return Fernet(settings.FIELD_KEYS[0]).encrypt(raw).decode()


UNOPENABLE = {
    "nothing": lambda: "",
    "no seal": lambda: "plain text, é and \u202e",
    "another key's": lambda: Fernet(Fernet.generate_key()).encrypt(b"secret").decode(),
    "a cut one": lambda: sealed_by_us(b"secret")[:-9],
    "no text": lambda: sealed_by_us(b"\xff\xfe\x00"),
}


@pytest.fixture(params=sorted(UNOPENABLE))
def spoiled(request, cast, settings):
    """Spoil every secret of the second gateway, and one of the first gateway's own."""
    settings.FIELD_KEYS = settings.FIELD_KEYS or [Fernet.generate_key().decode()]
    for purpose in ("api_key", "hmac", "path"):
        for gateway in (cast.other_gateway, cast.gateway):
            sealed = UNOPENABLE[request.param]()
            GatewaySecret.objects.create(gateway=gateway, purpose=purpose, sealed=sealed)


@pytest.fixture
def sealed_anew(spoiled, cast):
    """The first gateway's good one is sealed with the keys that hold in this test."""
    row = GatewaySecret(gateway=cast.gateway, purpose="hmac")
    row.secret = Sender().secret
    row.save()


def test_the_others_and_its_own_good_one_are_believed(sealed_anew):
    assert Sender().send(lost()).json()["state"] == "applied"


def test_every_other_kind_is_believed_by_its_path(spoiled, cast):
    for kind in list(KINDS)[1:]:
        a_gateway_of(cast, kind, path=TOKEN)
    answers = [post(kind, LOST[kind], token=TOKEN) for kind in list(KINDS)[1:]]
    assert {answer.status_code for answer in answers} == {200}


def test_a_key_opens_the_other_calls(spoiled, cast):
    a_gateway_of(cast, "webjs", name="third", api_key=KEY)
    answer = Sender().client.get("/api/whatsapp/accounts/active", headers={"X-API-Key": KEY})
    assert answer.status_code == 200


def test_nobody_comes_in_through_what_cannot_be_opened(spoiled):
    answers = [
        Sender(secret="").send(lost()),
        Sender(secret="secret").send(lost()),
        Sender().post(b"{}", {"X-API-Key": ""}),
        Sender().post(b"{}", {"X-API-Key": "secret"}),
        post("webjs", b"{}", token="secret"),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert not Delivery.objects.exists()
