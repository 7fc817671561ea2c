"""What lies between Rollcall and its gateways: answers take their time or never come, webhooks are
lost, doubled, late, out of order or sent elsewhere."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from django.http import HttpResponse
from django.template.response import SimpleTemplateResponse
from django.test import RequestFactory
from django.urls import resolve

from gateways.kinds.webjs.words import KEY_HEADER
from simulator.served.api import application
from simulator.world.world import ProcessState, World
from tests.simulation.engine.hub import Actor, Hub, current_task
from tests.simulation.kinds import CHANGES, Call, Kind


@dataclass(slots=True)
class Line:
    """Between us and one gateway. Latencies in seconds, there and back."""

    least: float = 0.004
    most: float = 0.06
    is_cut: bool = False
    # Of one webhook.
    lost: float = 0.01
    late: float = 0.02
    doubled: float = 0.01
    elsewhere: float = 0.0
    late_seconds: float = 40.0


@dataclass(slots=True)
class Taken:
    """A webhook that was answered 2xx: committed, says the promise."""

    at: datetime
    delivery: int | None
    state: str
    gateway: int


@dataclass(frozen=True, slots=True, eq=False)
class Calling:
    """A call of ours that is under way, and the task, or whoever else, that makes it."""

    call: Call
    text: str
    task: Actor

    @property
    def by(self) -> str:
        return self.task.name


class Wire(httpx.BaseTransport):
    """HTTP to one gateway. The request is heard by it even where we have given up waiting."""

    def __init__(
        self, hub: Hub, world: World, line: Line, source: random.Random, kind: Kind
    ) -> None:
        self.hub, self.world, self.line, self.random, self.kind = hub, world, line, source, kind
        self.on_touch: Callable[[], None] = lambda: None
        self.on_call: Callable[[Calling, list[Calling]], None] = lambda calling, under_way: None
        self.under_way: list[Calling] = []
        self._wsgi = httpx.WSGITransport(app=application(world))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        call = self.kind.call_of(request.method, path, request.content)
        calling = Calling(call, f"{request.method} {path}", current_task())
        self.on_call(calling, self.under_way)
        self.under_way.append(calling)
        try:
            return self._wait_for_answer(request, call)
        finally:
            self.under_way.remove(calling)

    def _wait_for_answer(self, request: httpx.Request, said: Call) -> httpx.Response:
        waits = request.extensions.get("timeout", {}).get("read") or 60.0
        if self.line.is_cut or self.world.state is ProcessState.FROZEN:
            self.hub.sleep(waits)
            raise httpx.ReadTimeout("nobody answers", request=request)
        there = self.random.uniform(self.line.least, self.line.most) / 2
        call = self.hub.spawn(lambda: self._serve(request, said), "call", seconds=there)
        if not self.hub.wait([call], at_most=waits):
            raise httpx.ReadTimeout("no answer", request=request)
        if call.error is not None:
            raise call.error
        response: httpx.Response = call.result
        return response

    def _serve(self, request: httpx.Request, said: Call) -> httpx.Response:
        if said.verb in CHANGES:
            self.on_touch()  # what it does before it answers is seen as well
        try:
            response = self._wsgi.handle_request(request)
            response.read()
        finally:
            if said.verb in CHANGES:
                self.on_touch()
        self.hub.sleep(self.random.uniform(self.line.least, self.line.most) / 2)
        return httpx.Response(
            response.status_code, headers=response.headers, content=response.content
        )


@dataclass(slots=True)
class Post:
    """Webhooks of one gateway, on their way to our own view."""

    hub: Hub
    gateway_id: int
    key: str
    line: Line
    random: random.Random
    taken: list[Taken] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    on_error: Callable[[str, BaseException], None] = lambda name, error: None
    web_is_down: bool = False

    def deliver(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """Implement simulator.webhooks.Deliver."""
        line, chance = self.line, self.random.random
        if line.is_cut or self.web_is_down:
            raise OSError("nobody answers")
        if chance() < line.lost:
            return 200
        if chance() < line.elsewhere:
            path = "/whatsapp/webhook"
        if chance() < line.doubled:
            self._later(self.random.uniform(0.05, 5), method, path, headers, body)
        if chance() < line.late:
            self._later(self.random.uniform(0.5, line.late_seconds), method, path, headers, body)
            return 200
        return self._hand_over(method, path, headers, body)

    def _later(self, seconds: float, *letter: Any) -> None:
        self.hub.after(seconds, lambda: self._hand_over_if_up(*letter), "webhook")

    def _hand_over_if_up(self, *letter: Any) -> None:
        if not self.web_is_down:
            self._hand_over(*letter)

    def _hand_over(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> int:
        now = self.hub.clock.now
        try:
            answer = self._answer(method, path, headers, body)
        except Exception as error:
            self.on_error(f"webhook {path}", error)
            return 500
        self.answers[answer.status_code] += 1
        if answer.status_code == 200:
            self._remember(now, answer)
        return answer.status_code

    def ask(
        self, method: str, path: str, body: Mapping[str, object] | None, bearer: bool
    ) -> tuple[int, object]:
        """Implement simulator.world.world.Backend: the Node service's questions to its backend."""
        if self.line.is_cut or self.web_is_down:
            raise OSError("nobody answers")
        name, value = ("Authorization", f"Bearer {self.key}") if bearer else (KEY_HEADER, self.key)
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", name: value}
        answer = self._answer(method, path, headers, content)
        return answer.status_code, json.loads(answer.content)

    def _answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> HttpResponse:
        request = RequestFactory().generic(
            method, path, body, content_type=headers["Content-Type"], headers=dict(headers)
        )
        match = request.resolver_match = resolve(path)
        answer: HttpResponse = match.func(request, *match.args, **match.kwargs)
        if isinstance(answer, SimpleTemplateResponse):
            answer.render()
        return answer

    def _remember(self, now: datetime, answer: HttpResponse) -> None:
        said = json.loads(answer.content)
        if "delivery" in said:
            self.taken.append(Taken(now, said["delivery"], said["state"], self.gateway_id))
