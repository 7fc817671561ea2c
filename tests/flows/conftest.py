from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateways.registry import use_transport
from gateways.simulator import transport
from tests.flows.story import BASE_URL, Story
from tests.flows.stream import Stream, register_numbers
from tests.instance.running import Running
from webhooks import keyring


@pytest.fixture
def story(transactional_db, monkeypatch):
    keyring.forget()  # of earlier tests' gateways
    told = Story(monkeypatch)
    with use_transport(BASE_URL, transport(told.world)):
        yield told


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One real instance for the few stories that need processes."""
    instance = Running(tmp_path_factory.mktemp("instance") / "state")
    try:
        instance.until_said("READY")
        yield instance
    finally:
        instance.close()


@pytest.fixture(scope="session")
def streaming_workspace(running: Running) -> int:
    return register_numbers(running)


@pytest.fixture
def stream(running: Running, streaming_workspace: int) -> Stream:
    return Stream(running.access["url"], streaming_workspace)
