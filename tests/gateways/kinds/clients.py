"""One client of each kind, over any answer."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from gateways.base import Client
from gateways.kinds.wppconnect.client import _tokens
from gateways.registry import clients

KEY = "admin-key-of-the-gateway"
Answering = Callable[[httpx.Request], httpx.Response]


def client(kind: str, answer: Answering) -> Client:
    """Return a client whose gateway gives these answers; WPPConnect's tokens are handled."""
    _tokens.clear()

    def answered(call: httpx.Request) -> httpx.Response:
        if call.url.path.endswith("/generate-token"):
            return httpx.Response(201, json={"token": "a-token"})
        return answer(call)

    transport = httpx.MockTransport(answered)
    return clients()[kind]("http://gateway:3000", api_key=KEY, transport=transport)


class Gateway:
    """Answers by the path's last words that are known; `asked` keeps what was asked. An answer may
    be (status, JSON), an exception, or a function of the call."""

    def __init__(self, **answers):
        self.answers = {name.replace("_", "-"): answer for name, answer in answers.items()}
        self.asked = []

    def __call__(self, call: httpx.Request) -> httpx.Response:
        path = call.url.path
        self.asked.append(f"{call.method} {path}")
        for part in reversed(path.strip("/").split("/")):
            if part in self.answers:
                return self._given(self.answers[part], call)
        return httpx.Response(404, json={"error": f"no {path}"})

    def _given(self, answer, call):
        if isinstance(answer, type) and issubclass(answer, Exception):
            raise answer("", request=call)
        status, body = answer
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        return httpx.Response(status, **content)
