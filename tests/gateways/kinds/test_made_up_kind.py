"""A kind of gateway is one folder: with it in place all works, and no other file knows of it."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import re
from dataclasses import fields

import httpx
import pytest
from django.core.management import call_command

from accounts.models import Account, Gateway
from gateways.kind import GatewayKind
from gateways.registry import BadKind, capabilities_of, discover
from reconciliation.rollcall import roll_call
from tests.accounts.commands.running import run, run_json
from tests.docs.capabilities_table import table
from tests.gateways.kinds import made_up
from tests.webhooks.sending import as_bytes
from webhooks import schema
from webhooks.auth import keyring
from webhooks.models import Delivery

SECRET = "the-secret-of-the-loft"


@pytest.fixture
def pigeon(tmp_path):
    made_up.write(tmp_path)
    with made_up.known(tmp_path) as kind:
        yield kind


@pytest.fixture
def birds():
    """The sessions that the gateway holds."""
    return {"alice": "flying"}


@pytest.fixture
def registered(pigeon, birds, transactional_db, live_server, settings):
    """Register the gateway by command, with one account; Rollcall is served over HTTP."""
    settings.PUBLIC_URL = live_server.url
    keyring.forget()
    with made_up.loft(birds) as url:
        workspace = run_json("workspace_add", "--name", "Acme")["id"]
        secrets = ["--api-key", "key-of-the-loft", "--hmac-secret", SECRET]
        run("gateway_add", "--name", "loft-1", "--kind", "pigeon", "--url", url, *secrets)
        run(
            *("account_add", "--workspace", str(workspace), "--gateway", "loft-1"),
            *("--phone", "15550100101", "--session-id", "alice"),
        )
        yield Gateway.objects.get(name="loft-1")
    keyring.forget()


def send(gateway, base_url, **body):
    content = as_bytes(body)
    signature = hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()
    headers = {"X-Loft-Signature": signature, "Content-Type": "application/json"}
    return httpx.post(base_url + gateway.webhook_path, content=content, headers=headers)


def status():
    account = Account.objects.get(session_id="alice")
    return account.status, account.status_reason


def test_a_gateway_of_it_is_registered(registered):
    assert (registered.kind, registered.webhook_path) == ("pigeon", "/api/webhooks/pigeon")


def test_its_webhook_is_believed_and_applied(registered, birds, live_server):
    birds["alice"] = "resting"
    answer = send(registered, live_server.url, happened="moved", bird="alice", state="resting")

    assert (answer.status_code, answer.json()["state"]) == (200, "applied")
    assert status() == ("disconnected", "network")


def test_one_that_is_not_signed_is_told_what_to_set(registered, live_server):
    answer = httpx.post(live_server.url + registered.webhook_path, json={"happened": "moved"})

    assert answer.status_code == 401
    assert "X-Loft-Signature" in answer.json()["reason"]
    assert "LOFT_SECRET" in answer.json()["reason"]


def test_a_message_of_it_is_a_sign_of_life(registered, live_server):
    answer = send(registered, live_server.url, happened="letter", bird="alice")

    assert answer.json() == {"success": True, "state": "noted"}


def test_the_roll_call_reads_it(registered, birds):
    assert status()[0] == "connected"  # as it was read when it was registered
    birds["alice"] = "resting"

    report = roll_call.call_roll(registered.pk)

    assert not report.why
    assert status() == ("disconnected", "network")


def test_an_account_on_it_is_explained(registered, birds, live_server):
    birds["alice"] = "released"
    send(registered, live_server.url, happened="moved", bird="alice", state="released")

    [account] = run_json("explain", "alice")["accounts"]

    assert account["status"] == "logged_out"


def test_its_route_is_checked_with_a_signed_test(registered):
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("webhook_check", "--gateway", "loft-1", "--json", stdout=out)
    record = json.loads(out.getvalue())
    hops = {hop["name"]: hop for hop in record["hops"]}

    assert ended.value.code == 0 and record["works"]
    assert "X-Loft-Signature" in hops["secrets"]["says"]
    assert "LOFT_WEBHOOK" in hops["configured"]["says"]
    assert Delivery.objects.get().event == "connection_test"


def test_a_wrong_path_is_reported_in_its_own_words(registered, live_server):
    registered.refresh_from_db()
    content = as_bytes({"happened": "moved", "bird": "alice", "state": "resting"})
    signature = hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()
    headers = {"X-Loft-Signature": signature, "Content-Type": "application/json"}

    answer = httpx.post(f"{live_server.url}/api/hooks/loft", content=content, headers=headers)

    assert answer.json()["wrong_path"] == f"send to {live_server.url}/api/webhooks/pigeon"
    incident = registered.incidents.get()
    assert f"LOFT_WEBHOOK={live_server.url}/api/webhooks/pigeon" in incident.cure


def test_the_schema_holds_its_webhooks(pigeon):
    document = schema.document.__wrapped__()
    [content] = document["paths"]["/api/webhooks/pigeon"]["post"]["requestBody"]["content"].values()

    assert content["schema"]["required"] == ["happened"]
    assert content["example"]["happened"] == "connection_test"
    assert "key_X-Loft-Signature" in document["components"]["securitySchemes"]


def test_the_admin_offers_it(pigeon, admin_client):
    page = admin_client.get("/admin/accounts/gateway/add/").content.decode()

    assert '<option value="pigeon">pigeon</option>' in page
    assert "pigeon: a loft of carrier pigeons" in page


def test_the_table_of_what_kinds_can_do_has_its_column(pigeon):
    assert "| `pigeon` |" in table()
    assert not capabilities_of("pigeon").can_stop


def test_it_needs_no_migration(pigeon, db):
    call_command("makemigrations", "--check", "--dry-run")


# --- what the page says -------------------------------------------------------------------------
def test_the_page_names_each_file_and_each_field_of_the_value():
    rows = set(re.findall(r"^\| `([\w.]+)` \|", made_up.PAGE, re.MULTILINE))

    assert rows == set(made_up.files()) | {"subscriptions.py"} | {
        field.name for field in fields(GatewayKind)
    }


# --- folders that are no kind -------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"kind.py": ""}, "must set KIND to a GatewayKind"),
        ({"kind.py": "KIND = 'pigeon'"}, "must set KIND to a GatewayKind"),
        ({"kind.py": "import nothing_of_this_name"}, "nothing_of_this_name"),
        ({"words.py": ""}, "pigeon.words"),
    ],
)
def test_a_folder_that_holds_no_kind_is_named(tmp_path, changed, wrong):
    folder = made_up.write(tmp_path, **changed)
    with made_up.on_the_path(tmp_path), pytest.raises(BadKind) as error:
        discover()
    assert str(folder) in str(error.value) and wrong in str(error.value)


def test_so_is_one_without_the_file_and_one_of_another_name(tmp_path):
    (made_up.write(tmp_path / "one") / "kind.py").unlink()
    with made_up.on_the_path(tmp_path / "one"), pytest.raises(BadKind, match="has no kind.py"):
        discover()
    text = made_up.files()["kind.py"].replace('name="pigeon"', 'name="dove"')
    made_up.write(tmp_path / "two", **{"kind.py": text})
    with made_up.on_the_path(tmp_path / "two"), pytest.raises(BadKind, match="called 'dove'"):
        discover()


def test_what_a_removed_kind_leaves_behind_is_none(tmp_path):
    (tmp_path / "gone" / "__pycache__").mkdir(parents=True)
    with made_up.on_the_path(tmp_path):
        assert "gone" not in discover()
