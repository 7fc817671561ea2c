"""Where a request came from, and in whose name it may be counted."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from config.environment import addresses
from tests.cast import a_gateway
from webhooks.route_monitor import source_address
from webhooks.route_monitor.source_address import Sender, owners_of
from webhooks.wire.client_address import NOWHERE, client_address

PROXY = "10.0.0.1"


@pytest.fixture(autouse=True)
def _no_remembered_names() -> Iterator[None]:
    source_address._resolved.clear()
    yield
    source_address._resolved.clear()


def seen(peer: str, forwarded: str = "") -> str:
    return client_address({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded})


def owner(address: str, **said: str) -> int | None:
    [found] = owners_of([Sender(address=address, **said)])
    return found


def test_without_a_proxy_nobodys_word_is_believed(settings) -> None:
    settings.TRUSTED_PROXIES = []
    assert seen("198.51.100.9", "192.0.2.7") == "198.51.100.9"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        (PROXY, "192.0.2.7", "192.0.2.7"),
        (f"::ffff:{PROXY}", "192.0.2.7", "192.0.2.7"),
        # What a client forged stands in front of what the proxy wrote.
        (PROXY, "192.0.2.7, 198.51.100.9", "198.51.100.9"),
        (PROXY, "192.0.2.7, 10.0.0.2", "192.0.2.7"),
        (PROXY, "192.0.2.7:5678", "192.0.2.7"),
        (PROXY, "[2001:DB8::1]:5678", "2001:db8::1"),
        (PROXY, "2001:0db8:0::1", "2001:db8::1"),
        # A proxy that says nothing, or nonsense, is the last that is known.
        (PROXY, "", PROXY),
        (PROXY, "192.0.2.7, unknown", PROXY),
        ("", "192.0.2.7", NOWHERE),
        ("198.51.100.9", PROXY, "198.51.100.9"),
    ],
)
def test_a_trusted_proxy_is_believed_about_its_client(settings, peer, forwarded, client) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/30"]
    assert seen(peer, forwarded) == client


@pytest.mark.parametrize("words", ["proxy.internal", "10.0.0.0/99", "10.0.0.1 10.0.0.2"])
def test_a_proxy_that_is_no_address_is_refused_at_the_start(monkeypatch, words) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", words)
    with pytest.raises(Exception, match="no IP address, nor a network"):
        addresses("TRUSTED_PROXIES")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("base_url", "address"),
    [
        ("http://192.0.2.7:3001", "192.0.2.7"),
        ("http://[2001:DB8:0::7]:3001", "2001:db8::7"),
        ("http://localhost:3001", "127.0.0.1"),
    ],
)
def test_a_gateway_is_known_by_its_registered_address(base_url: str, address: str) -> None:
    gateway = a_gateway("whatsapp-1", base_url=base_url)
    assert owner(address) == gateway.pk
    assert owner("198.51.100.9", instance_url=base_url) is None


@pytest.mark.django_db
def test_an_address_that_is_not_known_is_nobodys() -> None:
    a_gateway("whatsapp-1", base_url="http://0.0.0.0:3001")
    assert owner(NOWHERE) is None


@pytest.mark.django_db
def test_of_several_on_one_machine_their_word_chooses_else_their_kind() -> None:
    one, two = (a_gateway(f"g{port}", base_url=f"http://192.0.2.7:{port}") for port in (1, 2))
    waha = a_gateway("waha", kind="waha", base_url="http://192.0.2.7:3")
    assert owner("192.0.2.7", kind="webjs") is None
    assert owner("192.0.2.7", kind="webjs", instance_url=f"{two.base_url}/") == two.pk
    assert owner("192.0.2.7", kind="waha") == waha.pk
    assert owner("192.0.2.7", kind="waha", instance_url="http://elsewhere") is None
    assert owner("192.0.2.7", instance_url=one.base_url) == one.pk


@pytest.mark.django_db
def test_a_name_server_that_hangs_does_not_hold_up_the_watching(monkeypatch) -> None:
    known = a_gateway("known", base_url="http://known.example:3001")
    monkeypatch.setattr(source_address, "_lookup", lambda name: frozenset({"192.0.2.7"}))
    assert owner("192.0.2.7") == known.pk
    monkeypatch.setattr(source_address, "RESOLVED_FOR_SECONDS", 0.0)
    monkeypatch.setattr(source_address, "RESOLVED_WITHIN_SECONDS", 0.05)
    answered = threading.Event()  # the name server answers after us
    monkeypatch.setattr(source_address, "_lookup", lambda name: frozenset({str(answered.wait(30))}))
    assert owner("192.0.2.7") == known.pk
    answered.set()
