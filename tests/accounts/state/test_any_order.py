"""Observations in any order: one number is one row, and the newer wins."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from accounts.models import Account, SupersededSession, Transition
from accounts.operators import lifecycle, registration
from accounts.state.observations import BELIEVED, Verdict
from accounts.state.observe import observe
from accounts.store.clock import database_now
from accounts.words.refusals import Refused
from accounts.words.status import Source, Status, Wanted
from tests.cast import make_cast, saw_session

SESSIONS = ["alice", "bob", "charlie", "d", "e"]
NUMBERS = [None, "62811801641", "62811801643", "4915112345678"]
SEEN = [status for status in Status if status not in (Status.PENDING, Status.STOPPED)]
MOMENTS = st.integers(-60, 0)


class World(RuleBasedStateMachine):
    """Two gateways, two workspaces, five sessions, three numbers, and all kinds of sources."""

    def __init__(self):
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.cast = make_cast()
        self.gateways = [self.cast.gateway, self.cast.other_gateway]
        self.workspaces = [self.cast.acme, self.cast.globex]

    def teardown(self):
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    @rule(
        said=st.lists(
            st.tuples(
                st.sampled_from([0, 1]),
                st.sampled_from(SESSIONS),
                st.sampled_from([*SEEN, None]),
                MOMENTS,
                st.sampled_from(NUMBERS),
                st.sampled_from([None, 0, 1]),
                st.sampled_from([Source.WEBHOOK, Source.LIST, Source.READ, Source.CLAIM]),
            ),
            min_size=1,
            max_size=4,
        )
    )
    def somebody_sees(self, said):
        before = {row.pk: row for row in Account.objects.all()}
        outcomes = observe([self.observation(*one) for one in said])
        after = {row.pk: row for row in Account.objects.all()}

        assert before.keys() == after.keys()  # an observation never creates an account
        for outcome in outcomes:
            if outcome.verdict not in BELIEVED:
                assert outcome.was is outcome.now
        if len(said) == 1:
            self.newer_wins(outcomes[0], before, after)

    def observation(self, gateway, session_id, status, second, number, workspace, source):
        return saw_session(
            self.gateways[gateway],
            session_id,
            status,
            at=database_now() + timedelta(seconds=second),
            phone_number=number,
            workspace_id=None if workspace is None else self.workspaces[workspace].pk,
            source=source,
        )

    def newer_wins(self, outcome, before, after):
        seen = outcome.observation
        for pk, row in before.items():
            if after[pk].status != row.status or after[pk].session_id != row.session_id:
                assert row.observed_at is None or seen.observed_at >= row.observed_at
        if outcome.verdict in (Verdict.SUPERSEDED, Verdict.OLDER, Verdict.DUPLICATE):
            assert [row.status for row in after.values()] == [row.status for row in before.values()]

    @rule(
        workspace=st.sampled_from([0, 1]),
        gateway=st.sampled_from([0, 1]),
        session_id=st.sampled_from(SESSIONS),
        number=st.sampled_from(NUMBERS),
        status=st.sampled_from([None, Status.CONNECTED, Status.DISCONNECTED]),
    )
    def somebody_registers(self, workspace, gateway, session_id, number, status):
        words = {
            "workspace": self.workspaces[workspace],
            "gateway": self.gateways[gateway],
            "session_id": session_id,
            "phone_number": number,
            "status": status,
            "actor": "olga",
        }
        try:
            account, _ = registration.register(**words)
        except Refused:
            return
        again, made = registration.register(**words)
        assert (again.pk, again.session_id, made) == (account.pk, account.session_id, False)

    @rule(
        session_id=st.sampled_from(SESSIONS), wanted=st.sampled_from(Wanted), archive=st.booleans()
    )
    def somebody_wants(self, session_id, wanted, archive):
        account = Account.objects.filter(session_id=session_id).first()
        if account is None:
            return
        if archive:
            lifecycle.archive(account, actor="olga")
        elif account.archived_at is None:
            lifecycle.want(account, wanted, actor="olga")

    @invariant()
    def one_number_is_one_row(self):
        numbers = Account.objects.exclude(phone_number=None).values_list(
            "phone_number", "workspace"
        )
        assert len(numbers) == len(set(numbers))

    @invariant()
    def no_session_is_both_current_and_superseded(self):
        current = Account.objects.exclude(session_id=None).values_list("gateway", "session_id")
        past = SupersededSession.objects.values_list("gateway", "session_id")
        assert not set(current) & set(past)

    @invariant()
    def every_history_is_unbroken(self):
        last = dict[int, tuple[str, str | None]]()
        for one in Transition.objects.order_by("id"):
            status, reason = last.get(one.account_id, (one.from_status, None))
            assert status == one.from_status
            # A change of the reason alone leaves a row as well.
            assert (status, reason) != (one.to_status, one.reason)
            last[one.account_id] = one.to_status, one.reason
        for account in Account.objects.filter(pk__in=last):
            assert account.status == last[account.pk][0]

    @invariant()
    def a_tombstone_has_nothing_and_nothing_points_through_it(self):
        for row in Account.objects.exclude(merged_into=None):
            assert (row.session_id, row.phone_number) == (None, None)
            assert row.status == Status.STOPPED
            assert not row.superseded_sessions.exists()


@pytest.mark.django_db
@pytest.mark.timeout(300)  # what a busy machine takes for it
def test_any_order():
    run_state_machine_as_test(
        World,
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
