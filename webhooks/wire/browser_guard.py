"""Keep browsers out of what machines call: a page elsewhere may send a form here, and its answer
would be rendered on the origin of the admin."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase

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
