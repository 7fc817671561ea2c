"""Which services a channel may name, and where alerts may lead."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from accounts.alerts.channels import clean_target, try_channel
from accounts.models import Channel
from tests.accounts.alerts.receivers import a_channel

NOT_OFFERED = [
    "syslog://",
    "rsyslog://127.0.0.1",
    "dbus://",
    "gnome://",
    "macosx://",
    "windows://",
    "SysLog://",
    " syslog://",
    "mqtt://127.0.0.1/topic",
    "smpp://user:secret-word@127.0.0.1:2775/1/2",
    "fluxer://x",
]


@pytest.mark.parametrize("url", NOT_OFFERED)
def test_a_service_of_this_machine_is_not_offered_unasked(url) -> None:
    with pytest.raises(ValidationError, match="is not offered: name it in APPRISE_SCHEMES") as said:
        clean_target(Channel.Kind.APPRISE, url)
    assert "secret-word" not in str(said.value)


def test_a_setting_offers_it(settings) -> None:
    settings.APPRISE_SCHEMES = ["rsyslog"]
    assert clean_target(Channel.Kind.APPRISE, "rsyslog://127.0.0.1") == "rsyslog://127.0.0.1"


@pytest.mark.parametrize(
    "url", ["json://10.0.0.1/x", "jsons://hook.example.com", "tgram://123456789:abcdefg_hijk/1/"]
)
def test_what_is_offered_is_taken(url) -> None:
    assert clean_target(Channel.Kind.APPRISE, url) == url


def test_one_that_was_kept_before_is_not_used_either(db) -> None:
    error = try_channel(a_channel(target="syslog://").pk).error
    assert "not offered" in error


@pytest.mark.parametrize("networks", [[], ["10.0.0.0/8"]])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433"])
def test_an_alert_leads_to_no_private_address(db, hook, settings, networks, host) -> None:
    settings.ALERT_NETWORKS = networks
    port = hook.server_address[1]
    outcome = try_channel(a_channel(target=f"json://{host}:{port}/x").pk)
    assert not outcome.sent and "not public, and not in ALERT_NETWORKS" in outcome.error
    assert hook.taken == []


def test_it_does_where_a_setting_says_so(db, hook, settings) -> None:
    settings.ALERT_NETWORKS = ["127.0.0.1"]
    port = hook.server_address[1]
    assert try_channel(a_channel(target=f"json://127.0.0.1:{port}/x").pk).sent
