"""Everything a real Node service sent in one session of faults, byte by byte and as signed, comes
in at the time when it came: what is left is the truth."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from accounts.models import Account, Incident, SupersededSession, Transition
from gateways.registry import use_transport
from tests.cast import a_gateway, a_workspace, left_behind, story
from tests.gateways.kinds import recorded
from tests.webhooks.sending import Sender, give_secret, signed
from webhooks.models import Delivery

OLD, CURRENT = "webjs_1_1763264512_KUfMjqya", "webjs_1_1763264318_rCdIqxMG"
GATEWAY = "http://localhost:3901"
NUMBER = "15550100001"


def moment_of(line) -> datetime:
    return datetime.fromtimestamp(line["t"], UTC)


@pytest.fixture
def gateway(db):
    """The recorded service, with both of its sessions registered, never seen and without number."""
    workspace = a_workspace("Acme")
    type(workspace).objects.filter(pk=workspace.pk).update(id=1)
    gateway = a_gateway("recorded", base_url=GATEWAY)
    give_secret(gateway, "hmac", recorded.SECRET)
    give_secret(gateway, "api_key", recorded.API_KEY)
    began = moment_of(recorded.webhooks()[0]) - timedelta(minutes=1)
    for session_id in (OLD, CURRENT):
        Account.objects.create(
            workspace_id=1, gateway=gateway, session_id=session_id, status_since=began
        )
    return gateway


@pytest.fixture
def replay(gateway, at):
    """Send every recorded request at its time; the answers."""

    def send_all() -> list[httpx.Response]:
        answers = []
        for line in recorded.webhooks():
            at(moment_of(line))
            body = line["body"].encode()
            answers.append(Sender().post(body, line["headers"], path=line["path"]))
        return answers

    return send_all


def the_account() -> Account:
    return Account.objects.get(merged_into__isnull=True)


def test_every_recorded_request_is_believed_and_kept(replay):
    assert [answer.status_code for answer in replay()] == [200] * 11
    kept = list(Delivery.objects.order_by("id").values_list("event", "received_at"))
    sent = [(json.loads(line["body"])["event"], moment_of(line)) for line in recorded.webhooks()]
    assert kept == sent


def test_one_account_is_left_lost_to_a_conflict(replay):
    replay()
    account = the_account()
    assert (account.phone_number, account.session_id) == (NUMBER, CURRENT)
    assert (account.status, account.status_reason, account.status_raw) == (
        "disconnected",
        "replaced",
        "CONFLICT",
    )
    assert account.status_since == moment_of(recorded.webhooks()[8])


def test_the_other_session_is_superseded_and_its_row_a_tombstone(replay):
    replay()
    assert left_behind(the_account()) == {OLD}
    tombstone = Account.objects.get(merged_into__isnull=False)
    assert (tombstone.merged_into, tombstone.session_id, tombstone.phone_number) == (
        the_account(),
        None,
        None,
    )


def test_the_later_events_of_the_superseded_session_are_ignored(replay):
    replay()
    later = Delivery.objects.filter(session_id=OLD).order_by("-id")[:2]
    assert [row.event for row in later] == ["session_reconnected", "session_disconnected"]
    for row in later:
        assert row.state == "superseded" and "superseded by another" in row.error


def test_nobody_believes_that_it_reconnected(replay):
    replay()
    claimed = Delivery.objects.get(session_id=CURRENT, event="session_reconnected")
    assert "changes nothing by itself" in claimed.error
    assert not Transition.objects.filter(observed_at__gte=claimed.received_at).exists()


def test_both_announcements_of_one_login_are_genuine(replay):
    replay()
    ready = Delivery.objects.filter(event="session_ready", session_id=CURRENT).order_by("id")
    assert len({row.digest for row in ready}) == 1  # byte-identical
    assert [row.state for row in ready] == ["applied", "applied"]
    moments = list(
        Transition.objects.filter(to_status="connected", session_id=CURRENT)
        .order_by("id")
        .values_list("observed_at", flat=True)
    )
    assert moments == [row.received_at for row in ready][-len(moments) :]


def test_the_history_is_unbroken(replay):
    replay()
    steps = story(the_account())
    assert all(before[1] == after[0] for before, after in zip(steps, steps[1:], strict=False))
    assert steps[-1] == ("connected", "disconnected")


def test_they_came_on_the_wrong_path_and_operators_are_told(replay):
    replay()
    assert Incident.objects.get().kind == "misrouted"


def answer_as_recorded(request: httpx.Request) -> httpx.Response:
    """Answer as the same service did 8 s after the conflict."""
    asked = request.url.path.split("/")[3]
    line = recorded.call("page state CONFLICT status")
    if asked not in line["path"]:
        return httpx.Response(404, text='{"error":"Session not found"}')
    return httpx.Response(line["status"], text=line["answer"])


def test_reading_the_session_afterwards_says_the_same(
    replay, gateway, django_capture_on_commit_callbacks
):
    replay()
    before = the_account()
    with (
        use_transport(GATEWAY, httpx.MockTransport(answer_as_recorded)),
        django_capture_on_commit_callbacks(execute=True) as reads,
    ):
        line = recorded.webhooks()[-1]
        body = line["body"].encode()
        moment = str(int(line["headers"]["X-Timestamp"]) + 1)  # as it signs a retry
        headers = line["headers"] | signed("test-secret", body, timestamp=moment)
        Sender().post(body, headers, path=line["path"])
    after = the_account()
    assert len(reads) == 1 and after.read_at is not None
    assert (after.status, after.status_reason) == (before.status, before.status_reason)
    assert SupersededSession.objects.get().session_id == OLD
