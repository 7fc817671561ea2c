"""An operator may decide a mass loss at once."""

from __future__ import annotations

import uuid

import pytest
from django.urls import reverse

from accounts.models import Transition
from accounts.operators.confirm_loss import confirm_loss, dismiss_loss
from accounts.words.refusals import Refused
from accounts.words.status import Source, Status
from gateways.base import Reason
from tests.cast import story

LOST = (Status.DISCONNECTED, Reason.MISSING)
DISMISSED = (Status.UNKNOWN, Reason.LOSS_DISMISSED)


@pytest.fixture
def lost(scene):
    """Lose three of four; they are held."""
    accounts = scene.accounts(3)
    scene.kept = dict(scene.world.sessions)
    scene.loses(*accounts)
    scene.call_roll()
    return accounts


def test_confirmed_they_are_disconnected_at_once(scene, lost):
    confirm_loss(scene.gateway, actor="olga")

    assert scene.says(*lost) == [LOST] * 3
    assert scene.open_incidents() == []
    last = Transition.objects.filter(account=lost[0]).first()
    assert (last.source, last.actor) == (Source.OPERATOR, "olga")
    assert scene.call_roll().is_in_sync


def test_dismissed_they_stay_unknown_however_long_the_lists_agree(scene, lost):
    dismiss_loss(scene.gateway, actor="olga")
    for _ in range(6):
        scene.passes(20)
        scene.call_roll()
        scene.sweep()

    assert scene.says(*lost) == [DISMISSED] * 3
    assert scene.open_incidents() == []
    assert {finding.held for finding in scene.call_roll().findings} == {True}


def test_dismissed_they_are_connected_as_soon_as_a_list_shows_them(scene, lost):
    dismiss_loss(scene.gateway, actor="olga")
    scene.world.sessions |= scene.kept

    scene.call_roll()

    assert scene.says(*lost) == [(Status.CONNECTED, "")] * 3
    assert story(lost[0]) == [
        ("connected", "unknown"),
        ("unknown", "unknown"),  # for another reason: the loss was dismissed
        ("unknown", "connected"),
    ]


def test_what_was_dismissed_may_be_confirmed_after_all(scene, lost):
    dismiss_loss(scene.gateway, actor="olga")

    confirm_loss(scene.gateway, actor="olga")

    assert scene.says(*lost) == [LOST] * 3


def test_where_nothing_waits_for_a_word_it_is_refused(scene):
    for verb in (confirm_loss, dismiss_loss):
        with pytest.raises(Refused):
            verb(scene.gateway, actor="olga")


@pytest.mark.parametrize(
    ("verb", "says", "becomes"),
    [
        ("confirm-loss", "would be disconnected", LOST),
        ("dismiss-loss", "would stay unknown", DISMISSED),
    ],
)
def test_in_the_admin_it_is_done_after_a_confirmation(
    scene, lost, admin_client, verb, says, becomes
):
    page = reverse("admin:accounts_gateway_change", args=[scene.gateway.pk])
    act = reverse("admin:accounts_gateway_act", args=[verb])
    assert act in admin_client.get(page).content.decode()
    asked = {"ids": scene.gateway.pk}

    asks = admin_client.post(act, asked)
    assert f"3 of its accounts {says}" in asks.content.decode()
    assert scene.says(*lost) == [(Status.UNKNOWN, Reason.MASS_LOSS_UNCONFIRMED)] * 3
    admin_client.post(act, asked | {"form": uuid.uuid4(), "confirmed": "yes"})

    assert scene.says(*lost) == [becomes] * 3
    assert act not in admin_client.get(page).content.decode()
