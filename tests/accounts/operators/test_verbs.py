"""Actions of operators on an account, at a gateway that obeys, refuses, hangs or lies."""

from __future__ import annotations

import pytest

from accounts.models import Account, GatewaySecret
from accounts.operators import lifecycle, registration
from accounts.repair.targeted_read import confirm
from accounts.words.refusals import Refused
from accounts.words.status import Source, Status, Wanted
from gateways import registry
from gateways.base import BadAnswer, GatewayError, KeyRejected, TimedOut
from gateways.base import ConnectionRefused as NobodyListens
from simulator import still_world
from simulator.served.transport import transport
from simulator.world import faults, process
from tests.cast import NOBODY, left_behind, see, story
from tests.simulator.simulated import connected

KEY = "test-key"


@pytest.fixture
def world(cast):
    """Simulate the gateway of the cast; its webhooks go nowhere."""
    world = still_world(lambda *request: 200)
    secret = GatewaySecret(gateway=cast.gateway, purpose="api_key")
    secret.secret = KEY
    secret.save()
    with registry.use_transport(NOBODY, transport(world)):
        yield world


@pytest.fixture
def alice(cast, world, rung):
    connected(world, "alice", phone_number="62811801641", workspace_id=cast.acme.pk)
    return cast.alice


@pytest.fixture
def asks_for_a_read(rung, alice, django_capture_on_commit_callbacks):
    """Run an action, and check that the session is read afterwards in every case."""

    def run(verb, *args, **fields):
        with django_capture_on_commit_callbacks(execute=True):
            try:
                return verb(*args, actor="olga", **fields)
            finally:
                alice.refresh_from_db()

    yield run
    assert ("accounts.tasks.confirm_session", (alice.gateway_id, "alice")) in rung


# --- a gateway that obeys -----------------------------------------------------------------------
def test_unlinking_ends_the_session_and_the_row_follows(world, alice, asks_for_a_read):
    asks_for_a_read(lifecycle.unlink, alice)
    assert (alice.wanted, alice.status) == (Wanted.STOPPED, Status.CONNECTED)
    assert "alice" not in world.sessions

    confirm(alice.gateway_id, "alice")
    alice.refresh_from_db()

    assert alice.status == Status.STOPPED


def test_unlinking_deletes_no_login_of_a_session_that_is_not_there(world, alice, asks_for_a_read):
    """The gateway would delete the login of a missing session too."""
    faults.lose(world, "alice")

    asks_for_a_read(lifecycle.unlink, alice)

    assert "alice" in world.logins


# --- one that does not --------------------------------------------------------------------------
def nobody_listens(world):
    process.stop(world)


def it_hangs(world):
    process.freeze(world)


def it_knows_another_key(world):
    GatewaySecret.objects.all().delete()
    secret = GatewaySecret(gateway_id=Account.objects.first().gateway_id, purpose="api_key")
    secret.secret = "wrong"
    secret.save()


TROUBLES = [
    (nobody_listens, NobodyListens),
    (it_hangs, TimedOut),
    (it_knows_another_key, KeyRejected),
]


@pytest.mark.parametrize(("trouble", "error"), TROUBLES)
def test_it_says_why_and_looks_again(world, alice, asks_for_a_read, trouble, error):
    trouble(world)

    with pytest.raises(error) as raised:
        asks_for_a_read(lifecycle.unlink, alice)

    assert KEY not in str(raised.value) and "wrong" not in str(raised.value)
    assert alice.status == Status.CONNECTED  # a failed call says nothing about the session
    assert "alice" in world.sessions


def test_without_a_key_nothing_is_asked(cast, alice):
    GatewaySecret.objects.all().delete()

    with pytest.raises(GatewayError, match="no active API key"):
        lifecycle.unlink(alice, actor="olga")


def test_a_lie_is_a_claim_without_proof(world, alice):
    """The gateway still says connected after the browser was killed: a claim without proof."""
    faults.crash(world, "alice", honest=False)
    confirm(alice.gateway_id, "alice")
    alice.refresh_from_db()
    assert (alice.status, alice.proven_at) == (Status.CONNECTED, None)


def test_an_answer_about_another_session_is_no_answer(cast, world, alice):
    world.sessions["alice"].session_id = "mallory"

    with pytest.raises(BadAnswer):
        lifecycle.unlink(alice, actor="olga")
    assert "alice" in world.logins


