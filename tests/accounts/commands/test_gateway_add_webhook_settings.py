"""Webhook settings of a gateway, through `gateway_add`."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Gateway
from gateways.registry import KINDS
from tests.accounts.commands.running import run, run_json

pytestmark = pytest.mark.django_db


def add(*words):
    run_json("gateway_add", "--name", "node-1", "--url", "http://10.0.0.5:3001", *words)
    return Gateway.objects.get(name="node-1")


@pytest.mark.parametrize("kind", KINDS)
def test_a_gateway_of_each_kind_can_be_added(kind):
    assert add("--kind", kind).kind == kind


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(CommandError, match="'webjs', 'wppconnect', 'wwebjs_api'"):
        call_command("gateway_add", "--name", "x", "--url", "http://x:1", "--kind", "fax")


def test_what_is_not_named_stays():
    add("--require-signature", "--forward-url", "http://crm:8080/hook?a=1")
    gateway = add("--accept-path", "/api/hooks/wa")

    assert gateway.require_signature is True
    assert gateway.forward_url == "http://crm:8080/hook?a=1"
    assert gateway.accepted_paths == ["/api/hooks/wa"]


def test_it_can_be_ended():
    add("--require-signature", "--forward-url", "http://crm:8080/hook")
    gateway = add("--no-require-signature", "--forward-url", "")

    assert (gateway.require_signature, gateway.forward_url) == (False, "")


def test_a_path_is_accepted_once():
    add("--accept-path", "/api/hooks/wa")
    assert add("--accept-path", "/api/hooks/wa").accepted_paths == ["/api/hooks/wa"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--forward-url", "crm.example.com/hook"], "must begin with http"),
        (["--forward-url", "http://a:b@crm.example.com"], "leave name and password out"),
        (["--forward-url", "http://[::1"], "no forward URL"),
        (["--forward-url", "http://crm.example.com:port/"], "no forward URL"),
        (["--forward-url", "http://crm.example.com/ä"], "not ASCII"),
        (["--forward-url", "http://127.0.0.1:8000/api/webhooks/webjs"], "in circles"),
        (["--forward-url", "http://127.0.0.1:8000"], "in circles"),
        (["--forward-url", "http://LOCALHOST:8000/anything?x=1"], "in circles"),
        (["--forward-url", "http://[::1]:8000/"], "in circles"),
        (["--kind", "wppconnect", "--require-signature"], "sign nothing"),
        (["--kind", "wwebjs_api", "--require-signature"], "sign nothing"),
        (["--forward-url", "http://crm.example.com/" + "a" * 500], "longer than 500"),
        (["--accept-path", "api/hooks"], "is no path"),
        (["--accept-path", "/api/hooks?x=1"], "is no path"),
        (["--accept-path", "/api/\x1b[31m"], "is no path"),
        (["--accept-path", "/" + "a" * 200], "is no path"),
    ],
)
def test_what_cannot_be(words, says, settings):
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    with pytest.raises(CommandError) as error:
        run("gateway_add", "--name", "node-1", "--url", "http://10.0.0.5:3001", *words)

    assert says in str(error.value)
    assert "\x1b" not in str(error.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8001/hook", "http://other:8000/hook"])
def test_a_neighbour_is_not_rollcall(url, settings):
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    assert add("--forward-url", url).forward_url == url


def test_beside_a_rollcall_below_a_path_there_is_room(settings):
    settings.PUBLIC_URL = "https://example.com/rollcall"
    assert add("--forward-url", "https://example.com/hook").forward_url
    with pytest.raises(CommandError, match="give the one behind it"):
        add("--forward-url", "https://example.com:443/rollcall/api/webhooks/webjs")


def test_what_was_asked_about_is_in_the_record():
    words = ("--name", "node-1", "--url", "http://10.0.0.5:3001", "--no-require-signature")
    words += ("--forward-url", "http://crm:8080/hook?key=k3y", "--accept-path", "/hooks")
    first = run_json("gateway_add", *words)

    assert run_json("gateway_add", *words) == first
    assert first["forward_url"] == "http://crm:8080/hook"
    assert (first["require_signature"], first["accepted_paths"]) == (False, ["/hooks"])
