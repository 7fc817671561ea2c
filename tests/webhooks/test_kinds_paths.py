"""A gateway of any kind may have a path of its own, whose token is a secret like any other."""

from __future__ import annotations

import io
import json
import logging

import pytest
from django.core.management import call_command
from django.db import OperationalError

from accounts.models import GatewaySecret
from tests.webhooks.sending import give_secret, signed
from tests.webhooks.speaking import (
    KEY,
    LOST,
    SECRET,
    TOKEN,
    a_gateway_of,
    as_bytes,
    evolution_claims,
    jwt_of,
    post,
    reason_of,
    waha_body,
    waha_headers,
)
from webhooks import views
from webhooks.models import Delivery, RefusedRequest
from webhooks.route_monitor.refused_requests import flush_refusals

kinds = pytest.mark.parametrize("kind", sorted(LOST))


@kinds
def test_its_own_path_opens_the_door_of_every_kind(cast, kind):
    gateway = a_gateway_of(cast, kind, path=TOKEN)

    assert post(kind, LOST[kind], token=TOKEN).json()["state"] == "applied"
    cast.alice.refresh_from_db()
    assert (cast.alice.status, Delivery.objects.get().gateway) == ("disconnected", gateway)


@kinds
@pytest.mark.parametrize("token", [TOKEN + "x", TOKEN[:-1], "é", "%00", "a" * 5000, ".."])
def test_another_path_opens_nothing_and_nothing_is_kept(cast, kind, token):
    a_gateway_of(cast, kind, path=TOKEN)

    answer = post(kind, LOST[kind], token=token)

    assert answer.status_code in (401, 404)
    assert not Delivery.objects.exists()


@kinds
def test_without_its_token_the_plain_path_stays_shut(cast, kind):
    a_gateway_of(cast, kind, path=TOKEN)
    assert post(kind, LOST[kind]).status_code == 401


def test_a_path_of_one_kind_opens_no_other(cast):
    a_gateway_of(cast, "waha", path=TOKEN)
    reason = reason_of(post("wppconnect", LOST["wppconnect"], token=TOKEN))
    assert "belongs to no gateway of kind wppconnect" in reason


def test_a_key_is_no_path_and_a_path_is_no_key(cast):
    a_gateway_of(cast, "waha", path=TOKEN, api_key=KEY)
    assert post("waha", LOST["waha"], token=KEY).status_code == 401
    assert post("waha", LOST["waha"], x_api_key=TOKEN).status_code == 401


def test_both_paths_open_while_one_is_replaced_and_one_that_has_ended_does_not(cast):
    gateway = a_gateway_of(cast, "wppconnect", path=TOKEN)
    give_secret(gateway, "path", "next", ends_in=60)
    give_secret(gateway, "path", "last", ends_in=-1)

    answers = [post("wppconnect", LOST["wppconnect"], token=one) for one in (TOKEN, "next", "last")]
    assert [answer.status_code for answer in answers] == [200, 200, 401]


def test_a_signature_beside_the_path_must_fit_where_it_can_be_checked(cast):
    a_gateway_of(cast, "waha", path=TOKEN, hmac=SECRET)
    body = waha_body()
    good, bad = waha_headers(body), waha_headers(body, secret="another")

    assert post("waha", body, token=TOKEN, **bad).status_code == 401
    assert post("waha", body, token=TOKEN, **good).status_code == 200
    assert post("waha", waha_body(event_id="evt_2"), token=TOKEN).status_code == 401  # it signs


def test_the_signature_of_another_gateway_does_not_fit_this_path(cast):
    a_gateway_of(cast, "waha", path=TOKEN, hmac=SECRET)
    a_gateway_of(cast, "waha", name="waha-2", hmac="another")
    body = waha_body()
    assert (
        post("waha", body, token=TOKEN, **waha_headers(body, secret="another")).status_code == 401
    )


def test_a_signature_that_nobody_can_check_is_passed_over(cast):
    """The sender signs with a secret that we were never told: its path says who it is."""
    a_gateway_of(cast, "waha", path=TOKEN)
    body = waha_body()
    assert post("waha", body, token=TOKEN, **waha_headers(body)).status_code == 200


def test_the_admin_key_that_a_gateway_sends_along_is_passed_over(cast):
    a_gateway_of(cast, "wwebjs_api", path=TOKEN)
    answer = post("wwebjs_api", LOST["wwebjs_api"], token=TOKEN, x_api_key="its own admin key")
    assert answer.json()["state"] == "applied"


