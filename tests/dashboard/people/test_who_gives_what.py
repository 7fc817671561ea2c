"""Who may change users gives nobody, and takes from nobody, what they may not do themselves."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission, User

from dashboard.people.groups import GROUPS, ensure_groups
from tests.dashboard.conftest import a_visitor

USERS = "/admin/auth/user/"
MANAGES = ("auth.view_user", "auth.change_user", "auth.add_user", "auth.view_group")


def permission(name: str) -> Permission:
    app, codename = name.split(".")
    return Permission.objects.get(content_type__app_label=app, codename=codename)


@pytest.fixture
def manager(cast):
    return a_visitor("mona", *MANAGES, "auth.change_group", "accounts.view_account")


def a_user(name: str, *permissions: str, **fields) -> User:
    user = User.objects.create_user(name, password="before-it-all", **fields)
    user.user_permissions.set(permission(one) for one in permissions)
    return user


def change(client, user: User, **fields):
    said = {
        **{"username": user.username, "is_active": "on"},
        **{"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"},
    }
    answer = client.post(f"{USERS}{user.pk}/change/", said | fields)
    user.refresh_from_db()
    return answer


@pytest.mark.parametrize("own", [True, False], ids=["themselves", "another"])
def test_nobody_is_made_a_superuser(manager, own) -> None:
    user = User.objects.get(username="mona") if own else a_user("ulla")
    assert change(manager, user, is_superuser="on", is_staff="on").status_code == 302
    assert not user.is_superuser and user.is_staff


@pytest.mark.parametrize(
    ("given", "is_given"),
    [("accounts.view_account", True), ("accounts.change_gatewaysecret", False)],
)
@pytest.mark.parametrize("own", [True, False], ids=["themselves", "another"])
def test_only_what_one_has_is_given(manager, own, given, is_given) -> None:
    user = User.objects.get(username="mona") if own else a_user("ulla")
    change(manager, user, user_permissions=[permission(given).pk])
    fresh = User.objects.get(pk=user.pk)
    assert fresh.user_permissions.filter(pk=permission(given).pk).exists() is is_given


@pytest.mark.parametrize("name", GROUPS)
def test_no_group_that_may_more_is_given(manager, name) -> None:
    user = a_user("ulla")
    change(manager, user, groups=[Group.objects.get(name=name).pk])
    assert not user.groups.exists()


MIGHTIER = [
    {"is_superuser": True},
    {"permissions": ("accounts.change_gatewaysecret",)},
    {"permissions": ("accounts.change_gatewaysecret",), "is_active": False},
    {"group": "Operators"},
]


@pytest.mark.parametrize("fields", MIGHTIER)
def test_nobody_who_may_more_is_touched(manager, fields) -> None:
    fields = dict(fields)
    group, permissions = fields.pop("group", ""), fields.pop("permissions", ())
    user = a_user("ulla", *permissions, **fields)
    if group:
        user.groups.add(Group.objects.get(name=group))
    before = user.password
    new = {"password1": "taken-over-1", "password2": "taken-over-1", "usable_password": "true"}
    answers = [
        change(manager, user, username="stolen"),
        manager.post(f"{USERS}{user.pk}/password/", new),
    ]
    user.refresh_from_db()
    assert [answer.status_code for answer in answers] == [403, 403]
    assert (user.username, user.password) == ("ulla", before)


def test_who_may_no_more_gets_a_new_password(manager) -> None:
    user = a_user("ulla", "accounts.view_account")
    new = {"password1": "given-anew-1", "password2": "given-anew-1", "usable_password": "true"}
    assert manager.post(f"{USERS}{user.pk}/password/", new).status_code == 302
    user.refresh_from_db()
    assert user.check_password("given-anew-1")


def test_a_group_gets_only_what_one_has(manager) -> None:
    group = Group.objects.create(name="ours")
    secret, look = permission("accounts.change_gatewaysecret"), permission("accounts.view_account")
    for given in (secret, look):
        said = {"name": "ours", "permissions": [given.pk]}
        manager.post(f"/admin/auth/group/{group.pk}/change/", said)
    assert list(group.permissions.all()) == [look]
    group.permissions.add(secret)
    answer = manager.post(f"/admin/auth/group/{group.pk}/change/", {"name": "stolen"})
    assert answer.status_code == 403


def test_a_superuser_may_all_that(admin) -> None:
    user = a_user("ulla")
    change(admin, user, is_superuser="on", groups=[Group.objects.get(name="Operators").pk])
    assert user.is_superuser and user.groups.count() == 1


# --- the groups that are shipped -----------------------------------------------------------------
WHO_MAY = [
    ("accounts.view_account", True, True, True),
    ("webhooks.view_delivery", True, True, True),
    ("accounts.change_account", True, True, False),
    ("accounts.change_gateway", True, True, False),
    ("accounts.change_incident", True, True, False),
    ("accounts.view_gatewaysecret", True, False, False),
    ("accounts.change_gatewaysecret", True, False, False),
    ("accounts.add_gateway", True, False, False),
    ("auth.change_user", True, False, False),
    ("auth.delete_user", False, False, False),
]


@pytest.mark.parametrize(("name", "administrators", "operators", "viewers"), WHO_MAY)
def test_every_installation_has_three_groups(db, name, administrators, operators, viewers) -> None:
    may = [
        Group.objects.get(name=group).permissions.filter(pk=permission(name).pk).exists()
        for group in ("Administrators", "Operators", "Viewers")
    ]
    assert may == [administrators, operators, viewers]


def test_what_was_changed_of_them_stays(db) -> None:
    Group.objects.get(name="Viewers").permissions.clear()
    ensure_groups()
    assert not Group.objects.get(name="Viewers").permissions.exists()
