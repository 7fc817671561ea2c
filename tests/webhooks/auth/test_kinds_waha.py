"""WAHA signs the raw body and nothing else: what counts against a replay stands in the body."""

from __future__ import annotations

import pytest

from tests.webhooks.speaking import (
    KEY,
    LOST,
    SECRET,
    a_gateway_of,
    post,
    reason_of,
    waha_body,
    waha_headers,
)
from webhooks.models import Delivery

# From its documentation.
VECTOR_KEY = "my-secret-key"
VECTOR_BODY = b'{"event":"message","session":"default","engine":"WEBJS"}'
VECTOR_HMAC = (
    "208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8"
    "097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89"
)


@pytest.fixture
def gateway(cast):
    return a_gateway_of(cast, "waha", hmac=SECRET)


def send(body, **headers):
    return post("waha", body, **(waha_headers(body) | headers))


def test_the_documentation_s_own_example_is_believed(cast):
    a_gateway_of(cast, "waha", hmac=VECTOR_KEY)

    answer = post("waha", VECTOR_BODY, x_webhook_hmac=VECTOR_HMAC)

    assert answer.json() == {"success": True, "state": "noted"}


def test_a_signed_loss_is_applied_with_its_id(cast, gateway):
    assert send(waha_body(event_id="evt_7")).json()["state"] == "applied"
    cast.alice.refresh_from_db()
    assert (cast.alice.status, cast.alice.gateway) == ("disconnected", gateway)
    delivery = Delivery.objects.get()
    assert delivery.event_id == "evt_7"
    assert abs((delivery.received_at - delivery.occurred_at).total_seconds()) < 60


def test_a_set_up_with_a_key_in_a_custom_header_is_believed(cast):
    a_gateway_of(cast, "waha", api_key=KEY)

    assert post("waha", waha_body(), x_api_key=KEY).json()["state"] == "applied"
    assert reason_of(post("waha", waha_body(), x_api_key="another")) == (
        "X-Api-Key belongs to no gateway of ours"
    )


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "00" * 64,
        VECTOR_HMAC,
        VECTOR_HMAC[:-1],
        VECTOR_HMAC + "00",
        VECTOR_HMAC[:64],  # as long as a SHA-256
        "é" * 128,
        f"{VECTOR_HMAC},{VECTOR_HMAC}",
        "sha512=" + VECTOR_HMAC,
    ],
)
def test_another_signature_is_refused_and_nothing_is_kept(gateway, signature):
    assert (
        "X-Webhook-Hmac" in (reason := reason_of(send(waha_body(), x_webhook_hmac=signature)))
        or "fits no active secret" in reason
    )
    assert not Delivery.objects.exists()


def test_a_signature_by_another_algorithm_is_refused_by_name(gateway):
    reason = reason_of(send(waha_body(), x_webhook_hmac_algorithm="sha1"))
    assert "X-Webhook-Hmac-Algorithm must be sha512" in reason


def test_no_signature_and_no_key_names_what_to_set(gateway):
    reason = reason_of(post("waha", waha_body()))
    assert reason.startswith("neither X-Webhook-Hmac nor X-Api-Key was sent: set WHATSAPP_HOOK")


def test_a_body_changed_by_one_byte_is_refused(gateway):
    body = waha_body()
    assert post("waha", body + b" ", **waha_headers(body)).status_code == 401


def test_a_gateway_of_another_kind_with_the_same_secret_opens_no_door_here(cast):
    a_gateway_of(cast, "standard", hmac=SECRET)
    assert reason_of(send(waha_body())).startswith("the signature fits no active secret")


def test_a_signature_beside_a_key_decides(cast):
    a_gateway_of(cast, "waha", hmac=SECRET, api_key=KEY)
    headers = waha_headers(waha_body(), secret="another") | {"x_api_key": KEY}
    assert post("waha", waha_body(), **headers).status_code == 401


@pytest.mark.parametrize("ago", [310, 86_400, -310, -86_400])
def test_a_replay_is_told_by_the_time_in_the_signed_body(gateway, ago):
    reason = reason_of(send(waha_body(seconds_ago=ago)))
    assert "s off" in reason and "300 s are tolerated" in reason
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("ago", [290, 30, -290])
def test_its_own_late_retries_are_believed(gateway, ago):
    assert send(waha_body(seconds_ago=ago)).status_code == 200


def test_the_time_in_the_unsigned_header_says_nothing(gateway):
    assert send(waha_body(), x_webhook_timestamp="1").status_code == 200


def test_an_older_version_without_id_and_time_is_believed(cast, gateway):
    body = b'{"event":"session.status","session":"alice","payload":{"status":"FAILED"}}'
    assert send(body).json()["state"] == "applied"


def test_a_large_message_is_hashed_while_it_passes(gateway):
    media = "A" * 2_000_000
    body = waha_body(event="message", payload={"media": media, "body": "hello"})

    assert send(body).json()["state"] == "noted"
    assert not Delivery.objects.exists()


def test_a_large_body_with_a_wrong_signature_is_refused(gateway):
    body = waha_body(event="message", payload={"media": "A" * 2_000_000})
    assert post("waha", body, **waha_headers(body, secret="another")).status_code == 401


def test_a_large_body_of_one_among_many_gateways_needs_a_session_we_know(cast, gateway):
    for number in range(2, 8):
        a_gateway_of(cast, "waha", name=f"waha-{number}", hmac=f"{SECRET}-{number}")
    known = waha_body(event="message", payload={"media": "A" * 300_000})
    unknown = waha_body(event="message", session="nobody", payload={"media": "A" * 300_000})

    assert send(known).status_code == 200
    assert "or a session that Rollcall knows" in reason_of(send(unknown))


def test_a_word_nobody_knows_is_kept_and_shown(gateway):
    answer = send(waha_body(payload={"status": "DREAMING"}))

    assert answer.json()["state"] == "applied"  # as a hint: the session is read
    assert Delivery.objects.get().said["raw"] == "DREAMING"


def test_all_of_an_event_nobody_knows_that_is_kept_is_its_name(gateway):
    assert send(waha_body(event="moon.phase")).json()["why"] == "unrecognised event"
    assert Delivery.objects.get().event == "moon.phase"
    assert LOST["waha"]["payload"] not in Delivery.objects.get().said.values()
