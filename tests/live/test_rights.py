"""A stream carries what its user may see, and ends when that is nothing."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.models import Session
from django.test import override_settings
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.incidents.incidents import open_incident
from accounts.models import Incident, Membership
from accounts.words.status import Status
from live.rights import Rights, rights_of
from tests.cast import see
from tests.instance.running import until
from tests.live.streams import a_user, cookie_of

pytestmark = pytest.mark.django_db(transaction=True)
ENDS_WITHIN_SECONDS = 30


def key_of(cookie: str) -> str:
    return cookie.removeprefix("sessionid=")


def rights(cookie: str) -> Rights | None:
    return rights_of([key_of(cookie)]).get(key_of(cookie))


@pytest.fixture
def member(cast):
    """Of Acme, and no staff."""
    user = a_user("mia", is_staff=False)
    Membership.objects.create(workspace=cast.acme, user=user)
    return user


@pytest.fixture
def stranger(cast):
    return cast.an_account("stranger", Status.CONNECTED, workspace=cast.globex)


def test_a_member_sees_the_accounts_of_his_workspaces_only(live, cast, member, stranger) -> None:
    page = live.follow(cookie_of(member), cast.alice, stranger).until_open()
    see(stranger, Status.LOGGED_OUT, at=cast.now)
    see(cast.alice, Status.LOGGED_OUT, at=cast.now)

    until(lambda: page.statuses(cast.alice) == ["connected", "logged_out"])
    assert page.statuses(stranger) == []
    assert str(cast.alice.uuid) in page.named("changed")[0]["accounts"], "nothing came before"
    assert str(stranger.uuid).encode() not in page.raw


def test_a_member_is_told_of_no_incident_and_no_gateway(live, cast, member) -> None:
    page = live.follow(cookie_of(member), cast.alice).until_open()
    open_incident(Incident.Kind.FAILING, gateway_id=cast.gateway.pk, text="secret words")
    see(cast.alice, Status.LOGGED_OUT, at=cast.now)

    until(lambda: page.statuses(cast.alice)[1:])
    assert all(not told["incidents"] and not told["gateways"] for told in page.named("changed"))
    assert b"secret words" not in page.raw


@pytest.mark.parametrize("cookie", ["", "sessionid=", "sessionid=nobody", "sessionid=%00'; --"])
def test_a_stranger_s_stream_ends_at_once_and_for_good(live, cast, cookie) -> None:
    page = live.follow(cookie, cast.alice).until_over()

    assert page.status == 200 and page.events == [("done", {"why": "forbidden"})]


def test_a_user_who_may_see_nothing_gets_nothing(live, cast) -> None:
    page = live.follow(cookie_of(a_user("norman")), cast.alice).until_over()

    assert page.events == [("done", {"why": "forbidden"})]


def test_a_removed_member_s_stream_ends(live, cast, member) -> None:
    page = live.follow(cookie_of(member), cast.alice).until_open()

    member.membership_set.all().delete()

    until_ended(page)


def test_so_does_that_of_who_logs_out(live, cast, member) -> None:
    cookie = cookie_of(member)
    page = live.follow(cookie, cast.alice).until_open()

    Session.objects.filter(session_key=key_of(cookie)).delete()

    until_ended(page)


def test_and_that_of_a_user_who_is_deactivated(live, cast, member) -> None:
    page = live.follow(cookie_of(member), cast.alice).until_open()

    member.is_active = False
    member.save()

    until_ended(page)


def test_a_member_moved_to_another_workspace_keeps_the_stream_without_the_first(
    live, cast, member, stranger
) -> None:
    page = live.follow(cookie_of(member), cast.alice, stranger).until_open()
    member.membership_set.update(workspace=cast.globex)

    def is_told() -> bool:
        other = Status.CONNECTED if stranger.status == Status.LOGGED_OUT else Status.LOGGED_OUT
        see(stranger, other, at=cast.now)
        return bool(page.statuses(stranger))

    until(is_told, limit_seconds=ENDS_WITHIN_SECONDS)
    before = len(page.statuses(cast.alice))
    see(cast.alice, Status.LOGGED_OUT, at=cast.now)
    see(stranger, Status.QR_SCANNING, at=cast.now)
    until(lambda: page.statuses(stranger)[-1] == "qr_scanning")
    assert len(page.statuses(cast.alice)) == before


def until_ended(page) -> None:
    began = time.monotonic()
    until(lambda: page.is_over, limit_seconds=ENDS_WITHIN_SECONDS)
    assert page.events[-1] == ("done", {"why": "forbidden"})
    assert time.monotonic() - began < ENDS_WITHIN_SECONDS


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1:8999",  # another application on this host
        "http://127.0.0.1",
        "https://127.0.0.1",
        "http://127.0.0.1:port",
        "file://127.0.0.1:8000",
    ],
)
def test_a_page_of_another_application_gets_nothing(live, cast, root, origin) -> None:
    page = live.follow(root, cast.alice, Origin=origin)

    until(lambda: page.status == 403)
    assert page.events == []


def test_a_page_of_ours_may_read_on_the_port_of_the_streams(live, cast, root) -> None:
    page = live.follow(root, cast.alice, Origin="http://127.0.0.1:8000").until_open()

    head = page.raw.split(b"\r\n\r\n")[0].lower()
    assert b"access-control-allow-origin: http://127.0.0.1:8000" in head
    assert b"access-control-allow-credentials: true" in head


# --- whose rights -------------------------------------------------------------------------------
def test_an_administrator_sees_all(cast, root) -> None:
    assert rights(root) == Rights(workspaces=None, incidents=True, gateways=True)


def test_staff_see_what_they_may_view_in_the_admin(cast) -> None:
    ann = a_user("ann", "view_account", "view_gateway")

    assert rights(cookie_of(ann)) == Rights(workspaces=None, incidents=False, gateways=True)


def test_also_by_their_groups(cast) -> None:
    group = Group.objects.create(name="watchers")
    group.permissions.add(
        Permission.objects.get(codename="view_incident", content_type__app_label="accounts")
    )
    ann = a_user("ann")
    ann.groups.add(group)

    assert rights(cookie_of(ann)) == Rights(workspaces=frozenset(), incidents=True)


def test_permissions_of_who_is_no_staff_count_for_nothing(cast) -> None:
    assert rights(cookie_of(a_user("ann", "view_account", is_staff=False))) is None


def test_an_expired_session_has_no_rights(cast) -> None:
    cookie = cookie_of(a_user("ann", "view_account"))
    Session.objects.update(expire_date=cast.now - timedelta(seconds=1))

    assert rights(cookie) is None


def test_a_session_ends_with_the_password_it_was_made_by(cast) -> None:
    ann = a_user("ann", "view_account")
    cookie = cookie_of(ann)
    ann.set_password("another")
    ann.save()

    assert rights(cookie) is None


def test_where_staff_need_a_second_factor_a_password_alone_is_not_enough(cast) -> None:
    ann = a_user("ann", "view_account")
    cookie = cookie_of(ann)
    with override_settings(STAFF_SECOND_FACTOR=True):
        assert rights(cookie) is None

        device = TOTPDevice.objects.create(user=ann, confirmed=True, name="authenticator")
        session = ann_session(cookie)
        session[DEVICE_ID_SESSION_KEY] = device.persistent_id
        session.save()
        assert rights(cookie) == Rights(workspaces=None)

        other = TOTPDevice.objects.create(user=a_user("eve"), confirmed=True, name="hers")
        session[DEVICE_ID_SESSION_KEY] = other.persistent_id
        session.save()
        assert rights(cookie) is None


def ann_session(cookie: str):
    from django.contrib.sessions.backends.db import SessionStore

    return SessionStore(key_of(cookie))


def test_any_number_of_streams_is_checked_by_five_statements(
    cast, django_assert_max_num_queries
) -> None:
    keys = [key_of(cookie_of(a_user(f"ann-{number}", "view_account"))) for number in range(20)]

    with django_assert_max_num_queries(6):
        assert len(rights_of(keys)) == 20
