"""No secret and no message gets out: every fault of the simulator, webhooks of every kind on right
and wrong paths, every page, command and metric; and then every place is searched."""

from __future__ import annotations

import io
import json
import logging
import re
from collections import deque

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.alerts.outbox import sweep_notifications
from accounts.incidents.incidents import open_incident
from accounts.models import Gateway, Incident
from gateways.registry import KINDS, use_transport
from reconciliation.tasks import call_roll
from simulator import still_world
from simulator.served import control
from simulator.served.transport import transport
from simulator.state.settings import WebhookFaults
from tests.accounts.alerts.receivers import HookServer, MailServer, a_channel, serving
from tests.cast import make_cast
from tests.flows.canaries import Canaries, kept_in_redis, logged, of_this_instance, rows
from tests.simulator.simulated import ask, connected, waiting
from tests.webhooks.sending import Sender, event, give_secret, signed
from tests.webhooks.speaking import (
    LOST,
    a_gateway_of,
    as_bytes,
    evolution_claims,
    jwt_of,
    post,
    waha_headers,
)
from webhooks import tasks as webhook_tasks
from webhooks.auth import keyring
from webhooks.models import Delivery

URL = "http://gateway-1:3001"
MESSAGES = {
    "webjs": event("message_received", message={"body": "TEXT", "from": "TEXT"}, note="TEXT"),
    "wwebjs_api": {"dataType": "message", "sessionId": "alice", "data": {"message": "TEXT"}},
    "waha": {"event": "message", "session": "alice", "payload": {"body": "TEXT", "from": "TEXT"}},
    "evolution": {
        "event": "messages.upsert",
        "instance": "alice",
        "apikey": "KEY",
        "data": {"message": {"conversation": "TEXT"}},
    },
    "wppconnect": {"event": "onmessage", "session": "alice", "body": "TEXT", "token": "KEY"},
    "standard": {"type": "message.received", "data": {"session_id": "alice", "text": "TEXT"}},
}


@pytest.fixture
def canaries(transactional_db, settings, caplog):
    keyring.forget()
    caplog.set_level(logging.DEBUG)
    canaries = Canaries(dict(of_this_instance()))
    settings.METRICS_TOKEN = canaries.new("metrics_token")
    canaries.watch_tasks()
    yield canaries
    keyring.forget()


@pytest.fixture
def receivers(settings, canaries):
    """A mail server, and a web hook whose address is a secret."""
    with serving(MailServer()) as mail, serving(HookServer()) as hook:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", mail.port
        settings.EMAIL_HOST_PASSWORD = canaries.new("mail_password")
        port = hook.server_address[1]
        a_channel("mail")
        a_channel("hook", target=f"json://127.0.0.1:{port}/{canaries.new('channel_token')}")
        a_channel("broken", target=f"json://127.0.0.1:1/{canaries.new('channel_broken')}")
        yield mail, hook


@pytest.fixture
def fleet(canaries):
    """A gateway of every kind with secrets of its own; the first one is simulated."""
    cast = make_cast()
    first = cast.gateway
    Gateway.objects.filter(pk=first.pk).update(base_url=URL)
    for purpose in ("hmac", "api_key", "path"):
        give_secret(first, purpose, canaries.new(f"webjs_{purpose}"))
    for kind in list(KINDS)[1:]:
        names = ("hmac", "api_key", "path")
        a_gateway_of(cast, kind, **{name: canaries.new(f"{kind}_{name}") for name in names})
    world = still_world(
        _deliver,
        api_key=canaries.by_name["webjs_api_key"],
        hmac_secret=canaries.by_name["webjs_hmac"],
        control_key=canaries.new("control_key"),
        instance_url=URL,
    )
    with use_transport(URL, transport(world)):
        yield cast, world


def _deliver(method, path, headers, body) -> int:
    named = {"content_type": headers["Content-Type"], "headers": headers}
    return Client(raise_request_exception=False).generic(method, path, body, **named).status_code


# --- what happens ---------------------------------------------------------------------------------
def run_the_simulator(cast, world) -> None:
    """Everything that it can do wrong, with a roll call after each."""
    for verb in control.SESSION_VERBS:
        make = waiting if verb == "scan" else connected
        make(world, f"for-{verb}")
        _order(world, f"sessions/for-{verb}/{verb}", _given(verb))
    call_roll(cast.gateway.pk)
    for fault in control.LIST_FAULTS:
        _order(world, "list", {"fault": fault, "keeps": 1})
        call_roll(cast.gateway.pk)
    for fault in WebhookFaults.__dataclass_fields__:
        given = {"path": "/api/wrong"} if fault == "path" else {fault: True}
        if fault in ("drop", "duplicate", "delay_seconds", "reorder", "clock_skew_seconds"):
            given = {fault: 900 if fault == "clock_skew_seconds" else 1}
        _order(world, "webhooks", given)
        _order(world, "webhooks/send", event("session_disconnected", reason="NAVIGATION"))
    _order(world, "webhooks", {})
    for verb in ("freeze", "thaw", "stop", "start", "restart"):
        _order(world, f"gateway/{verb}", {})
        call_roll(cast.gateway.pk)
    _order(world, "reset", {})


