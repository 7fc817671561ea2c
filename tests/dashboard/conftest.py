"""The pages' visitors: an administrator, one who may look, one who may act, and one who may
nothing. All are staff."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from accounts.models import GatewaySecret
from gateways.registry import use_transport
from simulator import still_world
from simulator.served.transport import transport
from tests.cast import make_cast

SIMULATED_URL = "http://gateway-1:3001"


@pytest.fixture
def cast(db):
    return make_cast()


def a_visitor(username: str, *permissions: str, **fields) -> Client:
    user = User.objects.create(username=username, is_staff=True, **fields)
    names = [name.split(".") for name in permissions]
    for app, codename in names:
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def admin(cast):
    return a_visitor("root", is_superuser=True)


@pytest.fixture
def looker(cast):
    """May view accounts, and nothing else."""
    return a_visitor("laura", "accounts.view_account")


@pytest.fixture
def operator(cast):
    """May view and change accounts."""
    return a_visitor("maria", "accounts.view_account", "accounts.change_account")


@pytest.fixture
def nobody(cast):
    """Staff, without any permission."""
    return a_visitor("norman")


@pytest.fixture
def world(cast):
    """The simulated gateway behind the cast's first one."""
    cast.gateway.base_url = SIMULATED_URL
    cast.gateway.save()
    secret = GatewaySecret(gateway=cast.gateway, purpose=GatewaySecret.Purpose.API_KEY)
    secret.secret = "test-key"
    secret.save()
    world = still_world(lambda *request: 200)
    with use_transport(SIMULATED_URL, transport(world)):
        yield world
