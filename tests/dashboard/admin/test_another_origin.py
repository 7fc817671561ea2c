"""Who leads a gateway to another origin must know its secrets, and may change them."""

from __future__ import annotations

import pytest

from accounts.models import Gateway
from tests.cast import NOBODY
from tests.dashboard.admin.test_gateway_form import a_form, page_of
from tests.dashboard.conftest import a_visitor
from tests.dashboard.pages import words
from tests.webhooks.sending import give_secret

ELSEWHERE = "https://collector.example.net:8443"
KEY, HMAC, OWN_PATH = "the-api-key", "the-hmac-secret", "the-secret-path-of-it"
ALL = (("api_key", KEY), ("hmac", HMAC), ("path", OWN_PATH))


def save(client, gateway, **fields):
    """Send the gateway's form as its page shows it, with what was typed."""
    was = {"name": gateway.name, "base_url": gateway.base_url, "forward_url": gateway.forward_url}
    answer = client.post(page_of(gateway), a_form(**was | fields))
    gateway.refresh_from_db()
    return answer


@pytest.mark.parametrize("field", ["base_url", "forward_url"])
@pytest.mark.parametrize(
    ("kept", "given", "is_led_there"),
    [
        (ALL, "", False),
        (ALL, "wrong", False),
        (ALL, KEY, False),
        (ALL, f"{KEY}\n{HMAC}", False),
        (ALL, f"{KEY} \n{HMAC}\n{OWN_PATH}", False),
        (ALL, f"{KEY}{HMAC}{OWN_PATH}", False),
        (ALL, f"{OWN_PATH}\r\n{KEY}\r\n{HMAC}", True),
        ((*ALL[:1], ("api_key", "added a moment ago")), "added a moment ago", False),
        (ALL[1:2], "", False),
        (ALL[1:2], f"{HMAC}\nand more", True),
        ((), "", True),
    ],
)
def test_it_is_led_elsewhere_by_who_knows_all_its_secrets(
    admin, cast, field, kept, given, is_led_there
) -> None:
    for purpose, value in kept:
        give_secret(cast.gateway, purpose, value)
    answer = save(admin, cast.gateway, secrets_again=given, **{field: ELSEWHERE})
    assert (getattr(cast.gateway, field) == ELSEWHERE) is is_led_there
    if not is_led_there:
        page = words(answer)
        assert "is another origin" in page and "or end them first" in page
        assert not any(value in answer.content.decode() for _, value in kept)


@pytest.mark.parametrize(
    ("before", "after", "is_asked"),
    [
        ("http://10.0.0.5:3001", "http://10.0.0.5:3001/wa", False),
        ("http://10.0.0.5", "http://10.0.0.5:80/", False),
        ("https://node", "https://NODE:443", False),
        ("http://10.0.0.5:3001", "http://10.0.0.5:3002", True),
        ("http://10.0.0.5:3001", "https://10.0.0.5:3001", True),
        ("http://10.0.0.5:3001", "http://10.0.0.6:3001", True),
        ("http://node", "http://node.evil.example", True),
        ("http://node", "http://node:8080", True),
    ],
)
def test_another_path_of_the_same_origin_asks_for_nothing(
    admin, cast, before, after, is_asked
) -> None:
    cast.gateway.base_url = before
    cast.gateway.save()
    give_secret(cast.gateway, "api_key", KEY)
    save(admin, cast.gateway, base_url=after)
    assert (cast.gateway.base_url == before) is is_asked


def test_ending_what_was_forwarded_asks_for_nothing(admin, cast) -> None:
    Gateway.objects.filter(pk=cast.gateway.pk).update(forward_url=ELSEWHERE)
    give_secret(cast.gateway, "api_key", KEY)
    save(admin, cast.gateway, forward_url="")
    assert cast.gateway.forward_url == ""


@pytest.mark.parametrize(
    ("permissions", "is_led_there"),
    [
        (("change_gateway",), False),
        (("change_gateway", "view_gatewaysecret"), False),
        (("change_gateway", "add_gatewaysecret"), False),
        (("change_gateway", "change_gatewaysecret"), True),
    ],
)
def test_it_needs_the_permission_on_secrets(cast, permissions, is_led_there) -> None:
    give_secret(cast.gateway, "api_key", KEY)
    names = [f"accounts.{name}" for name in ("view_gateway", *permissions)]
    client = a_visitor("olga", *names)
    page = client.get(page_of(cast.gateway)).content.decode()
    assert ('name="base_url"' in page) is ('name="secrets_again"' in page) is is_led_there
    save(client, cast.gateway, secrets_again=KEY, base_url=ELSEWHERE, forward_url=ELSEWHERE)
    assert cast.gateway.base_url == (ELSEWHERE if is_led_there else NOBODY)
    assert cast.gateway.forward_url == (ELSEWHERE if is_led_there else "")


@pytest.mark.parametrize("end", [("", ""), ("2100-01-01", "00:00:00")], ids=["none", "far"])
def test_a_secret_that_ended_before_is_not_revived_after(admin, cast, end) -> None:
    """Else it would be ended, the gateway led elsewhere, and the end taken back."""
    secret = give_secret(cast.gateway, "api_key", KEY, ends_in=-5)
    save(admin, cast.gateway, base_url=ELSEWHERE)
    assert cast.gateway.base_url == ELSEWHERE
    inline = {
        "secrets-TOTAL_FORMS": 1,
        "secrets-INITIAL_FORMS": 1,
        "secrets-0-id": secret.pk,
        "secrets-0-gateway": cast.gateway.pk,
        "secrets-0-not_after_0": end[0],
        "secrets-0-not_after_1": end[1],
    }
    answer = save(admin, cast.gateway, **inline)
    assert "It has ended, and stays so" in answer.content.decode()
    secret.refresh_from_db()
    assert not secret.is_active(cast.now)


def test_what_cannot_be_opened_cannot_be_compared(admin, cast) -> None:
    secret = give_secret(cast.gateway, "api_key", KEY)
    type(secret).objects.filter(pk=secret.pk).update(sealed="not ours")
    answer = save(admin, cast.gateway, secrets_again=KEY, base_url=ELSEWHERE)
    assert cast.gateway.base_url == NOBODY and "1 of API key" in words(answer)