@pytest.mark.parametrize("kind", ["webjs", "waha", "wwebjs_api", "evolution", "wppconnect"])
def test_a_gateway_that_must_sign_is_not_believed_by_a_path_or_a_key_alone(cast, kind):
    gateway = a_gateway_of(cast, kind, path=TOKEN, api_key=KEY, hmac=SECRET)
    gateway.require_signature = True
    gateway.save()

    by_path = post(kind, LOST[kind], token=TOKEN)
    assert "with a signature only" in reason_of(by_path)
    by_key = post(kind, LOST[kind], x_api_key=KEY, apikey=KEY)
    assert by_key.status_code == 401


def test_a_gateway_that_must_sign_is_believed_when_it_does(cast):
    webjs = a_gateway_of(cast, "webjs", hmac=SECRET)
    evolution = a_gateway_of(cast, "evolution", name="evolution-1", hmac=SECRET)
    type(webjs).objects.filter(pk__in=[webjs.pk, evolution.pk]).update(require_signature=True)

    body = as_bytes(LOST["webjs"])
    headers = {name.replace("-", "_"): value for name, value in signed(SECRET, body).items()}
    assert post("webjs", body, **headers).json()["state"] == "applied"
    bearer = f"Bearer {jwt_of(evolution_claims())}"
    assert post("evolution", LOST["evolution"], authorization=bearer).status_code == 200


def test_the_token_stands_in_no_row_no_log_and_no_answer(cast, caplog):
    caplog.set_level(logging.DEBUG)
    a_gateway_of(cast, "waha", path=TOKEN)
    answers = [
        post("waha", LOST["waha"], token=TOKEN),
        post("waha", b"not json", token=TOKEN),
        post("wppconnect", LOST["waha"], token=TOKEN),
        post("nobody", LOST["waha"], token=TOKEN),
        post("waha", b"[" * 300_000, token=TOKEN),
    ]

    assert [answer.status_code for answer in answers] == [200, 400, 401, 404, 413]
    assert TOKEN not in caplog.text
    assert TOKEN not in str([answer.content for answer in answers])
    assert TOKEN not in str(list(Delivery.objects.values()))
    assert TOKEN not in str(list(GatewaySecret.objects.values()))
    flush_refusals()
    assert TOKEN not in str(list(RefusedRequest.objects.values()))
    assert {delivery.path for delivery in Delivery.objects.all()} == {"/api/webhooks/waha/…"}


def test_the_token_stands_in_no_log_when_it_could_not_be_written_down(cast, caplog, monkeypatch):
    def fail(*args, **fields):
        raise OperationalError("away")

    a_gateway_of(cast, "waha", path=TOKEN)
    monkeypatch.setattr(views, "receive", fail)

    assert post("waha", LOST["waha"], token=TOKEN).status_code == 503
    assert "django.request" in {record.name for record in caplog.records}
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("kind", ["nobody", "WAHA", "waha ", "webjs.php", "é", "..;", "%2e%2e"])
def test_an_unknown_kind_is_refused_and_nothing_is_kept(cast, kind):
    for token in ("", TOKEN):
        answer = post(kind, LOST["waha"], token=token, x_api_key=KEY)
        assert reason_of(answer, 404)
    assert not Delivery.objects.exists()


def test_a_command_makes_a_path_and_shows_it_once(cast):
    a_gateway_of(cast, "wppconnect")
    asked, again = io.StringIO(), io.StringIO()
    call_command("gateway_add", "--name", "wppconnect-1", "--path-token", "--json", stdout=asked)
    call_command("gateway_add", "--name", "wppconnect-1", "--json", stdout=again)

    token = json.loads(asked.getvalue())["webhook_url"].rpartition("/")[2]
    assert len(token) >= 40 and token not in again.getvalue()
    assert post("wppconnect", LOST["wppconnect"], token=token).json()["state"] == "applied"


def test_the_command_says_it_in_a_sentence_too(cast):
    a_gateway_of(cast, "wppconnect")
    said = io.StringIO()
    call_command("gateway_add", "--name", "wppconnect-1", "--path-token", stdout=said)
    assert "shown this once: http://127.0.0.1:8000/api/webhooks/wppconnect/" in said.getvalue()
