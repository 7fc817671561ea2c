"""Every page says what it may load, run and send; no script stands in a page without a nonce."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.contrib import admin as site
from django.http import HttpResponse
from django.template import engines
from django.test import Client, RequestFactory

from dashboard.content_policy import PagePolicy
from tests.dashboard.pages import page_of

LISTS = sorted(f"{model._meta.app_label}/{model._meta.model_name}" for model in site.site._registry)
CLOSED = {
    "default-src": "'none'",
    "connect-src": "'self'",
    "img-src": "'self' data:",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "object-src": "'none'",
}


def policy_of(answer) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in answer["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in parts}


def is_closed(answer) -> bool:
    policy = policy_of(answer)
    return (
        all(policy[name] == value for name, value in CLOSED.items())
        and "'unsafe-inline'" not in policy["script-src"]
        and answer["X-Content-Type-Options"] == "nosniff"
    )


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 302),
        ("/health", 200),
        ("/metrics", 401),
        ("/nothing/here", 404),
        ("/admin/login/", 200),
        ("/admin/", 302),
        ("/admin/accounts/account/", 302),
        ("/admin/nothing/here/", 302),
        ("/static/dashboard/rollcall.css", 200),
    ],
)
def test_a_stranger_s_page_is_closed(client, db, path, status) -> None:
    answer = client.get(path)
    assert answer.status_code == status and is_closed(answer)


@pytest.mark.parametrize("path", ["/", "/health", "/nothing/here", "/admins", "/Admin/"])
def test_only_the_admin_may_evaluate(client, db, path) -> None:
    assert policy_of(client.get(path))["script-src"] == "'self'"
    assert policy_of(client.get("/admin/login/"))["script-src"] == "'self' 'unsafe-eval'"


def test_an_unknown_host_s_answer_is_closed_too(client) -> None:
    answer = client.get("/admin/", headers={"Host": "evil.example"})
    assert answer.status_code == 400 and is_closed(answer)


def test_so_is_the_page_that_refuses_a_forged_form(db) -> None:
    answer = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "root"})
    assert answer.status_code == 403 and is_closed(answer)


@pytest.mark.parametrize("page", ["", "add/", "?q=a"])
@pytest.mark.parametrize("model", LISTS)
def test_no_page_of_the_admin_needs_more(admin, model, page) -> None:
    answer = admin.get(f"/admin/{model}/{page}", follow=True)
    assert is_closed(answer)
    assert inline_code(answer) == []


@pytest.mark.parametrize("page", ["", "password_change/", "webhooks/route/"])
def test_nor_does_any_other(admin, page) -> None:
    answer = admin.get(f"/admin/{page}")
    assert answer.status_code == 200 and is_closed(answer) and inline_code(answer) == []


def test_nor_does_the_page_of_an_account(admin, cast) -> None:
    answer = admin.get(page_of(cast.alice))
    assert answer.status_code == 200 and inline_code(answer) == []


def inline_code(answer) -> list[str]:
    """Scripts without an address or a nonce, handlers in attributes, addresses that are code."""
    page = answer.content.decode() if not answer.streaming else ""
    scripts = re.findall(r"<script\b(?![^>]*\b(?:src|nonce)=)[^>]*>", page)
    handlers = re.findall(r"<[a-z][^>]*\son[a-z]+\s*=", page)
    return [
        *(tag for tag in scripts if 'type="application/json"' not in tag),
        *handlers,
        *re.findall(r"""=\s*["']?\s*javascript:""", page),
    ]


def test_a_script_in_a_page_is_named_by_a_nonce_that_is_never_the_same() -> None:
    template = engines["django"].from_string("<script nonce='{{ request.csp_nonce }}'></script>")
    seen = set()
    for _ in range(3):
        request = RequestFactory().get("/admin/")
        answer = PagePolicy(lambda request: HttpResponse(template.render({}, request)))(request)
        nonce = re.search(r"nonce='([^']{20,})'", answer.content.decode()).group(1)
        assert f"'nonce-{nonce}'" in policy_of(answer)["script-src"]
        seen.add(nonce)
    assert len(seen) == 3


def test_nothing_is_exempt() -> None:
    assert set(settings.CONTENT_SECURITY_POLICY) == {"DIRECTIVES"}
