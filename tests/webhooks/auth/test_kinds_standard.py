"""The Standard Webhooks specification, against its own library."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from standardwebhooks import Webhook, WebhookVerificationError

from accounts.models import Gateway
from tests.webhooks.sending import as_bytes, give_secret
from tests.webhooks.speaking import LOST, a_gateway_of, post, reason_of
from webhooks.models import Delivery

# The specification's own example secret.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(b"b" * 32).decode()
BODY = as_bytes(LOST["standard"])


@pytest.fixture
def gateway(cast):
    return a_gateway_of(cast, "standard", hmac=SECRET)


def signed(body=BODY, *, secret=SECRET, msg_id="msg_1", at=None):
    """Return the headers as the library signs."""
    at = int(time.time()) if at is None else at
    signature = Webhook(secret).sign(msg_id, datetime.fromtimestamp(at, UTC), body.decode())
    return {
        "webhook_id": msg_id,
        "webhook_timestamp": str(at),
        "webhook_signature": signature,
    }


def send(headers, body=BODY):
    return post("standard", body, **headers)


def refused(headers, body=BODY):
    reason = reason_of(send(headers, body))
    assert not Delivery.objects.exists()
    return reason


def test_what_the_library_signs_is_believed(cast, gateway):
    assert send(signed()).json()["state"] == "applied"
    assert Delivery.objects.get().event_id == "msg_1"
    cast.alice.refresh_from_db()
    assert (cast.alice.status, cast.alice.status_reason) == ("disconnected", "network")


def test_the_specification_s_own_vector_is_believed(cast, at):
    a_gateway_of(cast, "standard", hmac=SECRET)
    at(datetime.fromtimestamp(1614265330, UTC))
    answer = post(
        "standard",
        b'{"test": 2432232314}',
        webhook_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        webhook_timestamp="1614265330",
        webhook_signature="v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    )
    # It is trusted, and then not in a dialect of ours.
    assert "type is missing" in reason_of(answer, 400)


def test_what_we_sign_is_believed_by_the_library(gateway):
    """The other direction: both sides sign the same bytes."""
    headers = signed()
    library = Webhook(SECRET)
    plain = {name.replace("_", "-"): value for name, value in headers.items()}

    assert library.verify(BODY, plain) == LOST["standard"]
    assert send(headers).status_code == 200
    plain["webhook-signature"] = "v1," + base64.b64encode(b"x" * 32).decode()
    with pytest.raises(WebhookVerificationError):
        library.verify(BODY, plain)
    assert send({key.replace("-", "_"): value for key, value in plain.items()}).status_code == 401


@pytest.mark.parametrize("written", [SECRET, SECRET.removeprefix("whsec_")])
def test_a_secret_may_be_written_as_people_write_it(cast, written):
    a_gateway_of(cast, "standard", hmac=written)
    assert send(signed()).status_code == 200


def test_a_secret_may_be_written_without_its_padding(cast):
    assert OTHER.endswith("=")
    a_gateway_of(cast, "standard", hmac=OTHER.rstrip("="))
    assert send(signed(secret=OTHER)).status_code == 200


def test_a_secret_that_is_no_base64_stands_for_itself(cast):
    a_gateway_of(cast, "standard", hmac="no base64 at all!")
    secret = "whsec_" + base64.b64encode(b"no base64 at all!").decode()
    assert send(signed(secret=secret)).status_code == 200


def test_one_of_several_signatures_is_enough(gateway):
    headers = signed()
    others = signed(secret=OTHER)["webhook_signature"]
    headers["webhook_signature"] = f"v1a,xx {others} {headers['webhook_signature']}"
    assert send(headers).status_code == 200


def test_both_secrets_open_while_one_is_replaced(gateway):
    give_secret(gateway, "hmac", OTHER)
    assert send(signed(secret=OTHER, msg_id="a")).status_code == 200
    assert send(signed(secret=SECRET, msg_id="b")).status_code == 200


def test_the_secret_of_another_gateway_says_that_it_is_the_other(cast, gateway):
    other = a_gateway_of(cast, "standard", name="standard-2", hmac=OTHER)
    assert send(signed(secret=OTHER)).json()["state"] == "ignored"
    assert Delivery.objects.get().gateway == other


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "v1",
        "v1,",
        "v1,not base64!",
        "v1,AAAA",
        "v2," + base64.b64encode(b"x" * 32).decode(),
        "v1a," + base64.b64encode(b"x" * 64).decode(),
        "v1,a,b,c",
        "é,é",
        " , , ",
        "v1," * 2000,
    ],
)
def test_a_malformed_signature_is_refused_and_breaks_nothing(gateway, signature):
    """The library itself fails on some of these with an error of its own."""
    assert "webhook-signature must hold" in refused(signed() | {"webhook_signature": signature})


@pytest.mark.parametrize("off", [-310, 310, 10**9, -(10**9)])
def test_too_old_or_too_new_is_refused(gateway, off):
    assert "s off" in refused(signed(at=int(time.time()) + off))


@pytest.mark.parametrize("off", [-290, 0, 290])
def test_within_five_minutes_is_believed(gateway, off):
    assert send(signed(at=int(time.time()) + off)).status_code == 200


@pytest.mark.parametrize("timestamp", ["", "now", "1.5", "-1", "1e9", "١٢٣", "9" * 30])
def test_an_odd_timestamp_is_refused(gateway, timestamp):
    reason = refused(signed() | {"webhook_timestamp": timestamp})
    assert "webhook-timestamp must be whole seconds" in reason


@pytest.mark.parametrize("msg_id", ["", "a.b", "a b", "é", "e" * 10_000])
def test_an_odd_id_is_refused(gateway, msg_id):
    assert "webhook-id must be" in refused(signed() | {"webhook_id": msg_id})


@pytest.mark.parametrize("missing", ["webhook_id", "webhook_timestamp", "webhook_signature"])
def test_all_three_headers_are_needed(gateway, missing):
    headers = signed()
    del headers[missing]
    assert missing.replace("_", "-") in refused(headers)


def test_the_id_is_signed(gateway):
    assert "fits no active secret" in refused(signed() | {"webhook_id": "msg_2"})


def test_the_time_is_signed(gateway):
    later = str(int(time.time()) + 7)
    assert "fits no active secret" in refused(signed() | {"webhook_timestamp": later})


def test_a_truncated_body_does_not_fit(gateway):
    assert "fits no active secret" in refused(signed(), BODY[:-1])


def with_svix_names(headers):
    return {name.replace("webhook_", "svix_"): value for name, value in headers.items()}


def test_svix_own_names_of_the_headers_are_believed_too(cast, gateway):
    assert send(with_svix_names(signed())).json()["state"] == "applied"
    assert Delivery.objects.get().event_id == "msg_1"


def test_no_signature_is_put_together_from_both_names(cast, gateway):
    mixed = with_svix_names(signed()) | {"webhook_id": "msg_1"}
    assert "webhook-signature" in refused(mixed)


@pytest.mark.parametrize("written", [f"v1,{SECRET}", SECRET.removeprefix("whsec_")])
def test_a_secret_is_the_same_however_it_is_written(cast, written):
    a_gateway_of(cast, "standard", hmac=written)
    assert send(signed()).json()["state"] == "applied"


def test_a_secret_that_cannot_be_decoded_is_refused_at_the_command_line(cast):
    command = ("gateway_add", "--name", "new", "--kind", "standard", "--url", "http://10.0.0.5:1")
    with pytest.raises(CommandError, match=r"must be base64 with the characters A-Z a-z 0-9 \+ / "):
        call_command(*command, "--hmac-secret", "whsec_ab-_cd")
    assert not Gateway.objects.filter(name="new").exists()
