"""The OpenAPI document is whole, valid, and says nothing but the truth."""

from __future__ import annotations

import io
import os

import pytest
import schemathesis
from django.core.management import call_command
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateways.registry import KINDS
from tests.cast import make_cast
from tests.webhooks.sending import KEY, give_secret
from tests.webhooks.speaking import TOKEN, a_gateway_of
from webhooks.schema import document

# More by hand: SCHEMA_EXAMPLES=500 ./run test tests/webhooks/test_schema.py
EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "3"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    response_schema_conformance,
    content_type_conformance,
]


def test_the_document_is_made_without_a_warning_and_valid():
    out = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    assert "openapi: 3" in out.getvalue()


def test_anybody_may_read_it(db):
    answer = Client().get("/api/schema")
    assert answer.status_code == 200 and answer.json()["info"]["title"] == "Rollcall"


def test_every_kind_has_its_path_and_its_own_one():
    paths = document()["paths"]
    for kind in KINDS:
        assert {f"/api/webhooks/{kind}", f"/api/webhooks/{kind}/{{token}}"} <= set(paths)
    assert {"/api/whatsapp/webhooks/webjs", "/api/webhooks/whatsapp-webjs"} <= set(paths)


@pytest.fixture
def known(transactional_db, server):
    """A gateway of each kind that may speak with a key, and one with a path of its own."""
    cast = make_cast()
    give_secret(cast.gateway, "api_key", KEY)
    for kind in KINDS:
        a_gateway_of(cast, kind, path=TOKEN)
    server.learn_path(f"/api/webhooks/standard/{TOKEN}")
    return server


def attack(server, operation, *, examples: int, key: str, token: str) -> list[int]:
    """Send it examples made from the document; each answer must be one that is documented."""
    seen: list[int] = []

    @settings(
        max_examples=examples,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
        derandomize=examples < 50,
        database=None,
    )
    @given(case=operation.as_strategy())
    def send(case):
        if token and "token" in case.path_parameters:
            case.path_parameters["token"] = token
        headers = {"X-API-Key": key} if key else {}
        answer = case.call(base_url=f"http://127.0.0.1:{server.port}", headers=headers)
        seen.append(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    send()
    return seen


def test_made_up_requests_get_no_500_and_no_answer_that_is_not_documented(known):
    seen: set[int] = set()
    for found in schemathesis.openapi.from_dict(document()).get_all_operations():
        for key, token in ((KEY, TOKEN), ("", "")):
            seen |= set(attack(known, found.ok(), examples=EXAMPLES, key=key, token=token))

    assert {200, 400, 401, 404} <= seen
