"""The page behind the unsubscribe link of an e-mail."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from notices.languages import text
from notices.subscriptions import of_token
from notices.subscriptions import unsubscribe as switch_off


@csrf_exempt  # a mailbox posts without a cookie (RFC 8058); the token is the permission
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Switch a recipient's mail off. GET only asks: scanners of mail open every link."""
    subscription = of_token(token)
    language = (subscription and subscription.language) or settings.NOTICE_LANGUAGE
    said, status = "unsubscribe.ask", 200
    if subscription is None:
        said, status = "unsubscribe.bad", 404
    elif request.method == "POST":
        switch_off(subscription)
        said = "unsubscribe.done"
    shown = {
        "language": language,
        "said": text(language, said),
        "button": text(language, "unsubscribe") if said == "unsubscribe.ask" else "",
    }
    return render(request, "notices/unsubscribe.html", shown, status=status)
