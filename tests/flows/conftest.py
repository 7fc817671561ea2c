from __future__ import annotations

import pytest

from gateways.registry import use_transport
from simulator.served.transport import transport
from tests.flows.story import BASE_URL, Story
from tests.flows.stream import Stream, register_numbers
from tests.instance.running import Running, until
from webhooks.auth import keyring


@pytest.fixture
def story(transactional_db, monkeypatch):
    keyring.forget()  # of earlier tests' gateways
    told = Story(monkeypatch)
    with use_transport(BASE_URL, transport(told.world)):
        yield told


@pytest.fixture(scope="session")
def streaming_workspace(shared_instance: Running) -> int:
    until(shared_instance.is_well)
    return register_numbers(shared_instance)


@pytest.fixture
def stream(running: Running, streaming_workspace: int) -> Stream:
    return Stream(running.access["url"], streaming_workspace)
