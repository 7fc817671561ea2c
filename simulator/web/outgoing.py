"""The simulator's own network calls: webhooks out, questions to the backend."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from gateways.kinds.webjs.words import KEY_HEADER
from simulator.webhooks import Deliver
from simulator.world.world import Backend

# The Node service's own limit. Longer answers are cut: nothing reads them.
TIMEOUT_SECONDS = 10.0
MAX_ANSWER_BYTES = 4 * 1024 * 1024


class NoAnswer(OSError):
    """No answer, or one that is not HTTP."""


def over_network(base_url: str) -> Deliver:
    """Send to any path of `base_url`. Raise OSError if there is no answer."""

    def deliver(method: str, path: str, headers: Mapping[str, str], body: bytes) -> int:
        status, _ = _exchange(base_url, method, path, headers, body)
        return status

    return deliver


def backend_at(base_url: str, *, api_key: str) -> Backend:
    """Ask the backend as the Node service does: the key in a header, or as a bearer token."""

    def ask(
        method: str, path: str, body: Mapping[str, object] | None, bearer: bool
    ) -> tuple[int, object]:
        headers = {"Authorization": f"Bearer {api_key}"} if bearer else {KEY_HEADER: api_key}
        content = b"" if body is None else json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
        status, answer = _exchange(base_url, method, path, headers, content)
        return status, _json_of(answer)

    return ask


def _exchange(
    base_url: str, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, bytes]:
    parts = urlsplit(base_url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, path, body=body or None, headers=dict(headers))
        response = connection.getresponse()
        return response.status, response.read(MAX_ANSWER_BYTES)
    except http.client.HTTPException as error:
        raise NoAnswer(type(error).__name__) from None
    finally:
        connection.close()


def _json_of(content: bytes) -> object:
    try:
        answer: object = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return answer
