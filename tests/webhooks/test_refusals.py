"""What was not trusted: kept in a bounded ring, counted in nobody's name without a reason."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from django.test import override_settings

from accounts.models import Gateway
from tests.cast import a_gateway
from webhooks.models import RefusedRequest, Route
from webhooks.outline import outline
from webhooks.passages import Passage, note_passages
from webhooks.refusals import MOST, MOST_FROM_ONE, Refusal, flush_refusals, note_refusal
from webhooks.routes import flush_routes
from webhooks.senders import client_address, gateway_at

pytestmark = pytest.mark.django_db
ADDRESS = "192.0.2.7"


@pytest.fixture
def gateway() -> Gateway:
    return a_gateway("whatsapp-1", base_url=f"http://{ADDRESS}:3001")


@pytest.fixture
def refusal() -> Refusal:
    return Refusal(
        at=time.time(),
        source=ADDRESS,
        path="/api/webhooks/webjs",
        code="clock_skew",
        why="timestamp is 600 s off (behind)",
        skew_seconds=-600,
    )


def test_it_counts_against_the_gateway_whose_address_it_came_from(
    gateway: Gateway, refusal: Refusal
) -> None:
    for _ in range(3):
        note_refusal(refusal)
    flush_refusals()
    flush_routes()
    route = Route.objects.get(gateway=gateway)
    assert (route.consecutive_failures, route.last_failure_code) == (3, "clock_skew")
    assert route.clock_skew_seconds == -600
    assert RefusedRequest.objects.filter(gateway=gateway).count() == 3


def test_from_anywhere_else_it_counts_against_nobody(gateway: Gateway, refusal: Refusal) -> None:
    note_refusal(replace(refusal, source="198.51.100.9", instance_url=gateway.base_url))
    flush_refusals()
    flush_routes()
    assert not Route.objects.exists()
    assert RefusedRequest.objects.get().gateway is None


def test_a_refusal_that_a_success_has_overtaken_is_no_failure_in_a_row(
    gateway: Gateway, refusal: Refusal
) -> None:
    from accounts.clock import database_now

    note_refusal(refusal)
    note_passages(Passage(gateway_id=gateway.pk, at=database_now(), status_code=200))
    flush_routes()
    flush_refusals()
    flush_routes()
    assert Route.objects.get(gateway=gateway).consecutive_failures == 0


def test_a_flood_from_one_source_keeps_only_its_last_ones(refusal: Refusal) -> None:
    for number in range(MOST_FROM_ONE + 50):
        note_refusal(replace(refusal, why=f"number {number}"))
    flush_refusals()
    assert RefusedRequest.objects.count() == MOST_FROM_ONE
    assert RefusedRequest.objects.first().why == f"number {MOST_FROM_ONE + 49}"


def test_a_flood_from_many_sources_is_bounded_too(refusal: Refusal) -> None:
    for round_ in range(2):
        for number in range(MOST + 100):
            source = f"10.{round_}.{number // 250}.{number % 250}"
            note_refusal(replace(refusal, source=source))
        flush_refusals()
    assert RefusedRequest.objects.count() == MOST


def test_of_two_on_one_machine_the_address_that_is_named_chooses(gateway: Gateway) -> None:
    other = a_gateway("whatsapp-2", base_url=f"http://{ADDRESS}:3002")
    assert gateway_at(ADDRESS) is None
    assert gateway_at(ADDRESS, other.base_url) == other.pk
    assert gateway_at(ADDRESS, "http://evil.example") is None


def test_a_gateway_is_found_by_the_name_of_its_host() -> None:
    gateway = a_gateway("whatsapp-3", base_url="http://localhost:3001")
    assert gateway_at("127.0.0.1") == gateway.pk


def test_only_a_trusted_proxy_is_believed_about_the_client() -> None:
    meta = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.5, 198.51.100.9"}
    assert client_address(meta) == "10.0.0.1"
    with override_settings(TRUSTED_PROXIES=["10.0.0.1"]):
        assert client_address(meta) == "198.51.100.9"
    with override_settings(TRUSTED_PROXIES=["10.0.0.1", "198.51.100.9"]):
        assert client_address(meta) == "203.0.113.5"


@pytest.mark.parametrize("said", ["", "nonsense", "::ffff:192.0.2.7", "fe80::1%eth0"])
def test_every_address_can_be_written_down(said: str, refusal: Refusal) -> None:
    note_refusal(replace(refusal, source=client_address({"REMOTE_ADDR": said})))
    flush_refusals()
    assert RefusedRequest.objects.count() == 1


def test_an_outline_names_the_event_and_holds_no_text() -> None:
    body = b'{"event":"message_received","data":{"session_id":"s1","apikey":"k3y","body":"hello"}}'
    drawn = outline(body, size_bytes=len(body))
    assert "message_received" in drawn and "s1" in drawn
    assert "hello" not in drawn and "k3y" not in drawn


def test_an_outline_of_what_is_cut_or_no_json_names_only_names() -> None:
    drawn = outline(b'{"event":"x","apikey":"secret-value', size_bytes=50_000_000)
    assert drawn == "50000000 bytes, not readable as JSON; names: event, apikey"
