"""Channels in the admin: added, edited, tried; their targets are never shown."""

from __future__ import annotations

import pytest

from accounts.models import Channel
from tests.accounts.alerts.receivers import HookServer, a_channel, serving
from tests.dashboard.pages import act

LIST = "/admin/accounts/channel/"
TYPED = {"is_active": "on", "timeout_seconds": "2", "most_per_hour": "60"}


def page_of(channel: Channel) -> str:
    return f"{LIST}{channel.pk}/change/"


def errors(answer) -> str:
    return str(answer.context["adminform"].form.errors)


def test_a_channel_is_added_with_its_addresses(admin):
    typed = {"name": "ops", "kind": "email", "target": " ann@example.com, ben@example.com"}
    admin.post(f"{LIST}add/", typed | TYPED)
    assert Channel.objects.get().target == "ann@example.com,ben@example.com"


def test_an_apprise_url_is_kept_sealed_and_never_shown(admin):
    url = "json://127.0.0.1:1/token-of-the-hook"
    admin.post(f"{LIST}add/", {"name": "chat", "kind": "apprise", "target": url} | TYPED)
    channel = Channel.objects.get()
    assert channel.target == url
    assert "token" not in channel.sealed
    for path in (LIST, page_of(channel), f"{LIST}{channel.pk}/history/"):
        assert "token-of-the-hook" not in admin.get(path).content.decode()


@pytest.mark.parametrize(
    ("kind", "target", "why"),
    [
        ("email", "", "needs a target"),
        ("email", "ann@example.com,nobody", "address 2"),
        ("email", "ann@example.com\nBcc: eve@example.com", "address 1"),
        ("apprise", "secret-token", "does not understand"),
        ("apprise", "json://127.0.0.1/secret-token json://127.0.0.1/2", "several"),
    ],
)
def test_a_bad_target_is_refused_and_not_quoted(admin, kind, target, why):
    answer = admin.post(f"{LIST}add/", {"name": "ops", "kind": kind, "target": target} | TYPED)
    assert why in errors(answer)
    assert "secret-token" not in answer.content.decode()
    assert not Channel.objects.exists()


def test_an_empty_target_keeps_the_one_that_is_set(admin):
    channel = a_channel()
    admin.post(page_of(channel), {"name": "night", "target": ""} | TYPED)
    channel = Channel.objects.get()
    assert (channel.name, channel.target) == ("night", "ann@example.com")


def test_a_new_target_forgets_what_was_wrong_with_the_old_one(admin):
    channel = a_channel(failing_since="2026-11-24T03:00Z", last_error="it answered 500")
    assert "it answered 500" in admin.get(LIST).content.decode()
    admin.post(page_of(channel), {"name": "ops", "target": "ben@example.com"} | TYPED)
    channel.refresh_from_db()
    assert (channel.target, channel.failing_since) == ("ben@example.com", None)


def test_a_test_is_sent_by_a_worker_once_it_is_confirmed(admin, django_capture_on_commit_callbacks):
    with serving(HookServer()) as hook:
        channel = a_channel(target=hook.url)
        with django_capture_on_commit_callbacks(execute=True):
            answer = act(admin, "test", channel, model="channel")
            assert hook.taken == []
        assert "ops: reload this page in" in answer.content.decode()
    assert [said["title"] for said in hook.taken] == ["[Rollcall] test of channel ops"]


def test_nothing_is_deleted_here(admin):
    channel = a_channel()
    assert admin.post(f"{LIST}{channel.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Channel.objects.exists()
