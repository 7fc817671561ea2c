"""`webhook_check`: a test event through the web as it is served, and each way in which it fails."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import pytest
from cryptography.fernet import Fernet
from django.db import connection

from gateways.registry import KINDS
from instance.ports import free_port
from tests.cast import a_gateway
from tests.gateways.wire import sockets
from tests.instance.running import until
from tests.webhooks.sending import give_secret
from tests.webhooks.serving import read_all, served
from webhooks.models import Delivery
from webhooks.route_check.round_trip import check_route

pytestmark = pytest.mark.django_db(transaction=True)


def registered(kind="webjs", **secrets):
    gateway = a_gateway(f"{kind}-1", kind=kind)
    for purpose, value in secrets.items():
        give_secret(gateway, purpose, value)
    return gateway


def hops_of(gateway):
    return {hop.name: hop for hop in check_route(gateway)}


def first_failure(gateway):
    failed = [hop for hop in check_route(gateway) if hop.works is False]
    assert len(failed) == 1, failed
    return failed[0]


@pytest.fixture
def public(server, settings):
    settings.PUBLIC_URL = f"http://127.0.0.1:{server.port}"


@contextmanager
def in_front(server, change):
    """A proxy that changes what it hands on; its URL."""

    def hand_on(connection):
        request = change(sockets.read_request(connection))
        request = request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        with socket.create_connection(("127.0.0.1", server.port), 10) as behind:
            behind.sendall(request)
            connection.settimeout(0.1)
            try:
                while piece := connection.recv(65536):
                    behind.sendall(piece)
            except TimeoutError:
                pass
            connection.sendall(read_all(behind))

    with sockets.serving(hand_on) as url:
        yield url


# What each kind is known by: a signature where it has one, else a key, else a path of its own.
SECRETS = {
    "webjs": {"hmac": "check-webjs"},
    "wwebjs_api": {"api_key": "check-wwebjs-api"},
    "waha": {"hmac": "check-waha"},
    "evolution": {"hmac": "check-evolution, long enough for its hash"},
    "wppconnect": {"path": "check-wppconnect"},
    "standard": {"hmac": "whsec_Y2hlY2stc3RhbmRhcmQ="},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_test_event_of_each_kind_arrives_in_the_inbox(public, kind):
    gateway = registered(kind, **SECRETS[kind])
    until(lambda: hops_of(gateway)["answer"].works)

    hops = hops_of(gateway)

    assert [hop.works for hop in hops.values()] == [True, None, True, True, True, None]
    assert str(Delivery.objects.latest("id").pk) in hops["inbox"].says
    assert not any(value in str(hops) for value in SECRETS[kind].values())


def test_a_test_of_ours_is_not_taken_for_the_gateway_s_own(public):
    gateway = registered("wppconnect", path="check-own")
    until(lambda: hops_of(gateway)["answer"].works)

    assert "has sent no state event" in hops_of(gateway)["gateway"].says


def test_nobody_listens(settings):
    settings.PUBLIC_URL = f"http://127.0.0.1:{free_port()}"

    hop = first_failure(registered(hmac="a-secret"))

    assert (hop.name, "Connection refused" in hop.says) == ("address", True)
    assert "is web running?" in hop.cure


def test_a_secret_path_is_in_no_failure(settings):
    settings.PUBLIC_URL = f"http://127.0.0.1:{free_port()}"
    token = "check-path-that-nobody-may-read"

    hops = hops_of(registered("wppconnect", path=token))

    assert hops["address"].works is False
    assert token not in str(hops)


def test_a_name_that_is_nobody_s(settings):
    settings.PUBLIC_URL = "http://rollcall.invalid"

    assert first_failure(registered(hmac="a-secret")).name == "address"


@pytest.mark.parametrize(
    ("status", "content"),
    [("200 OK", b"<h1>It works!</h1>"), ("404 Not Found", b"{}"), ("200 OK", b'{"ok":true}')],
)
def test_another_program_answers(settings, status, content):
    def answer(connection):
        sockets.read_request(connection)
        connection.sendall(sockets.answer(content, status))

    with sockets.serving(answer) as settings.PUBLIC_URL:
        hop = first_failure(registered(hmac="a-secret"))

    assert (hop.name, "Another program" in hop.cure) == ("answer", True)


def test_a_redirect_is_not_followed(settings):
    def answer(connection):
        sockets.read_request(connection)
        moved = b"Location: https://other.example.com/login\r\n"
        connection.sendall(sockets.answer(b"", "302 Found", moved))

    with sockets.serving(answer) as settings.PUBLIC_URL:
        hop = first_failure(registered(hmac="a-secret"))

    assert (hop.name, "other.example.com" in hop.says) == ("address", True)


def test_a_proxy_that_drops_the_signature(server, settings):
    def drop(request):
        head, _, rest = request.partition(b"\r\n\r\n")
        kept = [line for line in head.split(b"\r\n") if b"hmac" not in line.lower()]
        return b"\r\n".join(kept) + b"\r\n\r\n" + rest

    gateway = registered(hmac="check-dropped")
    with in_front(server, drop) as settings.PUBLIC_URL:
        hop = first_failure(gateway)

    assert (hop.name, hop.says[:3]) == ("answer", "401")
    assert "A proxy on the way may drop the header" in hop.cure


def test_a_web_that_knows_another_secret(tmp_path, settings):
    """The web process cannot decrypt what was encrypted with our FIELD_KEYS."""
    gateway = registered(hmac="check-unopened")
    with served(tmp_path, FIELD_KEYS=Fernet.generate_key().decode()) as web:
        settings.PUBLIC_URL = f"http://127.0.0.1:{web.port}"
        hop = first_failure(gateway)

    assert (hop.name, hop.says[:3], "FIELD_KEYS" in hop.cure) == ("answer", "401", True)


def test_a_web_on_another_database(tmp_path, settings):
    """The web process trusts us and keeps the webhook; nobody here ever sees it."""
    gateway = registered("wppconnect", path="check-elsewhere")
    with elsewhere() as url, served(tmp_path, DATABASE_URL=url) as web:
        settings.PUBLIC_URL = f"http://127.0.0.1:{web.port}"
        hop = first_failure(gateway)

    assert (hop.name, "is not in this database" in hop.says) == ("inbox", True)
    assert "another DATABASE_URL" in hop.cure


@contextmanager
def elsewhere():
    """Copy all tables with the same gateways, like a copy of this database."""
    with connection.cursor() as cursor:
        cursor.execute(_COPY)
    address = urlsplit(os.environ["DATABASE_URL"])._replace(
        path=f"/{connection.settings_dict['NAME']}", query="options=-csearch_path%3Delsewhere"
    )
    try:
        yield urlunsplit(address)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA elsewhere CASCADE")


_COPY = """
CREATE SCHEMA elsewhere;
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('CREATE TABLE elsewhere.%I (LIKE public.%I INCLUDING ALL)', name, name);
    END LOOP;
END $$;
INSERT INTO elsewhere.accounts_gateway SELECT * FROM public.accounts_gateway;
INSERT INTO elsewhere.accounts_gatewaysecret SELECT * FROM public.accounts_gatewaysecret;
"""


def test_without_a_secret_nothing_is_sent():
    hop = first_failure(registered("waha"))

    assert hop.name == "secrets"
    assert "WHATSAPP_HOOK_HMAC_KEY" in hop.cure
    assert Delivery.objects.count() == 0


def test_a_secret_that_cannot_be_opened_is_said(settings):
    gateway = registered(hmac="a-secret")
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]

    hop = first_failure(gateway)
    assert (hop.name, hop.cure) == ("secrets", "Restore FIELD_KEYS.")
