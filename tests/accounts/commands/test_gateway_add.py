"""`workspace_add`, `gateway_add`, `gateway_mode`: repeating a call changes nothing."""

from __future__ import annotations

import pytest
from django.core.management import CommandError

from accounts.explain.explanation import explain
from accounts.models import Gateway, GatewaySecret, Workspace
from accounts.store.encryption import CannotOpen
from accounts.words.status import Status
from gateways.base import Reason
from tests.accounts.commands.running import run, run_json
from tests.cast import see

pytestmark = pytest.mark.django_db
URL = "http://10.0.0.5:3001"


def add(*words, name="node-1"):
    return run_json("gateway_add", "--name", name, *words)


def keys(gateway_id, purpose="api_key"):
    rows = GatewaySecret.objects.filter(gateway_id=gateway_id, purpose=purpose).order_by("id")
    return [row.secret for row in rows]


# --- workspaces ---------------------------------------------------------------------------------
def test_a_workspace_is_made_once():
    first = run_json("workspace_add", "--name", "Initech")

    assert run_json("workspace_add", "--name", "Initech") == first
    assert first == {"id": Workspace.objects.get(name="Initech").pk, "name": "Initech"}


def test_a_workspace_may_keep_the_id_it_has_elsewhere():
    assert run_json("workspace_add", "--name", "Initech", "--id", "4711")["id"] == 4711
    assert run_json("workspace_add", "--name", "Initech", "--id", "4711")["id"] == 4711


def test_the_next_id_comes_after_it():
    run_json("workspace_add", "--name", "Initech", "--id", "4711")

    assert run_json("workspace_add", "--name", "Hooli")["id"] == 4712


def test_an_id_below_the_others_moves_nothing_back():
    run_json("workspace_add", "--name", "Initech", "--id", "4711")
    run_json("workspace_add", "--name", "Globex", "--id", "4700")

    assert run_json("workspace_add", "--name", "Hooli")["id"] == 4712


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--name", "Initech", "--id", "12"], "exists with id 4711"),
        (["--name", "Hooli", "--id", "4711"], "belongs to workspace 'Initech'"),
        (["--name", ""], "is no name"),
        (["--name", " Hooli"], "is no name"),
        (["--name", "H" * 201], "is no name"),
        (["--name", "Ho\x1b[31mli"], "is no name"),
        (["--name", "\udcff"], "is no name"),
        (["--name", "Hooli", "--id", "0"], "an id is a whole number"),
        (["--name", "Hooli", "--id", "-3"], "an id is a whole number"),
        (["--name", "Hooli", "--id", str(2**63)], "an id is a whole number"),
        (["--name", "Hooli", "--id", "one"], "an id is a whole number"),
    ],
)
def test_what_a_workspace_cannot_be(words, says):
    run_json("workspace_add", "--name", "Initech", "--id", "4711")

    with pytest.raises(CommandError) as error:
        run("workspace_add", *words)

    assert says in str(error.value)
    assert "\x1b" not in str(error.value)
    assert Workspace.objects.count() == 1


# --- gateways -----------------------------------------------------------------------------------
def test_a_gateway_is_made_once_and_shows_no_secret():
    words = ("--kind", "webjs", "--url", f"{URL}/", "--api-key", "k3y", "--hmac-secret", "s3cret")
    first = add(*words)

    assert add(*words) == first
    assert first == {
        "id": Gateway.objects.get(name="node-1").pk,
        "name": "node-1",
        "kind": "webjs",
        "url": URL,
        "mode": "act",
    }
    assert keys(first["id"]) == ["k3y"]
    assert keys(first["id"], "hmac") == ["s3cret"]


def test_a_sentence_says_where_its_webhooks_belong():
    text = run("gateway_add", "--name", "node-1", "--url", URL, "--api-key", "k3y")

    assert text == (
        f"Added gateway node-1: webjs at {URL}, mode act. "
        "Its webhooks belong to /api/webhooks/webjs\n"
    )


def test_a_new_key_is_added_beside_the_old_one():
    gateway = add("--url", URL, "--api-key", "old")
    add("--api-key", "new")

    assert keys(gateway["id"]) == ["old", "new"]


def test_what_is_not_named_stays():
    add("--url", URL, "--api-key", "k3y", "--mode", "observe")

    assert add()["mode"] == "observe"
    assert add("--mode", "act")["url"] == URL


