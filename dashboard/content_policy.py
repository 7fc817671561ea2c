"""What a page may load, run and send: Content-Security-Policy, by django-csp. Read by
config.settings; imports no models."""

from __future__ import annotations

from typing import Any

from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.http.request import split_domain_port
from django.http.response import HttpResponseBase

ADMIN = "/admin/"
POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        # Unfold writes its colours into a <style>, and Alpine sets style attributes.
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:"],  # QR codes are data
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}


def live_url(request: HttpRequest) -> str:
    """Return where this page finds its stream."""
    return f"{live_origin(request)}/live/events"


def live_origin(request: HttpRequest) -> str:
    """Return the origin of the streams: the page's host, whose cookies go to any of its ports. ""
    where a proxy brings /live/ to them, or the host is not ours."""
    try:
        name, _ = split_domain_port(request.get_host())
    except DisallowedHost:
        return ""
    return f"{request.scheme}://{name}:{settings.LIVE_PORT}" if settings.LIVE_PORT else ""


class PagePolicy(CSPMiddleware):
    """The same for all pages; the admin alone may evaluate, since Alpine makes functions of the
    expressions in Unfold's templates."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts: PolicyParts = super().get_policy_parts(request, response, report_only)
        if request.path_info.startswith(ADMIN) and not report_only:
            parts.update = {**(parts.update or {}), "script-src": [UNSAFE_EVAL]}
            if origin := live_origin(request):
                parts.update["connect-src"] = [origin]
        return parts
