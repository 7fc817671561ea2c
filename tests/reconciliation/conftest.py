from __future__ import annotations

import pytest

from gateways.registry import use_transport
from simulator import still_world
from simulator.served.transport import transport
from tests.cast import make_cast
from tests.reconciliation.scene import ADDRESS, make_scene


def _nobody_hears(method, path, headers, body):
    """Lose every webhook."""
    return 200


@pytest.fixture
def world():
    return still_world(_nobody_hears)


@pytest.fixture
def scene(db, world):
    with use_transport(ADDRESS, transport(world)):
        yield make_scene(make_cast(), world)


@pytest.fixture
def committed(transactional_db, world):
    """The scene, committed on connections of its own, as in production."""
    with use_transport(ADDRESS, transport(world)):
        yield make_scene(make_cast(), world)


@pytest.fixture
def during_the_list(world, monkeypatch):
    """Do something while the gateway answers with its list, as it was at the request."""
    from simulator.dialects import webjs as api

    def arrange(happens):
        answer = api._faulty_list

        def answers(world, entries):
            happens()
            return answer(world, entries)

        monkeypatch.setattr(api, "_faulty_list", answers)

    return arrange
