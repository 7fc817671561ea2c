"""The second factor of staff: a code of an authenticator, or a recovery code. Where the setting
STAFF_SECOND_FACTOR is on, nobody who is staff sees a page before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import segno
from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django_otp import devices_for_user, login, match_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

RECOVERY_CODES = 10
_FREE = ("/api/", "/static/", "/health", "/admin/login/", "/admin/logout/", "/admin/second-factor/")


class SecondFactor:
    """Lead staff who have given their password only to the page that asks for the code."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not settings.STAFF_SECOND_FACTOR or request.path_info.startswith(_FREE):
            return self._get_response(request)
        user: Any = request.user
        if user.is_authenticated and user.is_staff and not user.is_verified():
            return redirect(f"{reverse('second-factor')}?next={request.path}")
        return self._get_response(request)


class CodeForm(forms.Form):
    code = forms.CharField(
        max_length=16,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "text", "autofocus": True}
        ),
    )


@never_cache
@sensitive_post_parameters("code")
@login_required
def second_factor(request: HttpRequest) -> HttpResponse:
    """Ask for a code; of who has no authenticator yet, one is set up with the first code."""
    user: Any = request.user
    if any(devices_for_user(user)):
        return _ask(request, user)
    return _set_up(request, user)


def _ask(request: HttpRequest, user: Any) -> HttpResponse:
    """Wrong codes are throttled by their device, the more the longer."""
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        device = match_token(user, form.cleaned_data["code"].replace(" ", ""))
        if device is not None:
            login(request, device)
            return redirect(_next(request))
        form.add_error("code", "This code is not right, was used, or is asked for too often.")
    return _page(request, form)


def _set_up(request: HttpRequest, user: Any) -> HttpResponse:
    device, _ = TOTPDevice.objects.get_or_create(
        user=user, confirmed=False, defaults={"name": "authenticator"}
    )
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if device.verify_token(form.cleaned_data["code"].replace(" ", "")):
            codes = _confirm(device)
            login(request, device)
            return _page(request, form, recovery_codes=codes)
        form.add_error("code", "This code is not right: is the clock of the phone?")
    picture = segno.make(device.config_url, error="m").svg_data_uri(scale=5, border=2)
    return _page(request, form, picture=picture, key=_key(device))


@transaction.atomic
def _confirm(device: TOTPDevice) -> list[str]:
    """The recovery codes, shown this once; each opens the door once."""
    device.confirmed = True
    device.save()
    recovery = StaticDevice.objects.create(user=device.user, name="recovery codes")
    codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=recovery, token=code) for code in codes)
    return codes


def _key(device: TOTPDevice) -> str:
    """Return the key to type where no camera is at hand."""
    secret = device.config_url.partition("secret=")[2].partition("&")[0]
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))


def _page(request: HttpRequest, form: forms.Form, **more: Any) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "form": form,
        "title": "Second factor",
        "next": _next(request),
        **more,
    }
    return render(request, "dashboard/second_factor.html", context)


def _next(request: HttpRequest) -> str:
    asked = request.GET.get("next", "")
    if url_has_allowed_host_and_scheme(asked, {request.get_host()}, request.is_secure()):
        return asked
    return reverse("admin:index")
