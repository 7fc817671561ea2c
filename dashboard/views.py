"""Pages that are not the admin's."""

from __future__ import annotations

import redis
from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from accounts.store.redis_client import client
from webhooks.views import unknown_path


@csrf_exempt
def start(request: HttpRequest) -> HttpResponseBase:
    """People go to the admin; a webhook whose sender has no path at all is heard."""
    if request.method == "POST":
        return unknown_path(request)
    return redirect("admin:index")


@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """200 while PostgreSQL answers. Without Redis nothing is lost, only late: degraded, 200 too.

    The version is told as well: after an upgrade it says which code answers.
    """
    troubles = {
        name: trouble
        for name, trouble in (("postgresql", _postgresql()), ("redis", _redis()))
        if trouble
    }
    if not troubles:
        return JsonResponse({"status": "ok", "version": settings.VERSION})
    down = "postgresql" in troubles
    body = {
        "status": "down" if down else "degraded",
        "version": settings.VERSION,
        "troubles": troubles,
    }
    return JsonResponse(body, status=503 if down else 200)


def _postgresql() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return "PostgreSQL does not answer: webhooks are refused with 503 until it does"
    return ""


def _redis() -> str:
    try:
        client().ping()
    except redis.RedisError:
        return "Redis does not answer: tasks and QR codes wait, nothing is lost"
    return ""
