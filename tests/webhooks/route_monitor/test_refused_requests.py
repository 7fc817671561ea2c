"""What was not trusted: kept in a bounded ring, counted in nobody's name without a reason."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from django.db import OperationalError
from django.test import override_settings

from accounts.models import Gateway
from tests.cast import a_gateway
from webhooks.models import RefusedRequest, Route, RouteTally
from webhooks.route_monitor.last_seen import flush_routes
from webhooks.route_monitor.refused_requests import (
    MOST,
    MOST_FROM_ONE,
    Refusal,
    flush_refusals,
    note_refusal,
)
from webhooks.route_monitor.request_log import Passage, note_passages
from webhooks.route_monitor.source_address import Sender, owners_of
from webhooks.route_monitor.tallies import flush_tallies
from webhooks.wire.client_address import client_address
from webhooks.wire.outline import outline

pytestmark = pytest.mark.django_db
ADDRESS = "192.0.2.7"


def gateway_at(address: str, instance_url: str = "", kind: str = "webjs") -> int | None:
    [owner] = owners_of([Sender(address=address, instance_url=instance_url, kind=kind)])
    return owner


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
    from accounts.store.clock import database_now

    note_refusal(refusal)
    note_passages(Passage(gateway_id=gateway.pk, at=database_now(), status_code=200))
    flush_routes()
    flush_refusals()
    flush_routes()
    assert Route.objects.get(gateway=gateway).consecutive_failures == 0


def counted(gateway_id: int | None) -> int:
    flush_tallies()
    return RouteTally.objects.get(gateway=gateway_id, span="ever").refused


def test_a_flood_from_one_source_is_counted_whole_and_kept_in_part(refusal: Refusal) -> None:
    for number in range(MOST_FROM_ONE + 50):
        note_refusal(replace(refusal, why=f"number {number}"))
    assert flush_refusals() == MOST_FROM_ONE + 50
    assert RefusedRequest.objects.count() == MOST_FROM_ONE
    assert counted(None) == MOST_FROM_ONE + 50


def test_a_flood_pushes_nobody_elses_out(gateway: Gateway, refusal: Refusal) -> None:
    note_refusal(refusal)
    for _ in range(MOST + 100):
        note_refusal(replace(refusal, source="198.51.100.9"))
    flush_refusals()
    assert RefusedRequest.objects.filter(gateway=gateway).count() == 1
    assert counted(gateway.pk) == 1


def test_a_later_flood_takes_the_place_of_an_earlier_one(refusal: Refusal) -> None:
    for _ in range(MOST_FROM_ONE):
        note_refusal(refusal)
    flush_refusals()
    for number in range(10):
        note_refusal(replace(refusal, at=refusal.at + 60, why=f"number {number}"))
    flush_refusals()
    assert RefusedRequest.objects.count() == MOST_FROM_ONE
    assert RefusedRequest.objects.first().why == "number 9"


def test_a_flood_from_many_sources_is_bounded_and_counted_too(refusal: Refusal) -> None:
    for round_ in range(2):
        for number in range(MOST + 100):
            source = f"10.{round_}.{number // 250}.{number % 250}"
            note_refusal(replace(refusal, source=source))
        flush_refusals()
    assert RefusedRequest.objects.count() == MOST
    assert counted(None) == 2 * (MOST + 100)


def test_what_cannot_be_written_down_is_written_later(refusal: Refusal, monkeypatch) -> None:
    for number in range(3):
        note_refusal(replace(refusal, why=f"number {number}"))
    with monkeypatch.context() as broken, pytest.raises(OperationalError):
        broken.setattr("webhooks.route_monitor.refused_requests._keep", raises_gone)
        flush_refusals()
    assert flush_refusals() == 3
    assert [row.why for row in RefusedRequest.objects.order_by("id")] == [
        *("number 0", "number 1", "number 2")
    ]


def raises_gone(*args: object) -> None:
    raise OperationalError("gone")


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


def test_an_outline_names_nothing_of_a_message() -> None:
    body = (
        b'{"event":"message","payload":{"session":"s1","62811801641@c.us":1,"k3y-1":{"a":1},'
        b'"message":{"type":"w0rd","reason":"w0rd","data":{"status":"w0rd"}}}}'
    )
    drawn = outline(body, size_bytes=len(body))
    assert "s1" in drawn
    assert not any(word in drawn for word in ("62811801641", "k3y", "w0rd"))


def test_an_outline_of_what_is_cut_or_no_json_names_only_names() -> None:
    drawn = outline(b'{"event":"x","apikey":"secret-value', size_bytes=50_000_000)
    assert drawn == "50000000 bytes, not readable as JSON; names: event, apikey"