def _given(verb: str) -> dict[str, object]:
    names = control.SESSION_VERBS[verb][0]
    values = {"phone_number": "62811801641", "reason": "CONFLICT", "status": "connected"}
    return {name: values[name] for name in names if name in values} | (
        {"error": "boom"} if "error" in names else {}
    )


def _order(world, path: str, given: dict[str, object]) -> None:
    """Order a fault as the control interface does; an impossible one is refused, which is fine."""
    headers = {"X-Control-Key": world.settings.control_key}
    ask(world, "POST", f"/_control/{path}", given, headers=headers)


def speak(canaries: Canaries) -> None:
    """Send each kind, in each way, on right and wrong paths, with valid and invalid credentials."""
    for kind in KINDS:
        text = json.dumps(MESSAGES[kind]).replace("TEXT", canaries.new(f"{kind}_message"))
        message = text.replace("KEY", canaries.by_name[f"{kind}_api_key"]).encode()
        own = {name: canaries.by_name[f"{kind}_{name}"] for name in ("hmac", "api_key", "path")}
        for body in (message, as_bytes(LOST[kind]), message[:-9], b'{"odd":1}'):
            for headers in (_proofs(kind, own, body), _proofs(kind, own | {"hmac": "no"}, body)):
                _say(canaries, post(kind, body, **headers))
                _say(canaries, post(kind, body, token=own["path"], **headers))
                _say(canaries, post(kind, body, path="/api/elsewhere", **headers))
            _say(canaries, post(kind, body, x_api_key=own["api_key"]))
            _say(canaries, post(kind, body, authorization=f"Bearer {own['api_key']}"))
            _say(canaries, post(kind, body, path=f"/api/webhooks/{kind}?key={own['api_key']}"))
            _say(canaries, post("unheard-of", body, token=own["path"]))
            for path in ("/api/webhooks/{}/{}x", "/webhooks/{}/{}", "/api/hooks/{}/{}", "/{1}"):
                _say(canaries, post(kind, body, path=path.format(kind, own["path"])))


def _proofs(kind: str, own: dict[str, str], body: bytes) -> dict[str, str]:
    if kind == "waha":
        return waha_headers(body, secret=own["hmac"])
    if kind == "evolution":
        return {"authorization": f"Bearer {jwt_of(evolution_claims(), own['hmac'])}"}
    return {name.replace("-", "_"): text for name, text in signed(own["hmac"], body).items()}


def _say(canaries: Canaries, answer) -> None:
    canaries.look_at("answer", answer.content.decode())


def show_a_qr_code(canaries: Canaries, sender: Sender) -> None:
    picture = f"data:image/png;base64,{canaries.new('qr_code')}"
    sender.send(event("qr_code_generated", "bob", qr_code=picture, expires_in=600))
    sender.send(event("qr_code_generated", "nobody", qr_code=picture, expires_in=600))
    sender.send(event("session_ready", "bob", pairing_code=canaries.new("pairing_code")))
    sender.send(event("qr_code_generated", "bob", qr_code=picture, expires_in=600))


def let_the_tasks_run() -> None:
    for task in ("flush_passages", "watch_routes", "flush_signs_of_life", "sweep_pending"):
        getattr(webhook_tasks, task).delay()
    for kind in (Incident.Kind.SLOW, Incident.Kind.CHANNEL):
        open_incident(kind, text="for the sake of its notice")
    sweep_notifications()


# --- where it is looked for -----------------------------------------------------------------------
def read_the_pages(canaries: Canaries, *, at_most: int = 220) -> int:
    """Follow the admin's own links from page to page, as its administrator."""
    client = Client()
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    kinds: dict[str, int] = {}
    waiting_, seen = deque(["/admin/", "/", "/health", "/api/schema"]), set()
    while waiting_ and len(seen) < at_most:
        path = waiting_.popleft()
        shape = re.sub(r"\d+", "N", path.partition("?")[0])
        kinds[shape] = kinds.get(shape, 0) + 1
        if path in seen or kinds[shape] > 3 or "logout" in path:
            continue
        seen.add(path)
        answer = client.get(path)
        page = answer.content.decode(errors="replace") if not answer.streaming else ""
        name = "page of the account that waits" if _shows_qr(path) else "page"
        canaries.look_at(f"{name} {path}", page)
        waiting_.extend(link for link in re.findall(r'href="(/admin/[^"#]*)"', page))
    return len(seen)


