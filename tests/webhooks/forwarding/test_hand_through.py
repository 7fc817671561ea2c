"""A message goes through to the business's own backend, whose answer goes back; nothing is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from tests.cast import a_gateway
from tests.webhooks.forwarding.backends import FakeBackend, a_backend
from tests.webhooks.sending import KEY, SECRET, Sender, as_bytes, event, give_secret, lost, signed
from webhooks.auth import keyring
from webhooks.forwarding import stream_through as relays
from webhooks.models import Delivery, Forward

MESSAGE = as_bytes(event("message_received", body="héllo  world"))
LARGE = as_bytes(event("message_received", media="A" * 400_000))


@pytest.fixture
def backend() -> Iterator[FakeBackend]:
    with a_backend() as backend:
        yield backend


@pytest.fixture
def cast(cast, backend):
    lead_to(cast.gateway, backend.url)
    return cast


def lead_to(gateway, url: str) -> None:
    gateway.forward_url = url
    gateway.save()
    keyring.forget()


@pytest.mark.parametrize("body", [MESSAGE, LARGE], ids=["small", "large"])
def test_it_arrives_as_it_came_with_its_signature(cast, sender, backend, body) -> None:
    headers = signed(SECRET, body) | {"X-Instance-Url": "http://elsewhere:1", "User-Agent": "Node"}
    answer = sender.post(body, headers)
    assert (answer.status_code, answer.content) == (200, backend.body)
    [arrived] = backend.arrived
    assert arrived.digest == hashlib.sha256(body).hexdigest()
    assert headers.items() <= arrived.headers.items()
    assert arrived.headers["Content-Type"] == "application/json"
    assert not Delivery.objects.exists() and not Forward.objects.exists()


@pytest.mark.parametrize("body", [MESSAGE, LARGE], ids=["small", "large"])
def test_it_arrives_with_its_key(cast, sender, backend, body) -> None:
    assert sender.post(body, {"X-API-Key": KEY}).status_code == 200
    assert backend.arrived[0].headers["X-API-Key"] == KEY
    assert "X-Hmac-Signature" not in {name.title() for name in backend.arrived[0].headers}


@pytest.mark.parametrize("body", [MESSAGE, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("status", [201, 401, 404, 413, 500])
def test_the_backend_s_answer_goes_back(cast, sender, backend, status, body) -> None:
    backend.status, backend.body = status, b"<p>what it says</p>"
    backend.headers = {"Content-Type": "text/html", "Set-Cookie": "a=b"}
    answer = sender.send(body)
    assert (answer.status_code, answer.content) == (status, backend.body)
    assert "Set-Cookie" not in answer.headers


def test_a_redirect_is_not_followed_and_not_repeated(cast, sender, backend) -> None:
    backend.status, backend.headers = 302, {"Location": "http://127.0.0.1:1/login?token=t0k3n"}
    answer = sender.send(MESSAGE)
    assert answer.status_code == 502
    assert "is the forward URL right?" in answer.json()["reason"]
    assert "t0k3n" not in answer.json()["reason"]


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}])
def test_of_an_answer_that_cannot_go_back_the_status_counts(cast, sender, backend, headers) -> None:
    backend.status, backend.headers = 202, headers
    backend.body = b"long" * 1_000_000
    answer = sender.send(MESSAGE)
    assert (answer.status_code, answer.content) == (202, b"")


def test_an_answer_that_drips_counts_by_its_status(cast, sender, backend, monkeypatch) -> None:
    monkeypatch.setattr(relays, "DEADLINE_SECONDS", 0.5)
    backend.status, backend.drips, backend.body = 201, True, b"x" * 100
    assert sender.send(MESSAGE).status_code == 201


@pytest.mark.parametrize("body", [MESSAGE, LARGE], ids=["small", "large"])
def test_a_backend_that_is_away_makes_the_sender_come_again(cast, sender, body) -> None:
    lead_to(cast.gateway, "http://127.0.0.1:1/hooks?key=in-the-address")
    answer = sender.send(body)
    assert (answer.status_code, answer["Retry-After"]) == (429, "1")
    assert "refused" in answer.json()["reason"].lower()
    assert "in-the-address" not in answer.content.decode()


@pytest.mark.parametrize("body", [MESSAGE, LARGE], ids=["small", "large"])
def test_so_does_one_that_hangs(cast, sender, backend, monkeypatch, body) -> None:
    monkeypatch.setattr(relays, "DEADLINE_SECONDS", 0.3)
    backend.gate.clear()
    answer = sender.send(body)
    assert (answer.status_code, answer["Retry-After"]) == (429, "1")


@pytest.mark.parametrize("body", [MESSAGE, LARGE], ids=["small", "large"])
def test_one_that_is_not_trusted_never_arrives_whole(cast, sender, backend, body) -> None:
    assert sender.post(body, signed("forged", body)).status_code == 401
    assert backend.arrived == []


def test_a_large_state_event_is_no_message_and_never_arrives(cast, sender, backend) -> None:
    assert sender.send(lost(pad="A" * 400_000)).status_code == 413
    assert backend.arrived == []


@pytest.mark.parametrize("pad", ["", "A" * 400_000], ids=["small", "large"])
def test_an_event_that_nobody_knows_goes_through_and_is_counted(cast, sender, backend, pad) -> None:
    """An unknown event may hold a message: it is never kept, and never lost."""
    answer = sender.send(event("poll_voted", body="private", pad=pad))
    assert (answer.status_code, answer.content) == (200, backend.body)
    assert b"private" in backend.arrived[0].beginning
    assert Delivery.objects.get().event == "poll_voted"
    assert not Forward.objects.exists()


def test_a_message_of_a_gateway_without_a_forward_url_goes_nowhere(cast, backend) -> None:
    give_secret(cast.other_gateway, "hmac", "another's")
    assert Sender(secret="another's").send(MESSAGE).json()["state"] == "noted"
    assert Sender(secret="another's").send(LARGE).json()["state"] == "noted"
    assert backend.arrived == []


def two_that_share(cast, second: FakeBackend):
    """Two gateways of one secret, each with a backend of its own."""
    twin = a_gateway("twin", base_url="http://twin:3001", forward_url=second.url)
    give_secret(twin, "hmac", SECRET)
    return twin


@pytest.mark.parametrize("body", [MESSAGE, LARGE], ids=["small", "large"])
def test_of_two_that_share_a_secret_the_address_says_whose_backend(
    cast, sender, backend, body
) -> None:
    with a_backend() as second:
        two_that_share(cast, second)
        sender.send(as_bytes(body).replace(b"alice", b"nobody"), x_instance_url="http://twin:3001")
        assert (len(second.arrived), len(backend.arrived)) == (1, 0)


@pytest.mark.parametrize("body", [MESSAGE, LARGE], ids=["small", "large"])
def test_of_two_that_share_a_secret_the_session_says_whose_backend(
    cast, sender, backend, body
) -> None:
    with a_backend() as second:
        two_that_share(cast, second)
        sender.send(body)
        assert (len(second.arrived), len(backend.arrived)) == (0, 1)


def test_a_message_begins_to_arrive_at_nobody_else_s_backend(cast, sender, backend) -> None:
    """The session's owner is known, and beats a wrong address."""
    with a_backend() as second:
        twin = two_that_share(cast, second)
        twin.secrets.update(sealed="")
        give_secret(twin, "hmac", "of the twin")
        keyring.forget()
        assert sender.send(LARGE, x_instance_url="http://twin:3001").status_code == 200
        assert (second.broken_off, len(second.arrived), len(backend.arrived)) == (0, 0, 1)


