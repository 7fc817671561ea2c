"""A gateway's page says whether its webhooks are signed, and which were not handed on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.dashboard.admin.test_gateway_form import page_of
from tests.dashboard.pages import words
from tests.webhooks.sending import give_secret
from webhooks.models import Delivery, Forward, Route


def a_forward(cast, *, minutes: int, error: str = "", **fields) -> None:
    delivery = Delivery.objects.create(
        gateway=cast.gateway,
        event="session_ready",
        session_id="alice",
        received_at=cast.ago(minutes * 60),
    )
    fields = {"next_attempt_at": cast.now + timedelta(seconds=60)} | fields
    Forward.objects.create(delivery=delivery, gateway=cast.gateway, error=error, **fields)


def test_it_says_that_unsigned_webhooks_are_accepted_and_when_one_came(admin, cast):
    assert "accepts unsigned webhooks, none came" in words(admin.get(page_of(cast.gateway)))
    Route.objects.create(gateway=cast.gateway, last_unsigned_at=cast.ago(180))
    page = words(admin.get(page_of(cast.gateway)))
    assert "accepts unsigned webhooks, last one 3 min ago" in page


def test_it_says_when_only_signed_ones_are_and_when_none_can_be(admin, cast):
    cast.gateway.require_signature = True
    cast.gateway.save()
    assert "there is no secret to check them with" in words(admin.get(page_of(cast.gateway)))
    give_secret(cast.gateway, "hmac", "s3cret")
    assert "only signed webhooks are believed" in words(admin.get(page_of(cast.gateway)))


def test_it_says_nothing_of_handing_on_where_nothing_is(admin, cast):
    assert "Handed on to" not in words(admin.get(page_of(cast.gateway)))


def test_it_says_where_to_without_what_may_be_a_secret(admin, cast):
    cast.gateway.forward_url = "https://crm.example.com/hook?key=k3y"
    cast.gateway.save()
    page = words(admin.get(page_of(cast.gateway)))
    assert "Handed on to https://crm.example.com/hook nothing waits" in page


def test_it_names_what_waits_and_why(admin, cast):
    cast.gateway.forward_url = "https://crm.example.com/hook"
    cast.gateway.save()
    a_forward(cast, minutes=4, error="the backend answered 503", attempts=3)
    a_forward(cast, minutes=3)
    page = words(admin.get(page_of(cast.gateway)))
    assert "2 state events on the way, the oldest for 4 min" in page
    assert "4 min ago session_ready alice: the backend answered 503 (3 attempts" in page


def test_it_names_what_was_given_up(admin, cast):
    a_forward(cast, minutes=150, error="its gateway has no forward URL", next_attempt_at=None)
    page = words(admin.get(page_of(cast.gateway)))
    assert "Handed on to nobody any more" in page
    assert (
        "1 given up" in page
        and "3 h ago session_ready alice: its gateway has no forward URL" in page
    )


@pytest.mark.parametrize("error", ["<script>", "\u202e"])
def test_an_error_is_shown_as_text(admin, cast, error):
    a_forward(cast, minutes=1, error=error)
    assert error not in admin.get(page_of(cast.gateway)).content.decode().split("rc-gateway")[1]
