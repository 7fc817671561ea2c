"""The record of every answer to a gateway, for the route monitor."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from webhooks.route_monitor.request_log import Passage, note_passages

# The text for an answer's status if there is no other.
_CODES = {
    400: "unreadable",
    408: "too_slow",
    413: "too_large",
    415: "compressed",
    429: "postponed",
    503: "unavailable",
}


@dataclass(slots=True)
class Came:
    """The facts of one request once its gateway is known. Times by time.monotonic().

    `read_at`: the body was read; the time for that is the sender's. `handled_at`: our own
    processing was done (`is_heard`); the rest of the time, and the answer, are the backend's.
    """

    gateway_id: int | None = None
    read_at: float = 0.0
    handled_at: float | None = None
    lag_ms: float | None = None
    wrong_path: str = ""
    is_repeated: bool = False
    is_retried: bool = False
    is_unsigned: bool = False
    is_heard: bool = False


class NotesPassage(APIView):
    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Request:
        self.came = Came()
        return super().initialize_request(request, *args, **kwargs)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        if self.came.gateway_id is not None:
            note_passages(_passage(self.came, answer))
        return answer


def _passage(came: Came, answer: Response) -> Passage:
    status = 200 if came.is_heard else answer.status_code
    data = getattr(answer, "data", None)
    return Passage(
        gateway_id=came.gateway_id,
        at=timezone.now(),
        status_code=status,
        handling_ms=((came.handled_at or time.monotonic()) - came.read_at) * 1000,
        lag_ms=came.lag_ms,
        code="" if status < 300 else _CODES.get(status, f"answered_{status}"),
        why=str(data.get("reason", "")) if isinstance(data, dict) else "",
        wrong_path=came.wrong_path,
        is_repeated=came.is_repeated,
        is_retried=came.is_retried,
        is_unsigned=came.is_unsigned,
    )
