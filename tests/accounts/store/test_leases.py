"""A lease is over when its time has come, and when it lies further ahead than any lease can."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from accounts.models import Channel
from accounts.store import clock
from accounts.store.clock import LOOKED_LATER

LONGEST = timedelta(seconds=60)
MOMENTS = {
    "never held": (None, "free"),
    "over by now": (timedelta(0), "free"),
    "not over yet": (timedelta(seconds=1), "held"),
    "of one who looked at the clock later": (LONGEST + LOOKED_LATER, "held"),
    "from before the clock was set back": (LONGEST + LOOKED_LATER * 2, "free"),
}


@pytest.mark.django_db
@pytest.mark.parametrize(("ahead", "state"), MOMENTS.values(), ids=MOMENTS)
def test_every_way_to_ask_says_the_same(cast, ahead, state):
    until = None if ahead is None else cast.now + ahead
    channel = Channel.objects.create(name="ops", kind=Channel.Kind.EMAIL, sending_until=until)
    mine = Channel.objects.filter(pk=channel.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {clock.lease_free_sql('sending_until')}"
            " FROM accounts_channel WHERE id = %(pk)s",
            {"now": cast.now, "longest": clock.longest_lease(LONGEST), "pk": channel.pk},
        )
        [is_free] = cursor.fetchone()

    assert is_free == (state == "free")
    assert (
        mine.filter(clock.lease_free("sending_until", cast.now, longest=LONGEST)).exists()
        == is_free
    )
    assert (
        mine.filter(clock.lease_held("sending_until", cast.now, longest=LONGEST)).exists()
        != is_free
    )
    assert clock.lease_is_over(until, cast.now, longest=LONGEST) == is_free
