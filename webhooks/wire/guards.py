"""Keep two out of what gateways call: a browser, whose page elsewhere may send a form here and
render the answer on the origin of the admin, and a webhook of our own that comes back."""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from rest_framework.exceptions import APIException

PREFIX = "/api/"
# Should a browser render an answer all the same: no script, no form, an origin of its own.
MACHINE_POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"
# What a business's backend may have answered with, as far as it is passed on.
_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"


class ForMachines:
    """Refuse navigations below /api/, and mark every answer from there as nothing to render."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(PREFIX):
            return self._get_response(request)
        if is_navigation(request):
            return refuse_navigation()
        return not_to_render(self._get_response(request))


def is_navigation(request: HttpRequest) -> bool:
    """A browser opens a page, a frame or the target of a form. No gateway sends this header so;
    every browser does, to HTTPS and to loopback."""
    return str(request.META.get("HTTP_SEC_FETCH_MODE", "")).strip().lower() == "navigate"


def refuse_navigation() -> HttpResponseBase:
    """Refuse a browser's navigation. Nothing of the request is read, kept or handed on."""
    reason = "this address is for gateways: a browser cannot open it. The admin is at /admin/"
    return not_to_render(JsonResponse({"success": False, "reason": reason}, status=403))


def not_to_render(answer: HttpResponseBase) -> HttpResponseBase:
    answer["Content-Security-Policy"] = MACHINE_POLICY
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def passed_on(body: bytes, *, status: int, content_type: str) -> HttpResponse:
    """A backend's answer with its words and without its headers: JSON where it says so, else plain
    text, whatever it says it is."""
    essence = content_type.split(";", 1)[0].strip().lower()
    is_json = essence == _JSON or (essence.startswith("application/") and essence.endswith("+json"))
    answer = HttpResponse(body, status=status, content_type=_JSON if is_json else _TEXT)
    not_to_render(answer)
    return answer


class Circle(APIException):
    """A webhook that we forwarded ourselves."""

    status_code = 508
    default_code = "circle"
    default_detail = (
        "this Rollcall has handed this webhook on itself: the gateway's forward URL leads back to "
        "it. Set the forward URL to the business's own backend"
    )


def refuse_our_own(meta: Mapping[str, Any]) -> None:
    """Raise Circle. A sender that forges our name in the header only blocks itself."""
    if _name(settings.SECRET_KEY) in str(meta.get("HTTP_VIA", "")):
        raise Circle


def via(meta: Mapping[str, Any]) -> str:
    """Return the Via header: our name after those that forwarded it before us."""
    before = str(meta.get("HTTP_VIA", ""))
    ours = f"1.1 {_name(settings.SECRET_KEY)}"
    return f"{before}, {ours}" if before else ours


@functools.lru_cache
def _name(key: str) -> str:
    """Return one name for all processes of this installation, and for no other."""
    return f"rollcall-{hmac.digest(key.encode(), b'via', hashlib.sha256).hex()[:16]}"
