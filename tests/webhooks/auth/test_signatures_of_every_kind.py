"""What every kind that signs must withstand: too early, too late, again, cut, doubled, borrowed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

import pytest

from tests.webhooks.sending import as_bytes, signed
from tests.webhooks.speaking import (
    LOST,
    SECRET,
    a_gateway_of,
    evolution_claims,
    jwt_of,
    post,
    waha_body,
    waha_headers,
)
from webhooks.models import Delivery

OTHER = "the-secret-of-another-gateway-of-the-same-kind"


def webjs(secret: str, off: float) -> tuple[bytes, dict[str, str]]:
    body = as_bytes(LOST["webjs"])
    headers = signed(secret, body, timestamp=str(int(time.time() + off)))
    return body, {name.lower().replace("-", "_"): text for name, text in headers.items()}


def waha(secret: str, off: float) -> tuple[bytes, dict[str, str]]:
    body = waha_body(seconds_ago=-off)
    return body, waha_headers(body, secret=secret)


def evolution(secret: str, off: float) -> tuple[bytes, dict[str, str]]:
    token = jwt_of(evolution_claims(seconds_ago=-off), secret)
    return as_bytes(LOST["evolution"]), {"authorization": f"Bearer {token}"}


def standard(secret: str, off: float) -> tuple[bytes, dict[str, str]]:
    body, at = as_bytes(LOST["standard"]), str(int(time.time() + off))
    digest = hmac.new(secret.encode(), f"msg_1.{at}.".encode() + body, hashlib.sha256).digest()
    named = {"webhook_id": "msg_1", "webhook_timestamp": at}
    return body, named | {"webhook_signature": f"v1,{base64.b64encode(digest).decode()}"}


MADE = {"webjs": webjs, "waha": waha, "evolution": evolution, "standard": standard}
PROOF = {
    "webjs": "x_hmac_signature",
    "waha": "x_webhook_hmac",
    "evolution": "authorization",
    "standard": "webhook_signature",
}


@pytest.fixture(params=sorted(MADE))
def kind(cast, request):
    """Two gateways of it, each with a secret of its own."""
    kind = request.param
    a_gateway_of(cast, kind, name="one", hmac=SECRET)
    a_gateway_of(cast, kind, name="two", hmac=OTHER)
    return kind


def send(kind: str, *, secret: str = SECRET, off: float = 0, **changed: str):
    body, headers = MADE[kind](secret, off)
    return post(kind, body, **headers | changed)


@pytest.mark.parametrize("off", [0, 240])
def test_a_good_one_is_believed(kind, off):
    assert send(kind, off=off).status_code == 200


@pytest.mark.parametrize("off", [-30 * 60, 600, 10**6])
def test_one_from_the_past_or_the_future_is_refused_with_its_distance(kind, off):
    answer = send(kind, off=off)
    assert answer.status_code == 401
    assert " s off (" in answer.json()["reason"] or "expired" in answer.json()["reason"]
    assert not Delivery.objects.exists()


def test_the_same_one_again_moves_nothing_a_second_time(kind):
    body, headers = MADE[kind](SECRET, 0)
    states = [post(kind, body, **headers).json()["state"] for _ in range(3)]
    assert states[0] in ("applied", "ignored") and len(set(states[1:])) == 1
    marked = Delivery.objects.filter(is_probable_retry=True).count()
    assert states[1:] == ["repeated"] * 2 or marked == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda proof: proof[:-1],
        lambda proof: proof + "0",
        lambda proof: f"{proof},{proof}",
        lambda proof: f"{proof}, {'0' * 64}",
        lambda proof: proof[:-4] + "éé\u00ff\u0080",
        lambda proof: "v1," + proof,
        lambda proof: proof[::-1],
        lambda proof: "",
        lambda proof: "A" * 100_000,
    ],
)
def test_a_spoiled_one_is_refused(kind, spoil):
    _, headers = MADE[kind](SECRET, 0)
    answer = send(kind, **{PROOF[kind]: spoil(headers[PROOF[kind]])})
    assert answer.status_code == 401 and answer.json()["reason"]
    assert not Delivery.objects.exists()


def test_one_of_another_gateway_speaks_for_that_one_only(kind):
    assert send(kind, secret=OTHER).status_code == 200
    assert Delivery.objects.get().gateway.name == "two"


def test_one_of_another_kind_opens_nothing(kind):
    for other in MADE:
        if other != kind:
            body, headers = MADE[other](SECRET, 0)
            assert post(kind, body, **headers).status_code == 401
