"""A webhook costs the same with many accounts as with few: none of its statements reads a table
that grows."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Transition
from tests.cast import a_gateway
from tests.webhooks.sending import event, give_secret, lost
from webhooks.auth import keyring
from webhooks.inbox.backpressure import Pressure
from webhooks.models import Delivery

MANY = 20_000
GROWING = (Account, Delivery, Transition)
# Indexes of few rows, such as those that wait.
PARTIAL = {index.name for model in GROWING for index in model._meta.indexes if index.condition}
_ACCOUNTS = """
INSERT INTO whatsapp_accounts
       (uuid, workspace_id, gateway_id, phone_number, session_id, wanted, status, status_reason,
        status_raw, scanned_number, status_since, last_known_status, observed_at, read_at, proof,
        probe_answer, probe_failures, strikes, next_step_code, next_step_arguments)
SELECT gen_random_uuid(), %(workspace)s, (%(gateways)s::bigint[])[1 + number %% 10],
       (90000000000 + number)::text, 'many-' || number, 'running', 'connected', '', '', '',
       now() - interval '1 h', '', now() - interval '1 min', now() - interval '1 min', '', '', 0, 0,
       '', '{}'
  FROM generate_series(1, %(many)s) number
"""
_DELIVERIES = """
INSERT INTO webhook_deliveries
       (gateway_id, account_id, event, event_id, session_id, path, said, size_bytes, digest, state,
        attempts, error, first_error, error_class, is_probable_retry, received_at)
SELECT gateway_id, id, 'session_disconnected', '', session_id, '', '{}', 300, 'digest', 'applied',
       1, '', '', '', false, now() - interval '1 min'
  FROM whatsapp_accounts
"""
_TRANSITIONS = """
INSERT INTO account_transitions
       (account_id, from_status, to_status, reason, raw, source, actor, session_id, evidence,
        observed_at)
SELECT id, 'connecting', 'connected', '', '', 'webhook', '', session_id, '', now()
  FROM whatsapp_accounts
"""


@pytest.fixture
def many(cast, monkeypatch):
    """The usual people among 20,000 accounts of ten more gateways, each with a delivery and a
    change of its own; what waits in the inbox is looked at anew."""
    crowd = [a_gateway(f"node-{n}", base_url=f"http://node-{n}:3001") for n in range(10)]
    for number, gateway in enumerate(crowd):
        give_secret(gateway, "hmac", f"secret {number}")
    gateway_ids = [gateway.pk for gateway in crowd]
    with connection.cursor() as cursor:
        cursor.execute(
            _ACCOUNTS, {"workspace": cast.acme.pk, "gateways": gateway_ids, "many": MANY}
        )
        cursor.execute(_DELIVERIES)
        cursor.execute(_TRANSITIONS)
        for model in GROWING:
            cursor.execute(f"ANALYZE {model._meta.db_table}")
    monkeypatch.setattr("webhooks.views.pressure", Pressure())
    keyring.forget()
    return cast


READY = event("session_ready", "bob", phone_number="62811801699")
NO_OTHER_HINT = {"x_instance_url": "http://elsewhere:3001"}


@pytest.mark.parametrize(
    ("said", "headers"),
    [
        (lost("alice"), NO_OTHER_HINT),
        (lost("alice") | {"event_id": "evt-1"}, NO_OTHER_HINT),
        (READY, NO_OTHER_HINT),
        (event("session_ready", "new", phone_number="62811801641"), NO_OTHER_HINT),
        (lost("nobody's"), NO_OTHER_HINT),
        (event("message_received", "alice", message={"body": "x"}), NO_OTHER_HINT),
        ({"event": "never heard of"}, NO_OTHER_HINT),
    ],
    ids=["lost", "with an id", "ready", "taken over", "unknown", "message", "unrecognised"],
)
def test_no_statement_of_a_webhook_reads_a_whole_table(many, sender, said, headers):
    with CaptureQueriesContext(connection) as captured:
        assert sender.send(said, **headers).status_code == 200

    assert scanned(captured) == {}


def test_nor_does_one_of_a_webhook_that_is_refused(many, sender):
    sender.secret = "a stranger's"
    with CaptureQueriesContext(connection) as captured:
        assert sender.send(lost("alice"), **NO_OTHER_HINT).status_code == 401

    assert scanned(captured) == {}


@pytest.mark.parametrize("order", [[], ["id"]], ids=["the table", "an index"])
def test_it_is_seen_when_one_does(many, order):
    lately = Account.objects.filter(updated_at__gt=many.now - timedelta(days=1))
    with CaptureQueriesContext(connection) as captured:
        list(lately.order_by(*order))

    assert list(scanned(captured).values()) == [{"whatsapp_accounts"}]


def scanned(captured):
    """The statements that read a whole table that grows, each with the tables."""
    tables = {model._meta.db_table for model in GROWING}
    found = {}
    for query in captured.captured_queries:
        for statement in query["sql"].split(";\n"):
            if statement.lstrip().startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
                read = {node.get("Relation Name") for node in plan(statement) if is_scan(node)}
                if read & tables:
                    found[statement] = read & tables
    return found


def is_scan(node):
    """Tell whether it reads from one end to the other: the table itself, or an index of all its
    rows."""
    if "Index" in node["Node Type"] and node.get("Index Name") not in PARTIAL:
        return "Index Cond" not in node
    return node["Node Type"] == "Seq Scan"


def plan(statement):
    """Yield every node of the plan."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}")
        [[answer]] = cursor.fetchall()
    [top] = json.loads(answer) if isinstance(answer, str) else answer
    return list(nodes(top["Plan"]))


def nodes(node):
    yield node
    for child in node.get("Plans", []):
        yield from nodes(child)
