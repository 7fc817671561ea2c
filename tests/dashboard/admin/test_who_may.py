"""Who may see and do what."""

from __future__ import annotations

from itertools import product

from django.contrib import admin as site
from django.contrib.auth.models import User
from django.test import Client

from accounts.models import Account
from accounts.words.status import Status
from dashboard.admin.account.verbs import ACCOUNT_VERBS
from tests.dashboard.pages import ACCOUNTS, ask, page_of, sessions, words

LISTS = sorted(
    f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in site.site._registry
)
VERBS = ("roll-call", *ACCOUNT_VERBS)


def test_a_stranger_is_led_to_the_login(db, client):
    for path in ("/admin/", *LISTS, "/admin/accounts/account/act/archive/"):
        for answer in (client.get(path), client.post(path, {"ids": "1"})):
            assert answer.status_code == 302, path
            assert answer.url.startswith("/admin/login/")


def test_who_is_not_staff_is_a_stranger(db, client):
    client.force_login(User.objects.create(username="customer"))
    assert client.get(ACCOUNTS).url.startswith("/admin/login/")


def test_staff_without_permission_sees_nothing(nobody):
    for path in LISTS:
        assert nobody.get(path).status_code == 403, path


def test_staff_without_permission_reads_no_page_of_an_account(nobody, cast):
    for path in (page_of(cast.alice), f"{ACCOUNTS}{cast.alice.pk}/history/"):
        answer = nobody.get(path)
        assert answer.status_code == 403
        assert "62811801641" not in answer.content.decode()


def test_staff_without_permission_learns_nothing_from_the_start_page(nobody, cast):
    page = nobody.get("/admin/").content.decode()
    assert "You do not have the permission to view accounts" in page
    for secret in ("62811801641", "whatsapp-1", "charlie"):
        assert secret not in page


def test_who_may_only_look_can_do_nothing(looker, nobody, cast):
    for client, verb in product((looker, nobody), VERBS):
        answer = ask(client, verb, cast.alice, confirmed="yes", why="x", form="1" * 32)
        assert answer.status_code == 403, verb
    cast.alice.refresh_from_db()
    assert (cast.alice.status, cast.alice.wanted) == (Status.CONNECTED, "running")


def test_who_may_only_look_is_offered_nothing(looker, cast):
    page = looker.get(page_of(cast.alice)).content.decode()
    assert "/act/" not in page
    assert 'class="action-select' not in looker.get(ACCOUNTS).content.decode()


def test_who_may_only_look_cannot_act_by_the_list(looker, cast):
    looker.post(ACCOUNTS, {"action": "archive", "_selected_action": cast.alice.pk})
    cast.alice.refresh_from_db()
    assert cast.alice.archived_at is None


def test_who_may_only_look_cannot_register(looker, operator, cast):
    sent = {"workspace": cast.acme.pk, "gateway": cast.gateway.pk, "session_id": "new"}
    for client in (looker, operator):
        assert client.post(f"{ACCOUNTS}add/", sent | {"wanted": "running"}).status_code == 403
    assert not Account.objects.filter(session_id="new").exists()


def test_who_may_look_sees_the_list_and_the_page(looker, cast):
    assert "alice" in sessions(looker.get(ACCOUNTS))
    assert "Why this status" in words(looker.get(page_of(cast.alice)))


def test_a_gateway_is_called_only_by_who_may_change_gateways(operator, cast):
    assert ask(operator, "roll-call", cast.gateway, model="gateway").status_code == 403


def test_a_form_from_elsewhere_is_refused(cast):
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    answer = client.post(f"{ACCOUNTS}act/archive/", {"ids": cast.alice.pk, "confirmed": "yes"})
    assert answer.status_code == 403
    assert "This form has expired" in answer.content.decode()
    cast.alice.refresh_from_db()
    assert cast.alice.archived_at is None


def test_pages_are_not_kept_by_anybody_and_not_framed(admin, cast):
    for path in (ACCOUNTS, page_of(cast.alice)):
        answer = admin.get(path)
        assert "no-store" in answer["Cache-Control"]
        assert answer["X-Frame-Options"] == "DENY"


def test_a_stranger_cannot_fill_the_memory_with_a_form(client, db):
    answer = client.post("/admin/login/", {"username": "x" * 2_000_000, "password": "x"})
    assert answer.status_code in (400, 413)
    form = "username=" + "x" * 2_000_000
    kind = "application/x-www-form-urlencoded"
    assert client.post("/admin/login/", form, content_type=kind).status_code == 400
