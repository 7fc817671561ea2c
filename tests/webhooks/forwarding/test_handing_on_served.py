"""Handing on as it is served: 50 MB at once, backends that hang, senders that die."""

from __future__ import annotations

import hashlib
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psutil
import pytest

from tests.cast import make_cast
from tests.instance.running import until
from tests.webhooks.forwarding.backends import FakeBackend, a_backend
from tests.webhooks.inbox.test_nothing_kept import all_rows
from tests.webhooks.sending import as_bytes, event, give_secret, lost, signed
from tests.webhooks.serving import ROOT, deployed
from tests.webhooks.wire.strangers import strangers
from tests.webhooks.wire.test_large_bodies import FIFTY_MB, MOST_GROWTH_BYTES, Watch, at_once
from tests.webhooks.wire.test_slow_strangers import head
from webhooks.forwarding.sender import send_forwards
from webhooks.models import Delivery, Forward

ELSEWHERE = "127.0.0.2"
MARK = "MARKMARKMARK"
SEND = "from webhooks.forwarding.sender import send_forwards; send_forwards()"


@pytest.fixture
def backend() -> Iterator[FakeBackend]:
    with a_backend() as backend:
        yield backend


@pytest.fixture
def cast(transactional_db, backend):
    cast = make_cast()
    cast.gateway.forward_url = backend.url
    cast.gateway.base_url = "http://127.0.0.1:3001"
    cast.gateway.save()
    return cast


@pytest.fixture
def secret(cast, server) -> str:
    """The secret of a gateway with forwarding, once the server knows it."""
    secret = f"secret {secrets.token_hex(8)}"
    give_secret(cast.gateway, "hmac", secret)
    server.learn(secret)
    Delivery.objects.all().delete()
    return secret


