"""Signing in: wrong passwords are counted, staff may be asked for a second factor."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.dashboard.pages import ACCOUNTS

LOGIN = "/admin/login/"
PASSWORD = "a-good-passphrase"


@pytest.fixture
def root(db):
    return User.objects.create_superuser("root", password=PASSWORD)


def sign_in(password: str, *, username: str = "root", client: Client | None = None, **headers: str):
    said = {"username": username, "password": password}
    return (client or Client()).post(LOGIN, said, headers=headers)


def test_the_right_password_opens(root) -> None:
    assert sign_in(PASSWORD).status_code == 302


@pytest.mark.parametrize("wrong", [0, 9, 10, 120])
def test_after_ten_wrong_ones_the_address_is_turned_away(root, wrong) -> None:
    for number in range(wrong):
        sign_in(f"wrong {number}", username=f"root{number % 3}")
    answer = sign_in(PASSWORD)
    assert answer.status_code == (302 if wrong < 10 else 429)
    if wrong >= 10:
        assert "Try again 15 minutes after the last attempt" in answer.content.decode()


def test_another_address_is_not(root) -> None:
    for _ in range(10):
        sign_in("wrong")
    assert (
        Client(REMOTE_ADDR="192.0.2.7")
        .post(LOGIN, {"username": "root", "password": PASSWORD})
        .status_code
        == 302
    )


@pytest.mark.parametrize(("proxies", "is_believed"), [(["127.0.0.1"], True), ([], False)])
def test_behind_a_trusted_proxy_the_client_counts(root, settings, proxies, is_believed) -> None:
    settings.TRUSTED_PROXIES = proxies
    for _ in range(10):
        sign_in("wrong", **{"X-Forwarded-For": "192.0.2.7"})
    assert sign_in(PASSWORD, **{"X-Forwarded-For": "192.0.2.7"}).status_code == 429
    other = sign_in(PASSWORD, **{"X-Forwarded-For": "192.0.2.8"})
    assert other.status_code == (302 if is_believed else 429)


def test_each_is_logged_without_the_password(root, caplog) -> None:
    sign_in("my-secret-slip", username="another-slip")
    assert "login failure" in caplog.text and "127.0.0.1" in caplog.text
    assert "slip" not in caplog.text


@pytest.mark.parametrize("command", [["axes_reset"], ["axes_reset_ip", "127.0.0.1"]])
def test_a_command_lifts_it(root, command) -> None:
    for _ in range(10):
        sign_in("wrong")
    call_command(*command)
    assert sign_in(PASSWORD).status_code == 302


# --- the second factor ---------------------------------------------------------------------------
PAGES = ["/admin/", ACCOUNTS, "/metrics", "/admin/password_change/", "/admin/auth/user/"]


@pytest.fixture
def staff(root, settings):
    """Has given the password, and is asked for the code."""
    settings.STAFF_SECOND_FACTOR = True
    client = Client()
    client.force_login(root)
    return client


def code_of(device: TOTPDevice) -> str:
    return f"{TOTP(device.bin_key, device.step, device.t0, device.digits).token():06d}"


def set_up(client: Client) -> list[str]:
    """The recovery codes."""
    client.get("/admin/second-factor/")
    code = code_of(TOTPDevice.objects.get())
    page = client.post("/admin/second-factor/", {"code": code}).content.decode()
    return re.findall(r"<li>([a-z0-9]+)</li>", page)


@pytest.mark.parametrize("path", PAGES)
def test_staff_see_no_page_before_the_code(staff, path) -> None:
    for answer in (staff.get(path), staff.post(path)):
        assert answer.status_code == 302
        assert answer.url.startswith("/admin/second-factor/?next=/")


@pytest.mark.parametrize("path", PAGES)
def test_without_the_setting_nobody_is_asked(staff, settings, path) -> None:
    settings.STAFF_SECOND_FACTOR = False
    assert staff.get(path).status_code == 200


def test_the_first_code_sets_it_up(staff) -> None:
    page = staff.get("/admin/second-factor/").content.decode()
    assert "data:image/svg+xml" in page
    assert staff.get("/admin/").status_code == 302
    assert len(set(set_up(staff))) == 10
    assert staff.get("/admin/").status_code == 200


def test_a_wrong_one_sets_up_nothing(staff) -> None:
    staff.get("/admin/second-factor/")
    answer = staff.post("/admin/second-factor/", {"code": "000000x"})
    assert "not right" in answer.content.decode()
    assert not TOTPDevice.objects.filter(confirmed=True).exists()
    assert staff.get("/admin/").status_code == 302


def test_who_has_one_sees_no_key_again(staff, root) -> None:
    set_up(staff)
    thief = Client()
    thief.force_login(root)
    page = thief.get("/admin/second-factor/").content.decode()
    assert "data:image/svg+xml" not in page and "recovery code" in page
    assert TOTPDevice.objects.count() == 1


def test_a_recovery_code_opens_once(staff, root) -> None:
    [code, *_] = set_up(staff)
    for opens in (True, False):
        other = Client()
        other.force_login(root)
        answer = other.post("/admin/second-factor/", {"code": code})
        assert (answer.status_code == 302) is opens
        assert (other.get("/admin/").status_code == 200) is opens


def test_the_code_that_was_used_opens_no_second_time(staff, root) -> None:
    set_up(staff)
    other = Client()
    other.force_login(root)
    other.post("/admin/second-factor/", {"code": code_of(TOTPDevice.objects.get())})
    assert other.get("/admin/").status_code == 302


def test_guessing_is_throttled(staff, root) -> None:
    [code, *_] = set_up(staff)
    other = Client()
    other.force_login(root)
    for guess in range(5):
        other.post("/admin/second-factor/", {"code": f"guess{guess}"})
    # However long these requests took: the pause that they began is not over.
    assert StaticDevice.objects.filter(throttling_failure_count__gt=0).update(
        throttling_failure_timestamp=timezone.now() + timedelta(minutes=1)
    )
    assert other.post("/admin/second-factor/", {"code": code}).status_code == 200
    assert StaticToken.objects.filter(token=code).exists()


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/admin/accounts/account/", "/admin/accounts/account/"),
        ("https://evil.example/", "/admin/"),
    ],
)
def test_one_is_led_back_to_our_own_pages_only(staff, root, asked, led) -> None:
    [code, *_] = set_up(staff)
    other = Client()
    other.force_login(root)
    answer = other.post(f"/admin/second-factor/?next={asked}", {"code": code})
    assert answer.url == led


def test_a_command_begins_anew(staff) -> None:
    set_up(staff)
    call_command("second_factor_reset", "root")
    assert not TOTPDevice.objects.exists()
    assert staff.get("/admin/").status_code == 302


def test_a_stranger_reaches_no_code(client, db, settings) -> None:
    settings.STAFF_SECOND_FACTOR = True
    assert client.get("/admin/second-factor/").url.startswith("/admin/login/")
