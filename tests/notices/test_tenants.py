"""Nothing of one workspace's accounts is told to people of another, or shown to those who left."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User

from accounts.models import Membership
from accounts.words.status import Status
from gateways.base import Reason
from notices.models import Delivery, Subscription
from notices.subscriptions import latest, unread
from notices.wording.story import Teller
from tests.notices.conftest import Town

MINE = "/admin/notices/notice/mine/"
LOSSES = [
    (Status.LOGGED_OUT, Reason.UNLINKED),
    (Status.BLOCKED, Reason.TERMS_OF_SERVICE),
    (Status.DISCONNECTED, Reason.NETWORK),
]


def lose(town, *accounts, status=Status.LOGGED_OUT, reason=Reason.UNLINKED):
    town.turn(*accounts, status=status, reason=reason)
    town.passes(240, every=5)


def told_to(user) -> str:
    """All that one person was told, by every kind of recipient, in its words."""
    rows = Delivery.objects.filter(subscription__user=user).select_related("subscription", "notice")
    return " ".join(str(Teller(row.subscription, row.created_at).tell(row)) for row in rows)


@pytest.mark.parametrize(("status", "reason"), LOSSES)
def test_people_are_told_of_their_workspace_s_numbers_only(town: Town, status, reason):
    """Both were lost at once, at one gateway."""
    ours = town.number("ours")
    theirs = town.number("theirs", workspace=town.cast.globex)
    lose(town, ours, theirs, status=status, reason=reason)
    town.turn(ours, theirs, status=Status.CONNECTED)
    town.passes(120)
    whats = set(
        Delivery.objects.filter(subscription__user=town.gina).values_list("what", flat=True)
    )
    assert whats == {"lost", "back"}
    for user, own, other in ((town.olga, ours, theirs), (town.gina, theirs, ours)):
        assert f"+{own.phone_number}" in told_to(user)
        assert str(other.phone_number) not in told_to(user)


def test_who_is_subscribed_to_the_gateway_hears_of_no_other_workspace_there(town: Town):
    hook = Subscription(kind="webhook", workspace=town.cast.globex, gateway=town.cast.gateway)
    hook.target = "https://hooks.example.com/x"
    hook.save()
    ours = town.number("ours")
    lose(town, ours)
    assert not Delivery.objects.filter(subscription=hook).exists()
    theirs = town.number("theirs", workspace=town.cast.globex)
    lose(town, theirs)
    row = Delivery.objects.select_related("subscription", "notice").get(subscription=hook)
    said = str(Teller(hook, town.now()).tell(row))
    assert str(theirs.phone_number) in said and str(ours.phone_number) not in said


def as_staff(user, *permissions):
    User.objects.filter(pk=user.pk).update(is_staff=True)
    for name in permissions:
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label="accounts", codename=name)
        )


def page_of(client, user) -> str:
    client.force_login(User.objects.get(pk=user.pk))
    answer = client.get(MINE)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_list_behind_the_bell_is_a_person_s_own(town: Town, client):
    ours = town.number("ours")
    lose(town, ours)
    for user in (town.olga, town.gina):
        as_staff(user)
    assert str(ours.phone_number) in page_of(client, town.olga)
    assert str(ours.phone_number) not in page_of(client, town.gina)


def test_who_was_moved_to_another_workspace_sees_the_first_one_s_notices_no_more(
    town: Town, client
):
    ours = town.number("ours")
    lose(town, ours)
    as_staff(town.olga)
    Membership.objects.filter(user=town.olga).update(workspace=town.cast.globex)
    assert str(ours.phone_number) not in page_of(client, town.olga)
    assert (unread(town.olga.pk), latest(town.olga.pk, 50)) == (0, [])

    Membership.objects.filter(user=town.olga).update(workspace=town.cast.acme)
    assert str(ours.phone_number) in page_of(client, town.olga)


def test_staff_who_may_view_accounts_no_more_see_no_notice_of_all(town: Town, client):
    anna = User.objects.create(username="anna")
    as_staff(anna, "view_account")
    ours = town.number("ours")
    lose(town, ours)
    assert str(ours.phone_number) in page_of(client, anna)
    anna.user_permissions.clear()
    assert str(ours.phone_number) not in page_of(client, anna)