def _shows_qr(path: str) -> bool:
    return re.fullmatch(r"/admin/accounts/account/\d+/change/(\?.*)?", path) is not None


def run_the_commands(canaries: Canaries) -> None:
    for words in (
        *("monitor_sessions", "monitor_sessions --json", "monitor_sessions --plan"),
        *("incidents", "incidents --json --all", "deliveries", "deliveries --json --limit 500"),
        *("deliveries --redeliver --plan --state dead", "deliveries --redeliver --state dead"),
        *("account_explain bob", "account_explain bob --json", "channel_test hook"),
        *("channel_test broken", "gateway_mode whatsapp-1 act", "check --database default"),
        *(f"webhook_check --gateway {name} --json" for name in _gateways()),
        f"gateway_add --name whatsapp-1 --api-key {canaries.by_name['webjs_api_key']}",
        f"gateway_add --name whatsapp-1 --hmac-secret {canaries.by_name['webjs_hmac']} --json",
        f"channel_add --name hook --apprise json://127.0.0.1:1/{canaries.new('channel_next')}",
        f"channel_add --name odd --apprise odd://{canaries.new('channel_odd')}",
    ):
        canaries.look_at(words.split()[0], _run(*words.split()))


def _gateways() -> list[str]:
    return list(Gateway.objects.values_list("name", flat=True))


def _run(*words: str) -> str:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(*words, stdout=out, stderr=err)
    except (CommandError, SystemExit) as error:
        return f"{out.getvalue()} {err.getvalue()} {error}"
    return out.getvalue() + err.getvalue()


def look_everywhere(canaries: Canaries, caplog, client, receivers) -> None:
    mail, hook = receivers
    canaries.look_at("log", logged(caplog.records))
    for table, text in rows():
        canaries.look_at(f"table {table}", text)
    for key, text in kept_in_redis(client):
        canaries.look_at(f"redis {key}", text)
    canaries.look_at("task arguments", "\n".join(canaries.task_arguments))
    canaries.look_at("mails", "\n".join(letter.as_string() for letter in mail.letters))
    canaries.look_at("notices", json.dumps(hook.taken))
    token = canaries.by_name["metrics_token"]
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    canaries.look_at("metrics", answer.content.decode())


def test_no_secret_and_no_message_gets_out(canaries, receivers, fleet, caplog, throwaway_redis):
    cast, world = fleet
    sender = Sender(secret=canaries.by_name["webjs_hmac"])
    run_the_simulator(cast, world)
    speak(canaries)
    show_a_qr_code(canaries, sender)
    look_everywhere(canaries, caplog, throwaway_redis, receivers)
    let_the_tasks_run()
    pages = read_the_pages(canaries)
    run_the_commands(canaries)
    look_everywhere(canaries, caplog, throwaway_redis, receivers)

    assert canaries.found() == []
    # It was no walk in an empty house.
    assert pages > 60 and len(canaries.by_name) > 30 and len(canaries.task_arguments) > 20
    assert Delivery.objects.count() > 40 and receivers[0].letters and receivers[1].taken
    assert any(place.endswith(f"rollcall:qr:{cast.bob.pk}") for place in canaries.places)


def test_a_leak_would_be_found_wherever_it_was(canaries, caplog, throwaway_redis):
    """Otherwise the test above could not fail."""
    leaks = {
        "log": lambda value: logging.getLogger("webhooks").warning("it sent %s", value),
        "table": lambda value: open_incident("slow", text=value),
        "redis": lambda value: throwaway_redis.set("rollcall:leak", value),
        "task arguments": lambda value: canaries._note_task("confirm", (value,)),
        "page": lambda value: canaries.look_at("page /admin/", f"<td>{value}</td>"),
        "a path": lambda value: canaries.look_at("a path", f"/api/%20{value}"),
    }
    for place, leak in leaks.items():
        leak(canaries.new(f"leak_{place}"))
    with serving(MailServer()) as mail, serving(HookServer()) as hook:
        look_everywhere(canaries, caplog, throwaway_redis, (mail, hook))

    assert {name.split(" in ")[0] for name in canaries.found()} == {
        f"leak_{name}" for name in leaks
    }
