"""The error answers: every one is JSON with a reason for a human; none is a bare 500."""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from psycopg_pool import PoolTimeout
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import exception_handler

from gateways.base import webhook_path
from gateways.registry import KINDS
from gateways.wire.untrusted import printable
from webhooks.wire.bodies import BodyRefused

logger = logging.getLogger(__name__)
NOT_NOW = "Rollcall cannot write this down just now: send it again"
RETRY_AFTER_SECONDS = 2


class Ambiguous(APIException):
    """A key that several gateways share, without a hint at the sender."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "ambiguous_gateway"


class Unreadable(APIException):
    """An authenticated body that is not in the gateway's format."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "unreadable"


class TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


def answer_exception(error: Exception, context: dict[str, Any]) -> Response:
    """Handle an exception for DRF in one shape: {"success": false, "reason": …}."""
    if isinstance(error, BodyRefused):
        return _refusal(error.status_code, error.reason, retry_after=error.retry_after)
    if isinstance(error, DatabaseError | PoolTimeout):
        logger.error("a call was not written down: %s", type(error).__name__)
        return _refusal(503, NOT_NOW, retry_after=RETRY_AFTER_SECONDS)
    answer = exception_handler(error, context)
    if answer is None:
        # A bug of ours. The sender can only retry; the log has the details.
        logger.exception("unexpected: %s", type(error).__name__)
        return _refusal(503, "Rollcall failed to handle this call; its log says why")
    headers = {name: value for name, value in answer.items() if name in _KEPT_HEADERS}
    return Response(_body(_reason(answer.data)), answer.status_code, headers=headers)


_KEPT_HEADERS = ("WWW-Authenticate", "Retry-After", "Allow")


def _reason(data: Any) -> str:
    return str(data.get("detail", data)) if isinstance(data, dict) else str(data)


def _body(reason: str) -> dict[str, object]:
    return {"success": False, "reason": reason}


def _refusal(status_code: int, reason: str, *, retry_after: int | None = None) -> Response:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Response(_body(reason), status_code, headers=headers)


class NothingThere(APIException):
    """A POST to an unknown path; `why` it was not trusted."""

    status_code = status.HTTP_404_NOT_FOUND
    default_code = "nothing_there"

    def __init__(self, path: str, kind: str = "", why: str = "") -> None:
        belongs = (
            f"these webhooks belong to {webhook_path(kind)}" if kind else where_webhooks_belong()
        )
        also = f"; and it was not believed: {why}" if why else ""
        super().__init__(f"nothing is at {printable(path, limit=200)}; {belongs}{also}")


class Unsendable(APIException):
    """A message that its backend did not confirm: the sender is to retry."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "backend_away"
    wait = 1  # becomes Retry-After


class LeadsElsewhere(APIException):
    """A message whose backend redirects: a retry cannot help, an operator must set another URL."""

    status_code = status.HTTP_502_BAD_GATEWAY
    default_code = "backend_redirects"


def where_webhooks_belong() -> str:
    usual, *others = KINDS.values()
    return (
        f"webhooks of {usual.title} belong to {webhook_path(usual.name)}, of others to "
        f"/api/webhooks/ and one of {', '.join(other.name for other in others)}"
    )


@csrf_exempt
def not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    """Answer for any unknown path below /api/."""
    reason = f"nothing is at {printable(request.path, limit=200)}; {where_webhooks_belong()}"
    return JsonResponse({"success": False, "reason": reason}, status=404)
