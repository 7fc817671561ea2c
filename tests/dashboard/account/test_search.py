"""A search box takes a number however it is written, and a session id."""

from __future__ import annotations

import pytest

from accounts.models import SupersededSession, Transition
from accounts.words.status import Source, Status
from reconciliation.models import Finding
from tests.dashboard.pages import ACCOUNTS, listed, sessions
from webhooks.models import Delivery


@pytest.mark.parametrize(
    "typed",
    [
        "62811801641",
        "+62 811-801-641",
        "(62) 811.801.641",
        "62811801641@c.us",
        "\u202a+62\u00a0811\u2011801\u2011641\u202c",  # as a phone copies it
        "0811801641",  # as it is written at home
        "1641",
        "  62811801641  ",
    ],
)
def test_a_number_is_found_however_it_is_written(admin, cast, typed):
    response = admin.get(ACCOUNTS, {"q": typed})
    assert sessions(response) == ["alice"]


def test_the_beginning_of_a_number_finds_all_that_begin_so(admin, cast):
    for typed in ("+62 811-801…", "62811801"):
        assert sessions(admin.get(ACCOUNTS, {"q": typed})) == ["charlie", "alice"]


@pytest.mark.parametrize("typed", ["charlie", "char", "arli"])
def test_a_session_is_found_by_any_part_of_its_id(admin, cast, typed):
    assert sessions(admin.get(ACCOUNTS, {"q": typed})) == ["charlie"]


def test_a_session_that_was_superseded_leads_to_its_account(admin, cast):
    SupersededSession.objects.create(
        gateway=cast.gateway, session_id="once-alice", account=cast.alice
    )
    assert sessions(admin.get(ACCOUNTS, {"q": "once-alice"})) == ["alice"]


HOSTILE = [
    *("'; DROP TABLE whatsapp_accounts; --", "%", "_", "\\", "<script>", "\u202e", "\x1b[31m"),
    *("\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "٣٤٥", "x" * 5000),
    *("9" * 400, "null", "+", "…", "\u0000", "a\u0000b", "²"),
]


@pytest.mark.parametrize("typed", HOSTILE)
def test_whatever_is_typed_gets_a_page(admin, cast, typed):
    assert admin.get(ACCOUNTS, {"q": typed}).status_code == 200


def test_all_lists_take_what_is_typed(admin, cast):
    for path in PLACES:
        for typed in ("a\u0000b", "9" * 400, "\\", "\u202e'"):
            assert admin.get(path, {"q": typed}).status_code == 200, path


def test_a_wildcard_is_only_a_letter(admin, cast):
    assert sessions(admin.get(ACCOUNTS, {"q": "ali%"})) == []
    assert sessions(admin.get(ACCOUNTS, {"q": "al_ce"})) == []


PLACES = (
    ACCOUNTS,
    "/admin/accounts/gateway/",
    "/admin/accounts/transition/",
    "/admin/accounts/supersededsession/",
    "/admin/accounts/workspace/",
    "/admin/webhooks/delivery/",
    "/admin/reconciliation/finding/",
    "/admin/auth/user/",
)


@pytest.mark.parametrize("typed", ["62811801641", "+62 811-801-641", "1641", "alice"])
def test_evidence_is_found_by_the_same_words(admin, cast, typed):
    here = {"account": cast.alice, "session_id": "alice", "gateway": cast.gateway}
    seen = {"first_seen_at": cast.now, "last_seen_at": cast.now}
    Delivery.objects.create(event="session_ready", received_at=cast.now, **here)
    Finding.objects.create(kind=Finding.Kind.MISSING, **here, **seen)
    SupersededSession.objects.create(**here)
    Transition.objects.create(
        account=cast.alice,
        session_id="alice",
        from_status=Status.CONNECTED,
        to_status=Status.DISCONNECTED,
        source=Source.LIST,
        observed_at=cast.now,
    )
    for path in PLACES[2:4] + PLACES[5:7]:
        [row] = listed(admin.get(path, {"q": typed}))
        assert "alice" in row, path
        assert listed(admin.get(path, {"q": "nobody"})) == [], path


def test_deliveries_are_found_by_their_event(admin, cast):
    for event in ("session_ready", "qr_code_generated"):
        Delivery.objects.create(gateway=cast.gateway, event=event, received_at=cast.now)
    [row] = listed(admin.get("/admin/webhooks/delivery/", {"q": "session_ready"}))
    assert "session_ready" in row


@pytest.mark.parametrize(
    ("kept", "typed"),
    [
        ("551187654321", "+55 11 98765-4321"),
        ("5511987654321", "551187654321"),
        ("551187654321", "11 98765-4321"),  # as it is dialled at home
        ("551187654321", "(0) 11 98765-4321"),
        ("525512345678", "+52 1 55 1234 5678"),
        ("5491112345678", "+54 11 1234-5678"),
        ("22507123456", "+225 07 07 12 34 56"),
        ("2290197123456", "+229 97 12 34 56"),
    ],
)
def test_a_number_is_found_in_every_spelling_of_it(admin, cast, kept, typed):
    cast.an_account("spelt", Status.CONNECTED, phone_number=kept)
    assert sessions(admin.get(ACCOUNTS, {"q": typed})) == ["spelt"]
