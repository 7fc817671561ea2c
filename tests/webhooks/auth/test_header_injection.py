"""A line break in what a gateway says makes no header, of a letter or of a request, and no line."""

from __future__ import annotations

import pytest

from accounts.alerts.outbox import tell_channel
from accounts.models import Gateway, Incident
from tests.accounts.alerts.receivers import MailServer, a_channel, serving
from tests.webhooks.forwarding.backends import a_backend
from tests.webhooks.sending import KEY, Sender, as_bytes, event, lost
from webhooks import misrouted
from webhooks.forwarding.sender import send_forwards
from webhooks.models import Delivery

EVIL = "x\r\nBcc: evil@example.com\r\n\r\nEvil: yes\x00\u2028"


@pytest.fixture
def mail(settings):
    with serving(MailServer()) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server


def test_in_what_it_says_of_a_session(sender):
    sender.send(lost(EVIL, EVIL, phone_number=EVIL, workspace_id=EVIL))
    sender.send(event(EVIL, EVIL, status=EVIL))
    for row in Delivery.objects.values():
        assert not {"\r", "\n", "\x00"} & set(str(list(row.values())).replace("\\n", "\n")), row


def test_in_a_path_that_an_alert_quotes(cast, sender, mail, monkeypatch):
    monkeypatch.setattr(misrouted, "_noted", {})
    channel = a_channel()
    path = "/api/hooks%0d%0aBcc:%20evil@example.com%0d%0a%0d%0aEvil"
    assert sender.send(lost(), path=path).status_code == 200
    assert Incident.objects.get().kind == "misrouted"
    tell_channel(channel.pk)
    [letter] = mail.letters
    assert letter["Bcc"] is None and mail.recipients == [["ann@example.com"]]
    assert "\nBcc:" not in letter.get_content()


def test_in_a_gateway_s_name(cast, sender, mail, monkeypatch):
    monkeypatch.setattr(misrouted, "_noted", {})
    Gateway.objects.filter(pk=cast.gateway.pk).update(name=EVIL.replace("\x00", ""))
    channel = a_channel()
    sender.send(lost(), path="/api/webhooks/whatsapp-webjs")
    tell_channel(channel.pk)
    [letter] = mail.letters
    assert letter["Bcc"] is None and mail.recipients == [["ann@example.com"]]


@pytest.mark.django_db(transaction=True)
def test_in_a_header_that_is_handed_on(cast):
    """The worst that a server lets through: no line break, but all other characters."""
    with a_backend() as backend:
        Gateway.objects.filter(pk=cast.gateway.pk).update(forward_url=backend.url)
        odd = {"X-API-Key": KEY, "X-Instance-Url": "http://a\x0b\x85\x00b", "User-Agent": "\xff\t"}
        answer = Sender().post(as_bytes(lost()), odd)
        assert answer.status_code == 200
        send_forwards()
        assert Delivery.objects.get().state == "applied"
        assert all("\n" not in value for one in backend.arrived for value in one.headers.values())
        row = Delivery.objects.get()
        assert backend.arrived or row.forward.error
