"""A browser gets nothing from what machines call, and what a backend answers runs nowhere."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.webhooks.forwarding.backends import a_backend
from tests.webhooks.sending import KEY, PATH, as_bytes, event, give_secret, lost
from webhooks.auth import keyring
from webhooks.models import Delivery, RefusedRequest

OWN_PATH = "a-secret-path-of-whatsapp-1"
FORM = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}
PAGE = b"<script>alert(document.cookie)</script>"
MESSAGE = as_bytes(event("message_received", body="hello"))


@pytest.fixture
def backend(cast):
    with a_backend() as backend:
        cast.gateway.forward_url = backend.url
        cast.gateway.save()
        give_secret(cast.gateway, "path", OWN_PATH)
        keyring.forget()
        yield backend


def post(path: str, body: bytes, **headers: str):
    content_type = headers.pop("content_type", "application/json")
    return Client(enforce_csrf_checks=True).post(path, body, content_type, headers=headers)


def is_sandboxed(answer) -> bool:
    policy = answer["Content-Security-Policy"]
    return (
        policy.startswith("sandbox; default-src 'none'")
        and answer["X-Content-Type-Options"] == "nosniff"
    )


@pytest.mark.parametrize(
    ("said", "passed_on"),
    [
        ("application/json", "application/json"),
        ("application/json; charset=utf-8", "application/json"),
        ("application/problem+json", "application/json"),
        ("APPLICATION/JSON", "application/json"),
        ("text/html", "text/plain; charset=utf-8"),
        ("text/html, application/json", "text/plain; charset=utf-8"),
        ("application/xhtml+xml", "text/plain; charset=utf-8"),
        ("image/svg+xml", "text/plain; charset=utf-8"),
        ("text/javascript", "text/plain; charset=utf-8"),
        ("multipart/x-mixed-replace; boundary=x", "text/plain; charset=utf-8"),
        ("", "text/plain; charset=utf-8"),
        ("application/json\x01", "text/plain; charset=utf-8"),
    ],
)
def test_a_backend_answers_in_json_or_in_plain_text(backend, said, passed_on) -> None:
    backend.body, backend.content_type = PAGE, said
    backend.headers = {"Set-Cookie": "sessionid=theirs", "Refresh": "0; url=http://evil.example"}
    answer = post(f"{PATH}/{OWN_PATH}", MESSAGE)
    assert (answer.status_code, answer.content) == (200, PAGE)
    assert answer["Content-Type"] == passed_on
    assert is_sandboxed(answer)
    assert "Set-Cookie" not in answer and "Refresh" not in answer


@pytest.mark.parametrize("path", ["/api/hooks/wa", "/hooks/wa", "/"])
def test_so_it_does_on_a_path_that_is_not_theirs(backend, path) -> None:
    backend.body, backend.content_type = PAGE, "text/html"
    answer = post(path, MESSAGE, **{"X-API-Key": KEY})
    assert (answer.content, answer["Content-Type"]) == (PAGE, "text/plain; charset=utf-8")
    assert is_sandboxed(answer)


@pytest.mark.parametrize("path", [f"{PATH}/{OWN_PATH}", f"{PATH}/{OWN_PATH}/x", "/api/x", "/x"])
@pytest.mark.parametrize("body", [MESSAGE, as_bytes(lost())], ids=["message", "state"])
def test_a_form_of_a_foreign_page_reaches_nobody(backend, path, body) -> None:
    answer = post(path, body, content_type="text/plain", **{"X-API-Key": KEY}, **FORM)
    assert answer.status_code == 403
    assert "for gateways" in answer.json()["reason"]
    assert is_sandboxed(answer)
    assert backend.arrived == [] and not Delivery.objects.exists()
    assert not RefusedRequest.objects.exists()


@pytest.mark.parametrize("mode", ["navigate", " Navigate ", "NAVIGATE"])
@pytest.mark.parametrize(
    "path", ["/api/schema", "/api/", "/api/whatsapp/accounts/active", f"{PATH}/{OWN_PATH}"]
)
def test_no_address_below_api_opens_in_a_browser(client, db, path, mode) -> None:
    answer = client.get(path, headers={"Sec-Fetch-Mode": mode})
    assert answer.status_code == 403 and is_sandboxed(answer)


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Mode": "cors"}], ids=["none", "node"])
def test_a_gateway_is_heard_whatever_its_client_says(cast, sender, headers) -> None:
    """Node's own fetch says `cors`."""
    answer = sender.send(lost(), **headers)
    assert answer.status_code == 200 and Delivery.objects.count() == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/schema"),
        ("GET", "/api/"),
        ("GET", "/api/nothing/is/here"),
        ("GET", PATH),
        ("POST", PATH),
        ("POST", "/api/nothing"),
        ("OPTIONS", PATH),
        ("PUT", "/api/whatsapp/accounts/active"),
        ("GET", "/api/whatsapp/accounts/active"),
    ],
)
def test_every_answer_below_api_is_nothing_to_render(client, cast, method, path) -> None:
    assert is_sandboxed(client.generic(method, path, b"", "application/json"))


def test_an_unknown_host_is_answered_in_a_sandbox_too(client, db) -> None:
    answer = client.get("/api/schema", headers={"Host": "evil.example"})
    assert answer.status_code == 400 and is_sandboxed(answer)