# --- what cannot be done ------------------------------------------------------------------------
def test_what_is_wanted_stopped_is_not_restarted(alice):
    lifecycle.want(alice, Wanted.STOPPED, actor="olga")

    with pytest.raises(Refused, match="set it to keep running first"):
        lifecycle.restart(alice, actor="olga")


@pytest.fixture
def tombstone(cast, rung):
    """Return Bob's row after he turned out to be Alice."""
    see(cast.bob, Status.CONNECTED, at=cast.ago(1), phone_number="62811801641")
    return cast.bob


@pytest.mark.parametrize(
    "verb",
    [
        lifecycle.restart,
        lifecycle.unlink,
        lifecycle.archive,
        lambda account, actor: lifecycle.want(account, Wanted.RUNNING, actor=actor),
        lambda account, actor: lifecycle.want(account, Wanted.STOPPED, actor=actor),
        lambda account, actor: lifecycle.mark_disconnected(account, why="gone", actor=actor),
        lambda account, actor: registration.adopt(
            account, "x", gateway=account.gateway, actor=actor
        ),
    ],
)
def test_nothing_is_done_to_a_tombstone(cast, tombstone, verb):
    with pytest.raises(Refused, match=f"merged into account {cast.alice.pk}: act there"):
        verb(tombstone, actor="olga")
    tombstone.refresh_from_db()
    assert tombstone.status == Status.STOPPED


# --- words of people ----------------------------------------------------------------------------
def test_what_a_person_says_is_written_with_name_and_reason(alice):
    lifecycle.mark_disconnected(alice, why="phone was\x1b[31m stolen", actor="olga")
    alice.refresh_from_db()

    assert (alice.status, alice.status_reason) == (Status.DISCONNECTED, "operator")
    assert alice.status_raw == "phone was\\u001b[31m stolen"
    transition = alice.transitions.get()
    assert (transition.source, transition.actor) == (Source.OPERATOR, "olga")


def test_the_next_read_may_say_otherwise(alice):
    lifecycle.mark_disconnected(alice, why="I think so", actor="olga")
    confirm(alice.gateway_id, "alice")

    assert story(alice) == [("connected", "disconnected"), ("disconnected", "connected")]


def test_a_long_reason_is_cut(alice):
    lifecycle.mark_disconnected(alice, why="x" * 5000, actor="o" * 500)
    alice.refresh_from_db()

    assert len(alice.status_raw) == 200


def test_adopting_puts_the_account_on_another_session(cast, world, alice):
    connected(world, "fresh", phone_number="62811801641", workspace_id=cast.acme.pk)

    account = registration.adopt(alice, "fresh", gateway=cast.gateway, actor="olga")
    confirm(cast.gateway.pk, "fresh")
    account.refresh_from_db()

    assert (account.pk, account.session_id, account.status) == (
        alice.pk,
        "fresh",
        Status.CONNECTED,
    )
    assert left_behind(alice) == {"alice"}


def test_adopting_a_session_that_waits_for_a_scan_says_so(cast, world, alice):
    """The incident's unclaimed session, adopted with one click."""
    world.create("waiting", cast.acme.pk)
    world.settle()

    registration.adopt(alice, "waiting", gateway=cast.gateway, actor="olga")
    confirm(cast.gateway.pk, "waiting")
    alice.refresh_from_db()

    assert (alice.session_id, alice.status) == ("waiting", Status.QR_SCANNING)
    assert alice.phone_number == "62811801641"


def test_an_account_without_a_number_adopts_nothing(cast):
    with pytest.raises(Refused, match="no number yet"):
        registration.adopt(cast.bob, "fresh", gateway=cast.gateway, actor="olga")


def test_another_accounts_session_is_not_adopted(cast, alice):
    with pytest.raises(Refused, match=f"belongs to account {cast.charlie.pk}"):
        registration.adopt(alice, "charlie", gateway=cast.gateway, actor="olga")


def test_archiving_twice_keeps_the_first_moment(cast, rung):
    lifecycle.archive(cast.charlie, actor="olga")
    first = cast.charlie.archived_at

    lifecycle.archive(cast.charlie, actor="olga")

    assert cast.charlie.archived_at == first


def test_archiving_what_may_still_run_waits_until_it_is_gone(cast, rung):
    lifecycle.archive(cast.alice, actor="olga")

    assert (cast.alice.wanted, cast.alice.status) == (Wanted.STOPPED, Status.CONNECTED)
    see(cast.alice, Status.DISCONNECTED, at=cast.now, source=Source.READ)
    assert cast.alice.status == Status.STOPPED
