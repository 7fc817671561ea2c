"""A gateway's form writes secrets and never shows them."""

from __future__ import annotations

import pytest

from accounts.models import Gateway, GatewaySecret
from tests.dashboard.pages import listed, told, words

ADD = "/admin/accounts/gateway/add/"
SECRET = "s3cret-of-the-gateway"


def a_form(*, secrets=(), **fields):
    form = {"name": "new", "kind": "webjs", "base_url": "http://10.0.0.5:3001", "mode": "act"}
    form |= {"send_probe": "silent"}
    form |= {"secrets-TOTAL_FORMS": len(secrets), "secrets-INITIAL_FORMS": 0} | fields
    for number, (purpose, value) in enumerate(secrets):
        form |= {f"secrets-{number}-purpose": purpose, f"secrets-{number}-value": value}
    return form


def page_of(gateway):
    return f"/admin/accounts/gateway/{gateway.pk}/change/"


def test_a_new_gateway_keeps_its_secrets_sealed(admin):
    admin.post(ADD, a_form(secrets=[("api_key", SECRET), ("hmac", SECRET + "2")]))
    secrets = Gateway.objects.get(name="new").secrets.all()
    assert [secret.secret for secret in secrets] == [SECRET + "2", SECRET]
    assert not any(SECRET in secret.sealed for secret in secrets)


def test_no_page_ever_shows_one_again(admin, cast):
    secret = GatewaySecret(gateway=cast.gateway, purpose="api_key")
    secret.secret = SECRET
    secret.save()
    history = page_of(cast.gateway).replace("change", "history")
    for path in (page_of(cast.gateway), history, "/admin/accounts/gateway/", "/admin/"):
        page = admin.get(path).content.decode()
        assert SECRET not in page, path
        assert secret.sealed not in page, path


def test_a_form_that_is_shown_again_has_forgotten_it(admin):
    answer = admin.post(ADD, a_form(base_url="no address", secrets=[("api_key", SECRET)]))
    assert answer.status_code == 200
    assert SECRET not in answer.content.decode()


def test_the_history_says_that_it_changed_not_to_what(admin):
    admin.post(ADD, a_form(secrets=[("api_key", SECRET)]))
    page = page_of(Gateway.objects.get(name="new")).replace("change", "history")
    assert SECRET not in admin.get(page).content.decode()


def test_an_old_secret_can_be_ended_not_rewritten(admin, cast):
    secret = GatewaySecret(gateway=cast.gateway, purpose="hmac")
    secret.secret = SECRET
    secret.save()
    form = a_form(
        **{
            "name": "whatsapp-1",
            "base_url": cast.gateway.base_url,
            "secrets-TOTAL_FORMS": 1,
            "secrets-INITIAL_FORMS": 1,
            "secrets-0-id": secret.pk,
            "secrets-0-gateway": cast.gateway.pk,
            "secrets-0-value": "another",
            "secrets-0-not_after_0": "2025-01-01",
            "secrets-0-not_after_1": "00:00:00",
        }
    )
    admin.post(page_of(cast.gateway), form)
    secret.refresh_from_db()
    assert secret.secret == SECRET
    assert secret.not_after is not None
    assert not secret.is_active(cast.now)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("ftp://10.0.0.5", "it must begin with http:// or https://"),
        ("http://user:pass@10.0.0.5", "leave name and password out"),
        ("http://10.0.0.5/?key=1", "leave out what follows"),
        ("javascript:alert(1)", "it must begin with"),
        ("http://127.0.0.1:1", "has the address http://127.0.0.1:1"),
        ("http://[::1", "Invalid IPv6 URL"),
        ("http://a\u0000b", "Null characters"),
    ],
)
def test_an_address_that_cannot_be_meant_is_refused(admin, cast, address, why):
    Gateway.objects.exclude(pk=cast.gateway.pk).delete()
    answer = admin.post(ADD, a_form(base_url=address))
    assert why in words(answer)
    assert not Gateway.objects.filter(name="new").exists()


def test_its_kind_stays(admin, cast):
    admin.post(page_of(cast.gateway), a_form(name="whatsapp-1", kind="other"))
    cast.gateway.refresh_from_db()
    assert cast.gateway.kind == "webjs"


def test_it_says_where_its_webhooks_go_and_how_it_is(admin, cast):
    Gateway.objects.filter(pk=cast.gateway.pk).update(blind_since=cast.ago(60), blind_why="refused")
    page = words(admin.get(page_of(cast.gateway)))
    assert "/api/webhooks/webjs" in page
    assert "cannot be read for 60 s: refused" in page
    assert "1 Connected" in page


def test_the_list_counts_who_is_connected(admin, cast):
    first, second = listed(admin.get("/admin/accounts/gateway/"))
    assert "never read" in first
    assert "1 of 3" in first
    assert "0 of 0" in second


def test_a_gateway_is_saved_with_its_mode(admin, cast):
    form = a_form(name="whatsapp-1", base_url=cast.gateway.base_url, mode="observe")
    assert told(admin.post(page_of(cast.gateway), form, follow=True))
    cast.gateway.refresh_from_db()
    assert cast.gateway.mode == "observe"


def test_a_host_may_have_a_bare_name(admin, cast):
    admin.post(ADD, a_form(base_url="http://node-service:3001/"))
    assert Gateway.objects.filter(base_url="http://node-service:3001").exists()


def test_it_sets_when_to_probe_with_a_message(admin, cast):
    form = a_form(name=cast.gateway.name, base_url=cast.gateway.base_url, send_probe="off")
    admin.post(page_of(cast.gateway), form)
    cast.gateway.refresh_from_db()
    assert cast.gateway.send_probe == Gateway.SendProbe.OFF
    page = admin.get(page_of(cast.gateway)).content.decode()
    assert "When to probe with a message" in page


@pytest.mark.parametrize("path", [ADD, "/admin/accounts/workspace/add/", None])
def test_what_is_not_saved_yet_shows_no_moment_of_its_making(admin, cast, path):
    page = admin.get(path or page_of(cast.gateway))
    assert page.status_code == 200
    assert "DatabaseDefault" not in page.content.decode()


def test_a_saved_secret_shows_since_when_it_is_there(admin, cast):
    secret = GatewaySecret(gateway=cast.gateway, purpose="hmac")
    secret.secret = SECRET
    secret.save()
    secret.refresh_from_db()
    page = admin.get(page_of(cast.gateway)).content.decode()
    assert f"{secret.created_at:%Y-%m-%d %H:%M:%S} UTC" in page


@pytest.mark.parametrize("secret", ["whsec_ab-_cd", "v1,whsec_no base64!", "whsk_MfKQ9r8GKYqrTwj="])
def test_a_secret_that_would_sign_with_other_bytes_is_refused_with_the_reason(admin, secret):
    page = admin.post(ADD, a_form(kind="standard", secrets=[("hmac", secret)]))
    assert "It cannot be used: " in words(page)
    assert secret not in page.content.decode()
    assert not Gateway.objects.filter(name="new").exists()


def test_other_kinds_sign_with_any_text(admin):
    admin.post(ADD, a_form(secrets=[("hmac", "whsec_ab-_cd")]))
    [secret] = Gateway.objects.get(name="new").secrets.all()
    assert secret.secret == "whsec_ab-_cd"
