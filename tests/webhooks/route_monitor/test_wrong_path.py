"""Two wrong paths are known from the field: what arrives there counts, and is said to operators."""

from __future__ import annotations

import pytest

from accounts.models import Incident
from accounts.operators.webhook_settings import ensure_taking
from tests.webhooks.sending import PATH, Sender, as_bytes, event, lost, the_delivery
from webhooks import misrouted
from webhooks.models import RefusedRequest
from webhooks.route_monitor.refused_requests import flush_refusals

HARD_CODED = "/api/whatsapp/webhooks/webjs"
MISCONFIGURED = "/api/webhooks/whatsapp-webjs"
both = pytest.mark.parametrize("path", [HARD_CODED, MISCONFIGURED])


@pytest.fixture(autouse=True)
def _nothing_noted_yet(monkeypatch):
    monkeypatch.setattr(misrouted, "_noted", {})


@both
def test_what_arrives_on_a_wrong_path_counts(cast, sender, path):
    assert sender.send(lost(), path=path).json()["state"] == "applied"
    cast.alice.refresh_from_db()
    assert (cast.alice.status, the_delivery().path) == ("disconnected", path)


@both
def test_an_incident_names_the_wrong_path_and_the_right_one(cast, sender, path):
    sender.send(lost(), path=path)
    incident = Incident.objects.get()
    assert (incident.kind, incident.gateway, incident.closed_at) == (
        "misrouted",
        cast.gateway,
        None,
    )
    assert incident.text == f"whatsapp-1 sends to {path}: 1 event, not lost."
    assert "WEBHOOK_ENDPOINT=/api/webhooks/webjs" in incident.cure


@both
def test_the_answer_says_where_to_send_to(sender, path):
    assert sender.send(lost(), path=path).json()["wrong_path"].endswith(PATH)


def test_one_incident_stands_for_many_webhooks(sender):
    for path in (HARD_CODED, MISCONFIGURED, HARD_CODED):
        sender.send(lost(), path=path)
    assert Incident.objects.get().count == 1  # those who watch the route count


def test_the_right_path_raises_nothing(sender):
    assert "wrong_path" not in sender.send(lost()).json()
    assert not Incident.objects.exists()


@both
def test_a_stranger_on_a_wrong_path_raises_nothing(cast, path):
    assert Sender(secret="a stranger's").send(lost(), path=path).status_code == 401
    assert not Incident.objects.exists()


@pytest.mark.parametrize("path", ["/api/webhooks/nobody", "/api/", "/api/webhooks/webjs/"])
def test_on_any_other_path_who_can_be_trusted_is_heard(cast, sender, path):
    answer = sender.send(lost(), path=path)
    assert answer.status_code == 200 and PATH in answer.json()["wrong_path"]
    cast.alice.refresh_from_db()
    assert cast.alice.status == "disconnected"
    assert path in Incident.objects.get().text


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/webhooks/nobody", "/api/", "/hooks/wa", "/"])
def test_on_any_other_path_a_stranger_is_told_that_nothing_is_there(path):
    answer = Sender(secret="a stranger's").send(lost(), path=path)
    assert answer.status_code == 404 and PATH in answer.json()["reason"]
    assert not Incident.objects.exists()


@pytest.mark.parametrize("path", ["/hooks/wa", "/", "/api/hooks", "/health/x"])
def test_it_need_not_be_below_the_api(cast, sender, path):
    assert sender.send(lost(), path=path).json()["state"] == "applied"


def test_a_path_that_was_accepted_is_a_right_one(cast, sender):
    cast.gateway.accepted_paths = ["/hooks/wa"]
    cast.gateway.save()
    assert "wrong_path" not in sender.send(lost(), path="/hooks/wa").json()
    assert not Incident.objects.exists()


def test_other_methods_find_nothing(client):
    assert client.get("/hooks/wa").status_code == 404
    assert client.get("/api/hooks/wa").json()["success"] is False


@pytest.mark.parametrize("path", ["/webhooks/waha/{}", "/api/hooks/{}", "/{}/more", "/api/x/{}x"])
def test_a_token_on_a_misspelt_path_is_not_kept_or_answered(cast, path):
    token = "a1b2c3d4e5f6a7b8c9d0"
    answer = Sender().post(as_bytes(lost()), {}, path=path.format(token))
    flush_refusals()
    [refused] = RefusedRequest.objects.all()
    assert answer.status_code == 404
    assert token not in refused.path + answer.content.decode() and "…" in refused.path


def test_a_path_with_a_key_in_it_is_accepted_and_the_key_kept_nowhere(cast, sender):
    path = "/hooks/k3y0fS0mebody1234/in"
    assert "wrong_path" in sender.send(lost(), path=path).json()
    assert the_delivery().path == "/hooks/…/in"
    assert path not in Incident.objects.get().text
    ensure_taking(cast.gateway, accept_path=path)
    assert cast.gateway.accepted_paths == ["/hooks/…/in"]
    assert "wrong_path" not in sender.send(event("session_ready"), path=path).json()
