"""A route that goes wrong: found within a minute, named with its cure, told once, as is its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client

from accounts.models import Channel, Gateway, Incident, Notification
from accounts.store.redis_client import client
from simulator.world import faults
from tests.accounts.alerts.receivers import MailServer, serving
from tests.flows.story import HELD, NUMBER, Story
from tests.webhooks.sending import Sender, lost
from webhooks import misrouted, tasks
from webhooks.models import Delivery, RefusedRequest

pytestmark = pytest.mark.django_db(transaction=True)
Kind = Incident.Kind
STRANGER = "198.51.100.9"


@pytest.fixture
def mail(settings) -> Iterator[MailServer]:
    with serving(MailServer()) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server


@pytest.fixture
def route(story: Story, mail: MailServer, monkeypatch: pytest.MonkeyPatch) -> Story:
    """A healthy route; operators have a channel."""
    monkeypatch.setattr(misrouted, "_noted", {})
    channel = Channel(name="ops", kind=Channel.Kind.EMAIL)
    channel.target = "ann@example.com"
    channel.save()
    story.register(HELD, status="qr_scanning")
    faults.scan(story.world, HELD, phone_number=NUMBER)
    live(story, 60)
    assert not Incident.objects.exists()
    return story


def live(story: Story, seconds: int) -> None:
    """Time passes for the watch, too."""
    for _ in range(seconds // 20):
        story.live(20)
        tasks.watch_routes()


def speak(story: Story, times: int = 1) -> None:
    """Events that change something each time, in a second of their own: the same words signed in
    the same second are one event."""
    for _ in range(times):
        story.be_away(1)
        faults.disconnect(story.world, HELD, reason="NAVIGATION")
        ready = {"workspace_id": 1, "session_id": HELD, "phone_number": NUMBER}
        story.world.sender.send({"event": "session_ready", "data": ready})
        story.world.settle()


def told() -> list[str]:
    return list(Notification.objects.order_by("id").values_list("what", flat=True))


def the_open(kind: str) -> Incident:
    [incident] = Incident.objects.filter(closed_at__isnull=True)
    assert incident.kind == kind
    assert incident.gateway is not None and incident.gateway.name == "whatsapp-1"
    return incident


def set_right(story: Story) -> None:
    """The fault is mended; something arrives; a while passes."""
    webhooks = story.world.faults.webhooks
    webhooks.path, webhooks.wrong_secret, webhooks.clock_skew_seconds = "", False, 0.0
    speak(story)
    live(story, 80)
    speak(story)
    live(story, 20)


def test_a_wrong_path_is_named_and_nothing_is_lost(route: Story, mail: MailServer) -> None:
    route.world.faults.webhooks.path = "/api/hooks/wa"
    before = Delivery.objects.count()
    speak(route, times=5)
    assert the_open(Kind.MISROUTED).count == 1  # at once, by the first of them
    live(route, 20)
    found = the_open(Kind.MISROUTED)
    assert "whatsapp-1 sends to /api/hooks/wa: 10 events in" in found.text
    assert (found.count, told()) == (10, ["opened"])
    came = Delivery.objects.filter(path="/api/hooks/wa", state=Delivery.State.APPLIED)
    assert came.count() == Delivery.objects.count() - before == 10
    set_right(route)
    assert not route.incidents()
    assert told() == ["opened", "recovered"]
    first, last = (str(letter["Subject"]) for letter in mail.letters)
    assert first == "[Rollcall] whatsapp-1: webhooks arrive on a wrong path"
    assert last.startswith(f"{first}: over after")


def test_a_wrong_secret_is_named_and_the_roll_call_keeps_the_truth(route: Story) -> None:
    route.world.faults.webhooks.wrong_secret = True
    faults.unlink(route.world, HELD)
    speak(route, times=2)
    live(route, 40)
    found = the_open(Kind.FAILING)
    assert "the signature fits no active secret" in found.text
    assert "gateway_add --name whatsapp-1 --hmac-secret" in found.cure
    assert found.count == RefusedRequest.objects.count() >= 3
    assert route.state()[0] != "connected"
    assert told() == ["opened"]
    set_right(route)
    assert not route.incidents()
    assert told() == ["opened", "recovered"]


@pytest.mark.parametrize(("seconds", "way"), [(600, "ahead"), (-600, "behind")])
def test_a_clock_that_is_ten_minutes_off_is_measured(route: Story, seconds: int, way: str) -> None:
    route.world.faults.webhooks.clock_skew_seconds = seconds
    speak(route, times=2)
    live(route, 20)
    assert the_open(Kind.FAILING).cure.startswith("Set the clock of whatsapp-1's machine: it is")
    assert the_open(Kind.FAILING).cure.endswith(f"s {way}.")
    assert 595 <= Gateway.objects.get().route.clock_skew_seconds * (1 if seconds > 0 else -1) <= 605
    set_right(route)
    assert told() == ["opened", "recovered"]


def test_two_wrong_paths_at_once_are_one_incident_that_names_both(route: Story) -> None:
    for path in ("/a", "/b"):
        route.world.faults.webhooks.path = path
        speak(route)
    live(route, 20)
    found = the_open(Kind.MISROUTED)
    assert "/a and /b: 4 events" in found.text
    assert (found.count, told()) == (4, ["opened"])


def test_who_goes_to_and_fro_is_told_of_twice_at_most(route: Story) -> None:
    for path in ("/wrong", "") * 3:
        route.world.faults.webhooks.path = path
        speak(route)
        live(route, 80)
    assert told().count("opened") <= 2


def test_a_path_that_was_accepted_is_never_told_of_again(route: Story) -> None:
    route.world.faults.webhooks.path = "/hooks/wa"
    speak(route)
    live(route, 20)
    misrouted.accept_paths(Gateway.objects.get(), actor="ann")
    assert not route.incidents()
    speak(route, times=2)
    live(route, 80)
    assert not route.incidents()
    assert told() == ["opened", "recovered"]


def test_a_stranger_neither_opens_nor_ends_anything_in_a_gateways_name(route: Story) -> None:
    forged = Sender(secret="guessed", client=Client(REMOTE_ADDR=STRANGER))
    claims = {"x_instance_url": "http://localhost:3001", "x_forwarded_for": "127.0.0.1"}
    for path in ("/api/webhooks/webjs", "/hooks/wa"):
        for _ in range(10):
            forged.send(lost(HELD), path=path, **claims)
    live(route, 20)
    assert not Incident.objects.exists()
    route.world.faults.webhooks.wrong_secret = True
    speak(route, times=2)
    live(route, 20)
    opened = the_open(Kind.FAILING)
    forged.send(lost(HELD), **claims)
    live(route, 80)
    assert the_open(Kind.FAILING) == opened


def test_an_outage_of_our_own_accuses_nobody(route: Story) -> None:
    """The worker, and Redis with all that was noted in it, are away for three minutes."""
    for _ in range(9):
        speak(route)
        route.be_away(20)
    client().flushall()
    live(route, 120)
    assert not Incident.objects.exists()
