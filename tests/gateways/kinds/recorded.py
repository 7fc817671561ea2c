"""The traffic recorded from the real Node service, and clients that answer from it."""

from __future__ import annotations

import json
from pathlib import Path

import httpx

from gateways.kinds.webjs.client import WebjsClient

FOLDER = Path(__file__).parents[2] / "captures" / "node-service"
API_KEY = "test-key"
SECRET = "test-secret"


def calls() -> list[dict]:
    """Return every recorded call of its API, with its answer."""
    found = _lines("01-lifecycle-and-faults.api.jsonl")
    return [line for line in found if "answer" in line]


def webhooks() -> list[dict]:
    """Return every recorded webhook, as received."""
    return _lines("01-lifecycle-and-faults.webhooks.jsonl")


def call(label: str) -> dict:
    return next(line for line in calls() if line["label"] == label)


def answering(status: int, content: bytes | str, **headers: str) -> WebjsClient:
    """A client whose gateway always gives this one answer."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=content, headers=headers)

    transport = httpx.MockTransport(answer)
    return WebjsClient("http://gateway:3001", api_key=API_KEY, transport=transport)


def answering_as(label: str) -> WebjsClient:
    line = call(label)
    return answering(line["status"], line["answer"])


def _lines(name: str) -> list[dict]:
    return [json.loads(line) for line in (FOLDER / name).read_text().splitlines()]