def pictures() -> bytes:
    said = event("message_received", message={"media": "MEDIA"})
    head, tail = as_bytes(said).split(b"MEDIA")
    return head + MARK.encode() * (FIFTY_MB // len(MARK)) + tail


def test_four_messages_of_50_mb_arrive_and_leave_nothing(
    server, secret, backend, throwaway_redis
) -> None:
    body = pictures()
    files = {file.path for process in processes(server) for file in process.open_files()}
    with Watch(server, secret) as watch:
        answers = at_once(4, server, secret, body)
        files |= {file.path for process in processes(server) for file in process.open_files()}

    assert [(answer.status, answer.content) for answer in answers] == [(200, backend.body)] * 4
    digest = hashlib.sha256(body).hexdigest()
    assert [arrived.digest for arrived in backend.arrived] == [digest] * 4
    assert watch.most - watch.before < MOST_GROWTH_BYTES
    assert {answer.status for answer in watch.answers} == {200}
    assert files <= {str(server.log)}
    assert MARK not in all_rows() and MARK not in "".join(server.logged())
    assert sum(throwaway_redis.memory_usage(key) for key in throwaway_redis.keys("*")) < 1_000_000


def processes(server) -> list[psutil.Process]:
    master = psutil.Process(server.process.pid)
    return [master, *master.children(recursive=True)]


def test_a_chunked_message_of_50_mb_arrives(server, secret, backend) -> None:
    body = pictures()
    pieces = [body[at : at + 1_000_000] for at in range(0, len(body), 1_000_000)]
    assert server.send_chunked(pieces, signed(secret, body)).status == 200
    [arrived] = backend.arrived
    assert arrived.digest == hashlib.sha256(body).hexdigest()
    assert arrived.headers["Transfer-Encoding"] == "chunked"


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_forged_one_never_arrives_whole(server, secret, backend, is_chunked) -> None:
    body = pictures()
    send = server.send_chunked if is_chunked else server.exchange
    length = {} if is_chunked else {"Content-Length": str(len(body))}
    answer = send([body], signed("forged", body) | length)
    assert answer.status == 401
    until(lambda: backend.broken_off == 1)
    assert backend.arrived == []


def test_while_messages_hang_state_events_pass(server, secret, backend) -> None:
    backend.gate.clear()
    message = as_bytes(event("message_received", body="hello"))
    with ThreadPoolExecutor(40) as senders:
        hanging = [senders.submit(server.send_signed, secret, message) for _ in range(40)]
        until(lambda: backend.waiting >= 10)
        states = [server.send_signed(secret, as_bytes(lost(reason=str(n)))) for n in range(10)]
        turned_away = [one.result() for one in hanging if one.done()]
        backend.gate.set()
    assert {answer.status for answer in states} == {200}
    assert max(answer.seconds for answer in states) < 1
    assert {answer.status for answer in turned_away} == {429}
    assert backend.waiting + len(turned_away) == 40


def test_a_state_event_is_committed_whatever_the_backend_does(server, secret, backend) -> None:
    backend.gate.clear()
    body = as_bytes(lost())
    assert server.send_signed(secret, body).json()["state"] == "applied"
    assert Forward.objects.count() == 1
    backend.gate.set()
    assert send_forwards() == 1
    assert backend.arrived[0].digest == hashlib.sha256(body).hexdigest()


def test_a_sender_killed_before_it_could_note_that_it_arrived_sends_it_again(
    server, secret, backend
) -> None:
    server.send_signed(secret, as_bytes(lost()))
    backend.gate.clear()
    sender = subprocess.Popen(
        [sys.executable, "manage.py", "shell", "-v0", "-c", SEND], cwd=ROOT, env=deployed()
    )
    until(lambda: backend.waiting == 1)
    sender.kill()
    sender.wait()
    backend.gate.set()
    until(lambda: len(backend.arrived) == 1)

    assert send_forwards() == 0  # it is claimed for a while
    Forward.objects.update(next_attempt_at=Delivery.objects.get().received_at)
    assert send_forwards() == 1
    assert len(backend.arrived) == 2 and not Forward.objects.exists()
    assert send_forwards() == 0


def test_what_leads_back_to_us_ends_at_once(server, secret, cast) -> None:
    """An address that nobody could know for our own."""
    cast.gateway.forward_url = f"http://127.0.0.1:{server.port}/api/webhooks/webjs"
    cast.gateway.save()
    other = f"{secret} again"
    give_secret(cast.gateway, "hmac", other)
    server.learn(other)
    Delivery.objects.all().delete()

    message = as_bytes(event("message_received", body="hello"))
    assert server.send_signed(secret, message).status == 508
    server.send_signed(secret, as_bytes(lost()))
    send_forwards()
    assert Delivery.objects.count() == 1
    assert "leads back" in Forward.objects.get().error


# --- strangers: nothing of a large body is believed before its end --------------------------------
def message(size_bytes: int = 800_000, number: int = 0) -> bytes:
    return as_bytes(event("message_received", number=number, message={"media": "x" * size_bytes}))


def test_of_an_unbelieved_one_from_elsewhere_a_backend_sees_nothing(
    server,
    secret,
    backend,
) -> None:
    body = message()

    def pieces():
        yield body[:500_000]
        assert server.send_signed(secret, message(number=1)).status == 200
        yield body[500_000:]

    stranger = replace(server, source=ELSEWHERE)
    length = {"Content-Length": str(len(body))}
    assert stranger.exchange(pieces(), signed("forged", body) | length).status == 401
    assert backend.begun == 1


def test_a_true_one_from_elsewhere_arrives_whole_once_it_is_believed(
    server,
    secret,
    backend,
) -> None:
    body = message()
    answer = replace(server, source=ELSEWHERE).send_signed(secret, body)
    assert (answer.status, answer.content) == (200, backend.body)
    [arrived] = backend.arrived
    assert arrived.digest == hashlib.sha256(body).hexdigest()
    assert arrived.headers["Content-Length"] == str(len(body))


def test_from_the_gateway_s_own_address_it_is_on_its_way_before_its_end(
    server,
    secret,
    backend,
) -> None:
    body = message()

    def pieces():
        yield body[:500_000]
        until(lambda: backend.begun == 1)
        yield body[500_000:]

    length = {"Content-Length": str(len(body))}
    assert server.exchange(pieces(), signed(secret, body) | length).status == 200


@pytest.mark.parametrize("of_strangers", ["127.0.0.1", ELSEWHERE, "many"])
@pytest.mark.parametrize("of_good_ones", ["127.0.0.1", "127.0.0.3"])
def test_slow_large_strangers_take_no_place_from_good_ones(
    server,
    secret,
    backend,
    of_strangers,
    of_good_ones,
) -> None:
    among = [f"127.0.1.{n}" for n in range(1, 21)] if of_strangers == "many" else [of_strangers]
    good = replace(server, source=of_good_ones)
    begun = message()[:500_000]
    with strangers(
        server.port, 20, begin=lambda: head(800_000) + begun, drop=b"x", addresses=among
    ) as these:
        time.sleep(1)
        answers = [good.send_signed(secret, message(number=number)) for number in range(20)]
    assert {answer.status for answer in answers} == {200}, these.statuses
    assert len(backend.arrived) == 20
