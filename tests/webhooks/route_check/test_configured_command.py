"""`webhook_check` in a terminal: what a gateway was told, set right first if asked for."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from gateways import registry
from tests.gateways.kinds.documented import KEY, Waha, waha_session
from tests.webhooks.route_check.test_configured import BASE, SECRET, TOKEN, registered, signed

pytestmark = pytest.mark.django_db


@pytest.fixture
def waha(settings):
    settings.PUBLIC_URL = "http://127.0.0.1:1"
    gateway = Waha()
    with registry.use_transport("http://waha", gateway.transport):
        yield gateway


def run(*words):
    output = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("webhook_check", *words, stdout=output)
    return ended.value.code, output.getvalue()


def test_the_command_fixes_first_and_never_prints_a_secret(waha):
    registered("waha", hmac=SECRET, path=TOKEN)
    waha.hold(waha_session("alice", "STOPPED", signed(f"{BASE}/api/webhooks/waha/{TOKEN}")))

    code, said = run("--gateway", "waha-1", "--fix", "--yes")

    assert code == 1
    assert "means this machine only" in said
    assert "wrong host" in said
    assert not any(secret in said for secret in (SECRET, TOKEN, KEY))


def test_the_command_s_json_names_every_session(waha):
    registered("waha", hmac=SECRET)
    waha.hold(*(waha_session(f"s{number}", "STOPPED") for number in range(30)))

    _, said = run("--gateway", "waha-1", "--json")
    hops = {hop["name"]: hop for hop in json.loads(said)["hops"]}
    assert len(hops["configured"]["details"]) == 30

    _, said = run("--gateway", "waha-1")
    assert "… and 10 more: --json names them all" in said


def test_a_consent_to_nothing_is_a_slip(waha):
    registered("waha")
    with pytest.raises(CommandError, match="give both"):
        call_command("webhook_check", "--gateway", "waha-1", "--yes")


def test_an_unknown_gateway_is_named_with_the_known_ones(waha):
    registered("waha")
    with pytest.raises(CommandError, match="there are: waha-1"):
        call_command("webhook_check", "--gateway", "waha-2")