def test_an_address_may_change_and_be_a_bare_name():
    add("--url", URL)

    assert add("--url", "http://whatsapp:3001")["url"] == "http://whatsapp:3001"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "give --url"),
        (["--url", "10.0.0.5:3001"], "must begin with http"),
        (["--url", "ftp://10.0.0.5"], "must begin with http"),
        (["--url", "http://"], "name a host"),
        (["--url", "http://h:99999"], "ort"),
        (["--url", "http://[::1"], "is no address"),
        (["--url", "http://user:pw@h:3001"], "leave name and password out"),
        (["--url", "http://h:3001/?x=1"], "leave out what follows"),
        (["--url", "http://h:3001/#"], "leave out what follows"),
        (["--url", "http://h h:3001"], "holds a space"),
        (["--url", "http://h\x1b[31m:3001"], "is no address"),
        (["--url", f"http://{'h' * 500}"], "longer than 500"),
        (["--url", URL, "--kind", "icq"], "invalid choice"),
        (["--url", URL, "--mode", "watch"], "invalid choice"),
        (["--url", URL, "--api-key", ""], "API key"),
        (["--url", URL, "--api-key", "k3y\n"], "API key"),
        (["--url", URL, "--api-key", "schlüssel"], "API key"),
        (["--url", URL, "--hmac-secret", " s"], "webhook signature"),
        (["--url", URL, "--name", ""], "is no name"),
        (["--url", URL, "--name", "n" * 101], "is no name"),
        (["--url", URL, "--name", "no\x1b[31mde"], "is no name"),
    ],
)
def test_what_a_gateway_cannot_be(words, says):
    with pytest.raises(CommandError) as error:
        add(*words)

    assert says in str(error.value)
    assert "k3y" not in str(error.value) and "\x1b" not in str(error.value)
    assert not Gateway.objects.exists()


def test_two_gateways_at_one_address_are_a_slip():
    add("--url", URL)

    with pytest.raises(CommandError, match="gateway 'node-1' has the address"):
        add("--url", f"{URL}/", name="node-2")


def test_its_kind_does_not_change():
    add("--url", URL)
    Gateway.objects.update(kind="icq")

    with pytest.raises(CommandError, match="is of kind icq"):
        add("--kind", "webjs")


def test_a_key_that_cannot_be_opened_any_more_is_set_again(settings):
    gateway = Gateway.objects.get(pk=add("--url", URL, "--api-key", "old")["id"])
    settings.SECRET_KEY = "another one"
    settings.FIELD_KEYS = ["4Zbp0rJOgVQvcOSnnPQpGV9zT1nTzsIpTtbmnyY7xS0="]

    with pytest.raises(CannotOpen, match="gateway_add"):
        gateway.active_secrets("api_key", gateway.created_at)
    add("--api-key", "new")

    fresh = Gateway.objects.get(pk=gateway.pk)
    assert fresh.active_secrets("api_key", gateway.created_at) == ["new"]


# --- modes --------------------------------------------------------------------------------------
def test_a_mode_is_set_and_set_again():
    gateway = add("--url", URL)

    for _ in range(2):
        printed = run_json("gateway_mode", "node-1", "observe")
        assert printed == {"id": gateway["id"], "name": "node-1", "mode": "observe"}
    assert Gateway.objects.get().mode == "observe"
    assert run("gateway_mode", "node-1", "act") == "Gateway node-1 is in mode act\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [(["nowhere", "act"], "there are: node-1"), (["node-1", "watch"], "invalid choice")],
)
def test_a_mode_that_cannot_be_set(words, says):
    add("--url", URL)

    with pytest.raises(CommandError, match=says):
        run("gateway_mode", *words)


def test_without_gateways_it_says_so():
    with pytest.raises(CommandError, match="there are: none yet"):
        run("gateway_mode", "nowhere", "act")


def test_what_is_only_observed_is_judged_and_shown_all_the_same(cast):
    """An operator has to repair what can be repaired: nothing automatic happens there."""
    run("gateway_mode", "whatsapp-1", "observe")
    cast.alice.refresh_from_db()

    see(cast.alice, Status.DISCONNECTED, at=cast.ago(1), reason=Reason.BROWSER_GONE)

    assert cast.alice.status == Status.DISCONNECTED
    human = explain(cast.alice, cast.now).human
    assert human == "Restart the session. Observe mode: Rollcall will not repair this."


@pytest.mark.parametrize("option", ["--url", "--forward-url"])
@pytest.mark.parametrize(
    ("given", "is_led_there"),
    [
        ([], False),
        (["--api-key", "another"], False),
        (["--hmac-secret", "the-hmac"], False),
        (["--api-key", "the-key"], False),
        (["--api-key", "the-key", "--hmac-secret", "the-hmac"], True),
    ],
)
def test_another_origin_needs_the_secrets_again(option, given, is_led_there):
    add("--url", URL, "--api-key", "the-key", "--hmac-secret", "the-hmac")
    elsewhere = "https://collector.example.net"
    if is_led_there:
        add(option, elsewhere, *given)
    else:
        with pytest.raises(CommandError, match="give its secrets again, or end them first"):
            add(option, elsewhere, *given)
    gateway = Gateway.objects.get(name="node-1")
    led = gateway.base_url if option == "--url" else gateway.forward_url
    assert (led == elsewhere) is is_led_there
