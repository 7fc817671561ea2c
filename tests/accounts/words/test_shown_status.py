"""The shown status is derived from the age of what we know, in Python and in SQL alike."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Account, Gateway
from accounts.words.status import LIVE, URGENCY, Status

AGES = (
    st.none() | st.sampled_from([0, 1, 44, 44.999999, 45, 45.000001, 46, 3600]) | st.floats(0, 99)
)


@st.composite
def rows(draw):
    return {
        "status": draw(st.sampled_from(Status)),
        "status_since": draw(AGES.filter(lambda age: age is not None)),
        "read_at": draw(AGES),
        "unshown_since": draw(AGES),
    }


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(listed=AGES, drawn=st.lists(rows(), min_size=1, max_size=6))
def test_model_and_query_agree(cast, listed, drawn):
    Account.objects.filter(session_id__startswith="row").delete()
    Gateway.objects.filter(pk=cast.gateway.pk).update(
        listed_at=None if listed is None else cast.ago(listed)
    )
    for number, row in enumerate(drawn):
        moments = {
            name: None if row[name] is None else cast.ago(row[name])
            for name in ("status_since", "read_at", "unshown_since")
        }
        cast.an_account(f"row{number}", row["status"], **moments)

    shown = Account.objects.with_shown_status(cast.now).select_related("gateway")

    for account in shown:
        assert account.shown == account.shown_status(cast.now)
        assert account.fresh == account.fresh_at
        assert account.urgency == URGENCY[Status(account.shown)]
    expired = Account.objects.expired(cast.now).values_list("pk", flat=True)
    assert set(expired) == {account.pk for account in shown if account.shown != account.status}


@pytest.mark.parametrize("word", sorted(LIVE))
def test_a_live_word_is_shown_while_it_is_fresh(cast, word):
    dana = cast.an_account("dana", word, read_at=cast.ago(44))

    assert dana.shown_status(cast.now) == word
    assert dana.shown_status(cast.now + timedelta(seconds=1)) is Status.UNKNOWN


def test_it_is_shown_as_unknown_although_nothing_of_ours_has_run(cast):
    later = cast.now + timedelta(hours=1)

    [alice] = Account.objects.with_shown_status(later).filter(pk=cast.alice.pk)

    assert alice.status == Status.CONNECTED
    assert alice.shown == alice.shown_status(later) == Status.UNKNOWN


def test_tombstones_and_archived_accounts_are_not_visible(cast):
    tombstone = cast.an_account("dana", Status.STOPPED, merged_into=cast.alice)
    archived = cast.an_account("eve", Status.STOPPED, archived_at=cast.now)

    visible = set(Account.objects.visible())

    assert visible == {cast.alice, cast.bob, cast.charlie}
    assert not visible & {tombstone, archived}
