"""A gateway's form says how its webhooks are taken, and offers every kind."""

from __future__ import annotations

import pytest

from accounts.models import Gateway
from gateways.registry import KINDS
from tests.dashboard.admin.test_gateway_form import ADD, a_form, page_of


@pytest.mark.parametrize("kind", KINDS)
def test_it_offers_every_kind(admin, kind):
    assert f'<option value="{kind}"' in admin.get(ADD).content.decode()
    admin.post(ADD, a_form(kind=kind))
    assert Gateway.objects.get(name="new").kind == kind


def test_it_keeps_how_webhooks_are_taken_and_shows_it_again(admin):
    taken = {
        "require_signature": "on",
        "forward_url": "http://crm:8080/hook",
        "accepted_paths": "/api/hooks/wa\r\n\r\n/api/hooks/wa\r\n/other",
    }
    admin.post(ADD, a_form(**taken))

    gateway = Gateway.objects.get(name="new")
    assert (gateway.require_signature, gateway.forward_url) == (True, taken["forward_url"])
    assert gateway.accepted_paths == ["/api/hooks/wa", "/other"]
    assert "/api/hooks/wa\n/other</textarea>" in admin.get(page_of(gateway)).content.decode()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"accepted_paths": "hooks"}, "is no path"),
        ({"forward_url": "https://u:p@crm.example.com"}, "leave name and password out"),
        ({"forward_url": "http://localhost:8000/x"}, "in circles"),
        ({"kind": "wppconnect", "require_signature": "on"}, "sign nothing"),
        ({"kind": "fax"}, "There is no such kind"),
        ({"secrets": [("path", "a/b")]}, "one segment of an address"),
    ],
)
def test_what_cannot_be_is_said(admin, fields, says, settings):
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    assert says in admin.post(ADD, a_form(**fields)).content.decode()
    assert not Gateway.objects.filter(name="new").exists()