def test_what_we_have_handed_on_ourselves_goes_no_further(cast, sender, backend) -> None:
    sender.send(MESSAGE)
    via = backend.arrived[0].headers["Via"]
    for body in (MESSAGE, LARGE, as_bytes(lost())):
        answer = sender.post(body, signed(SECRET, body) | {"Via": f"1.1 proxy, {via}"})
        assert answer.status_code == 508 and "forward URL" in answer.json()["reason"]
    assert len(backend.arrived) == 1 and not Delivery.objects.exists()


def test_another_rollcall_before_us_is_none_of_our_business(cast, sender, backend) -> None:
    other = {"Via": "1.1 rollcall-0000000000000000"}
    assert sender.post(MESSAGE, signed(SECRET, MESSAGE) | other).status_code == 200
    assert backend.arrived[0].headers["Via"].startswith("1.1 rollcall-0000000000000000, 1.1 ")


@pytest.mark.parametrize("body", [MESSAGE, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("path", ["/api/hooks/wa", "/api/whatsapp/webhooks/webjs"])
def test_a_wrong_path_is_no_detour(cast, sender, backend, path, body) -> None:
    assert sender.send(body, path=path).content == backend.body
    assert backend.arrived[0].digest == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("size", [10, 400_000])
def test_a_kind_that_signs_nothing_is_handed_on_by_its_path(cast, backend, size) -> None:
    own = a_gateway("wpp", kind="wppconnect", base_url="http://wpp:1", forward_url=backend.url)
    give_secret(own, "path", "a-path-of-its-own")
    body = as_bytes({"event": "onmessage", "session": "s", "body": "A" * size})
    answer = Sender().post(body, {}, path="/api/webhooks/wppconnect/a-path-of-its-own")
    assert answer.content == backend.body
    [arrived] = backend.arrived
    assert arrived.digest == hashlib.sha256(body).hexdigest()
    assert "a-path-of-its-own" not in str(arrived.headers)
