from __future__ import annotations

import json

import pytest

from gateways.kinds.webjs.client import WebjsClient
from simulator import still_world
from simulator.served.transport import transport

BASE_URL = "http://localhost:3001"


class Backend:
    """A receiver of the simulator's webhooks: it stores them, answers `status`, or raises."""

    def __init__(self):
        self.requests = []
        self.answers = []  # statuses or exceptions for the next ones; then 200

    def __call__(self, method, path, headers, body):
        self.requests.append((method, path, dict(headers), body))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def bodies(self):
        return [json.loads(body) for _, _, _, body in self.requests]

    @property
    def events(self):
        return [body["event"] for body in self.bodies]


@pytest.fixture
def backend():
    return Backend()


@pytest.fixture
def world(backend):
    return still_world(backend)


@pytest.fixture
def client(world):
    return WebjsClient(BASE_URL, api_key="test-key", transport=transport(world))
