"""Evolution sends a token, a key in a header, or nothing at all."""

from __future__ import annotations

import pytest

from tests.instance.running import until
from tests.webhooks.sending import give_secret
from tests.webhooks.speaking import (
    KEY,
    LOST,
    SECRET,
    TOKEN,
    a_gateway_of,
    evolution_claims,
    jwt_of,
    post,
    reason_of,
)
from webhooks.auth import keyring
from webhooks.models import Delivery

# Its users choose their secrets; how long they are is their business.
pytestmark = pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")


@pytest.fixture
def gateway(cast):
    return a_gateway_of(cast, "evolution", hmac=SECRET)


def send(token, **headers):
    return post("evolution", LOST["evolution"], authorization=f"Bearer {token}", **headers)


def refused(token):
    reason = reason_of(send(token))
    assert not Delivery.objects.exists()
    return reason


def test_a_token_of_its_secret_is_believed(cast, gateway):
    assert send(jwt_of(evolution_claims())).json()["state"] == "applied"
    cast.alice.refresh_from_db()
    assert (cast.alice.status, cast.alice.status_reason) == ("disconnected", "network")


def test_a_short_secret_is_believed_too(cast):
    a_gateway_of(cast, "evolution", hmac="short")
    assert send(jwt_of(evolution_claims(), "short")).status_code == 200


def test_a_token_that_expired_while_it_was_retried_is_believed(gateway):
    """Signed once, for 10 minutes; retried for 20; and given up where it is refused."""
    assert send(jwt_of(evolution_claims(seconds_ago=20 * 60))).status_code == 200


@pytest.mark.parametrize(
    ("lives_seconds", "is_believed"),
    [(60, True), (600, True), (3600, True), (3601, False), (86_400, False), (10**9, False)],
)
def test_a_token_that_lives_too_long_is_refused(gateway, lives_seconds, is_believed):
    """Limit its life: whoever finds it may use it for so long, with any body."""
    claims = evolution_claims()
    token = jwt_of(claims | {"exp": claims["iat"] + lives_seconds})
    if is_believed:
        assert send(token).status_code == 200
    else:
        assert f"valid for {lives_seconds} s: at most 3600 s" in refused(token)


def test_an_old_token_is_refused_with_its_age(gateway):
    reason = refused(jwt_of(evolution_claims(seconds_ago=3600)))
    assert "expired 3000 s ago" in reason or "expired 3001 s ago" in reason


def test_a_token_from_the_future_is_refused(gateway):
    assert "(ahead)" in refused(jwt_of(evolution_claims(seconds_ago=-600)))


def test_a_token_of_another_secret_is_refused(gateway):
    assert "fits no active secret" in refused(jwt_of(evolution_claims(), "another"))


def test_a_token_of_another_gateway_speaks_for_that_one(cast, gateway):
    other = a_gateway_of(cast, "evolution", name="evolution-2", hmac="another")
    assert send(jwt_of(evolution_claims(), "another")).json()["state"] == "ignored"
    assert Delivery.objects.get().gateway == other


def test_a_new_secret_is_believed_before_the_old_ring_has_ended(gateway):
    send(jwt_of(evolution_claims()))
    give_secret(gateway, "hmac", "the next one")
    until(
        lambda: send(jwt_of(evolution_claims(), "the next one")).status_code == 200,
        limit_seconds=keyring.LIVES_SECONDS - 1,
    )


@pytest.mark.parametrize("alg", ["none", "HS512", "RS256", "hs256", ""])
def test_no_other_algorithm_is_believed(gateway, alg):
    assert "not a JWT in HS256" in refused(jwt_of(evolution_claims(), alg=alg))


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"exp": None},
        {"iat": "now"},
        {"exp": float("inf")},
        {"exp": -1},
        {"iat": True},
        {"exp": 10**30},
    ],
)
def test_a_token_without_its_times_is_refused(gateway, claims):
    said = evolution_claims() | claims if claims else {"app": "evolution", "action": "webhook"}
    assert "must say" in refused(jwt_of(said))


@pytest.mark.parametrize("claim", ["app", "action"])
def test_a_token_for_something_else_is_refused(gateway, claim):
    assert f"{claim} is wrong" in refused(jwt_of(evolution_claims(**{claim: "login"})))


@pytest.mark.parametrize("token", ["a.b.c", "..", "é.é.é", "a" * 5000 + ".b.c", "." * 400])
def test_what_is_no_token_is_refused_and_breaks_nothing(gateway, token):
    refused(token)


@pytest.mark.parametrize("header", ["apikey", "x_api_key", "authorization"])
def test_a_key_in_a_header_is_believed(cast, header):
    a_gateway_of(cast, "evolution", api_key=KEY)
    value = f"Bearer {KEY}" if header == "authorization" else KEY
    assert post("evolution", LOST["evolution"], **{header: value}).json()["state"] == "applied"
    wrong = post("evolution", LOST["evolution"], **{header: value + "x"})
    assert "belongs to no gateway" in reason_of(wrong)


def test_the_key_inside_the_body_opens_nothing(cast):
    a_gateway_of(cast, "evolution", api_key=KEY)
    reason = reason_of(post("evolution", LOST["evolution"] | {"apikey": KEY}))
    assert "its global webhook sends neither" in reason


def test_its_global_webhook_needs_a_path_of_its_own(cast):
    a_gateway_of(cast, "evolution", path=TOKEN)
    assert post("evolution", LOST["evolution"], token=TOKEN).json()["state"] == "applied"


@pytest.mark.parametrize("segment", ["connection-update", "qrcode-updated", "messages-upsert"])
def test_by_events_it_sends_to_a_path_for_each_which_is_accepted(cast, gateway, segment):
    path = f"/api/webhooks/evolution/{segment}"
    token = f"Bearer {jwt_of(evolution_claims())}"
    answer = post("evolution", LOST["evolution"], path=path, authorization=token)
    assert answer.json()["state"] == "applied"


@pytest.mark.parametrize("kind", ["waha", "evolution"])
def test_no_other_segment_is_accepted(cast, kind):
    a_gateway_of(cast, kind, hmac=SECRET)
    segment = "connection-update" if kind == "waha" else "connection-updated"
    answer = post(kind, LOST[kind], path=f"/api/webhooks/{kind}/{segment}")
    assert answer.status_code == 401


def test_by_events_adds_to_the_path_and_that_changes_nothing(cast):
    a_gateway_of(cast, "evolution", path=TOKEN)
    path = f"/api/webhooks/evolution/{TOKEN}/connection-update"
    assert post("evolution", LOST["evolution"], path=path).json()["state"] == "applied"
