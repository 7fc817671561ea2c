"""What people type into the address line: a clear answer, never a broken page."""

from __future__ import annotations

import pytest
from django.contrib import admin as site
from django.test import RequestFactory

from tests.dashboard.pages import ACCOUNTS, sessions

# Python reads no number of more than 4,300 digits, PostgreSQL's bigint ends with 19 of them; and
# other alphabets have digits too.
NO_IDS = ["9" * 5000, "9" * 30, str(2**63), "-1", "٣" * 30, "²", "%00"]
LISTS = sorted(f"{model._meta.app_label}/{model._meta.model_name}" for model in site.site._registry)
each_list = pytest.mark.parametrize("model", LISTS)


def filters_of(model: str) -> list[str]:
    """The parameters that its filters read."""
    [options] = [
        options
        for options in site.site._registry.values()
        if f"{options.opts.app_label}/{options.opts.model_name}" == model
    ]
    names = options.get_list_filter(RequestFactory().get("/"))
    return [
        f"{name}__id__exact" if isinstance(name, str) else name.parameter_name for name in names
    ]


@each_list
def test_a_page_that_does_not_exist_is_no_broken_page(admin, model):
    for page in ("999999", *NO_IDS):
        response = admin.get(f"/admin/{model}/?p={page}", follow=True)
        assert response.status_code == 200, page


@each_list
def test_an_order_that_does_not_exist_is_none(admin, model):
    for column in ("99.-1.7", *NO_IDS):
        response = admin.get(f"/admin/{model}/?o={column}", follow=True)
        assert response.status_code == 200, column


@each_list
def test_a_filter_that_does_not_exist_finds_nothing_or_filters_nothing(admin, model):
    for name in filters_of(model):
        for value in NO_IDS:
            response = admin.get(f"/admin/{model}/?{name}={value}", follow=True)
            assert response.status_code == 200, (name, value)


def test_an_unknown_filter_value_hides_nobody(admin, cast):
    assert len(sessions(admin.get(f"{ACCOUNTS}?group=nonsense"))) == 3


def test_no_field_can_be_asked_for_a_nul(admin):
    for address in ("accounts/gateway/?kind=%00", "auth/user/?username=%00"):
        assert admin.get(f"/admin/{address}", follow=True).status_code == 200, address


def test_nobody_can_filter_by_a_field_that_is_not_offered(admin, cast):
    query = "?gateway__secrets__sealed__startswith=g"
    assert admin.get(f"{ACCOUNTS}{query}").status_code == 400


@each_list
def test_a_row_that_does_not_exist_is_not_found(admin, model):
    for pk in ("999999", *NO_IDS):
        for tail in ("change/", "history/"):
            assert admin.get(f"/admin/{model}/{pk}/{tail}").status_code == 404, (pk, tail)


def test_the_page_that_says_so_is_ours(admin):
    response = admin.get(f"{ACCOUNTS}999999/change/")
    assert "Page not found" in response.content.decode()


def test_a_timeline_from_an_unreadable_moment_begins_at_the_newest(admin, cast):
    for before in ("", "abc", "2025-01-01", "%00", "9999-99-99T00:00:00Z", "0001-01-01T00:00:00Z"):
        url = f"{ACCOUNTS}{cast.alice.pk}/change/?before={before}"
        assert admin.get(url).status_code == 200, before


@pytest.mark.parametrize("given", NO_IDS)
def test_an_act_on_what_is_no_id_touches_nothing(admin, cast, given):
    for model in LISTS:
        for data in ({"ids": given}, {"ids": f"1,{given}", "finding": given}):
            for name in ("roll-call", "take-over", "restart", "redeliver", "nonsense"):
                answer = admin.post(f"/admin/{model}/act/{name}/", data)
                assert answer.status_code in (200, 302, 404), (model, name)
        chosen = {"action": "delete_selected", "_selected_action": given, "index": "0"}
        assert admin.post(f"/admin/{model}/", chosen).status_code in (200, 302, 403, 404), model


@pytest.mark.parametrize("given", NO_IDS)
def test_an_address_of_what_is_no_id_is_not_found(admin, cast, given):
    for address in (f"webhooks/route/gateway/{given}/", f"r/1/{given}/", f"r/{given}/1/"):
        assert admin.get(f"/admin/{address}").status_code in (302, 404), address


@pytest.mark.parametrize("given", NO_IDS)
def test_the_forms_take_no_such_id(admin, cast, given):
    fields = ("workspace", "gateway", "group", "incident", "account", "number")
    for model in LISTS:
        page = f"/admin/{model}/add/"
        assert admin.get(page, dict.fromkeys(fields, given)).status_code in (200, 302, 403), page
        assert admin.post(page, dict.fromkeys(fields, given)).status_code in (200, 302, 403), page


@pytest.mark.parametrize("given", NO_IDS)
def test_a_member_of_no_such_id_is_shown_as_a_mistake(admin, cast, given):
    one = {"TOTAL_FORMS": "1", "INITIAL_FORMS": "0", "0-user": given, "0-role": "member"}
    data = {f"membership_set-{name}": value for name, value in one.items()} | {"name": "Acme"}
    page = admin.post(f"/admin/accounts/workspace/{cast.acme.pk}/change/", data)
    assert page.status_code == 200 and "Select a valid choice" in page.content.decode()
