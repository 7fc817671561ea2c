"""A stream tells what changed, at once, and ends in good order."""

from __future__ import annotations

import signal

import psutil
import pytest

from accounts.incidents.incidents import close_incident, open_incident
from accounts.models import Incident
from accounts.words.status import Status
from tests.cast import see
from tests.instance.running import until
from tests.live.streams import a_user, cookie_of, streaming

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_page_that_opens_gets_its_accounts_as_they_are_now(live, cast, root) -> None:
    page = live.follow(root, cast.alice, cast.charlie).until_open()

    assert page.statuses(cast.alice) == ["connected"]
    assert page.statuses(cast.charlie) == ["logged_out"]
    assert page.statuses(cast.bob) == []
    [told] = page.named("snapshot")
    assert 'data-status="connected"' in told["accounts"][str(cast.alice.uuid)]["badge"]


def test_a_change_arrives(live, cast, root) -> None:
    page = live.follow(root, cast.alice).until_open()

    see(cast.alice, Status.LOGGED_OUT, at=cast.now)

    until(lambda: page.statuses(cast.alice) == ["connected", "logged_out"])


def test_of_an_account_that_is_not_on_the_page_it_says_only_that_something_changed(
    live, cast, root
) -> None:
    page = live.follow(root, cast.bob).until_open()

    see(cast.alice, Status.LOGGED_OUT, at=cast.now)

    until(lambda: any(told["others"] for told in page.named("changed")))
    assert all(told["accounts"] == {} for told in page.named("changed"))


def test_what_changes_nothing_that_is_shown_is_not_told(live, cast, root) -> None:
    page = live.follow(root, cast.alice).until_open()

    see(cast.alice, Status.CONNECTED, at=cast.now)
    see(cast.charlie, Status.QR_SCANNING, at=cast.now)

    changed = until(lambda: page.named("changed") or None)
    assert changed[0]["accounts"] == {}, "the second change only"


def test_incidents_that_open_and_close_are_told(live, cast, root) -> None:
    page = live.follow(root).until_open()

    def times_told() -> int:
        """Count what is told of this incident; other rows may change as well."""
        changed = page.named("changed")
        return sum(one["incidents"] and cast.gateway.pk in one["gateways"] for one in changed)

    open_incident(Incident.Kind.FAILING, gateway_id=cast.gateway.pk, text="500 for 3 min")
    until(lambda: times_told() == 1)
    close_incident(Incident.Kind.FAILING, gateway_id=cast.gateway.pk)
    until(lambda: times_told() == 2)


def test_counts_follow(live, cast, root) -> None:
    # A count that no other test ends with: the process may know that one still.
    cast.an_account("another", Status.LOGGED_OUT)
    page = live.follow(root).until_open()
    see(cast.alice, Status.LOGGED_OUT, at=cast.now)
    until(lambda: [told["groups"] for told in page.named("counts")][-1:] == [{"human": 4}])
    open_incident(Incident.Kind.FAILING, gateway_id=cast.gateway.pk)
    until(lambda: page.named("counts")[-1]["open_incidents"] == 1)


def test_each_event_has_a_larger_number_than_the_one_before(live, cast, root) -> None:
    page = live.follow(root, cast.alice).until_open()
    for status in (Status.LOGGED_OUT, Status.QR_SCANNING, Status.CONNECTED):
        told = len(page.statuses(cast.alice))
        see(cast.alice, status, at=cast.now)
        until(lambda: len(page.statuses(cast.alice)) > told)  # noqa: B023 - used at once

    ids = [int(line[4:]) for line in page.raw.decode().splitlines() if line.startswith("id: ")]
    assert len(ids) >= 4 and ids == sorted(set(ids))


def test_a_feed_with_nothing_to_tell_is_heard_every_few_seconds(live, cast, root) -> None:
    page = live.follow(root).until_open()

    first, second = until(lambda: page.named("beat")[1:2] and page.named("beat")[:2] or None)
    assert first["now"] < second["now"]


def test_names_of_strangers_are_text_in_the_badge_s_place(live, cast, root) -> None:
    cast.alice.status_reason = "<img src=x onerror=alert(1)>"
    cast.alice.save()

    page = live.follow(root, cast.alice).until_open()

    [told] = page.named("snapshot")
    assert "<img" not in told["accounts"][str(cast.alice.uuid)]["badge"]


@pytest.mark.parametrize(
    "asked", ["x" * 5000, "'; DROP TABLE whatsapp_accounts; --", ",,,", "%00", "\u20ac"]
)
def test_nonsense_in_the_address_shows_nothing_and_breaks_nothing(live, cast, root, asked) -> None:
    from urllib.parse import quote

    page = live.follow(root, quote(asked)).until_open()

    assert page.named("snapshot")[0]["accounts"] == {}


def test_a_restart_ends_all_streams_cleanly_and_at_once(tmp_path, cast, root) -> None:
    with streaming(tmp_path) as live:
        pages = [live.follow(root, cast.alice).until_open() for _ in range(50)]
        live.process.send_signal(signal.SIGTERM)

        assert live.process.wait(10) == 0
        until(lambda: all(page.is_over for page in pages))
        assert all(page.raw.endswith(b"0\r\n\r\n") for page in pages), "a clean end"
        assert not any(page.named("done") for page in pages), "they come back"


def test_a_page_that_is_gone_is_forgotten(tmp_path, cast, root) -> None:
    with streaming(tmp_path) as live:
        pages = [live.follow(root).until_open() for _ in range(20)]
        assert live.health()["streams"] == 20
        for page in pages:
            page.close()

        until(lambda: live.health()["streams"] == 0)


def test_streams_hold_neither_threads_nor_database_connections(tmp_path, cast, root) -> None:
    from django.db import connection

    with streaming(tmp_path) as live:
        pages = [live.follow(root, cast.alice).until_open() for _ in range(100)]
        threads = psutil.Process(live.process.pid).num_threads()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            )
            backends = cursor.fetchone()[0]

        assert len(pages) == live.health()["streams"]
        assert threads <= 20 and backends <= 30


def test_without_redis_changes_are_still_told_within_seconds(tmp_path, cast, root) -> None:
    with streaming(tmp_path, REDIS_URL="redis://127.0.0.1:1/0") as live:
        page = live.follow(root, cast.alice).until_open()
        assert live.health()["redis"] is False

        see(cast.alice, Status.LOGGED_OUT, at=cast.now)
        open_incident(Incident.Kind.FAILING, gateway_id=cast.gateway.pk)

        until(lambda: page.statuses(cast.alice)[-1:] == ["logged_out"], limit_seconds=5)
        until(lambda: any(told["incidents"] for told in page.named("changed")), limit_seconds=5)


def test_without_redis_it_asks_once_a_second_however_many_pages_are_open(
    tmp_path, cast, root, django_assert_num_queries
) -> None:
    from live.reading import Lookout

    lookout = Lookout()
    with django_assert_num_queries(1):
        lookout.look()
    see(cast.alice, Status.LOGGED_OUT, at=cast.now)
    with django_assert_num_queries(1):
        assert lookout.look().accounts == {cast.alice.pk}
    assert not lookout.look(), "told once"


def test_another_s_words_on_the_channel_are_ignored(live, cast, root, throwaway_redis) -> None:
    page = live.follow(root, cast.alice).until_open()
    for nonsense in ("{", "[]", '{"accounts": ["x"]}', '"<script>"'):
        throwaway_redis.publish("rollcall:changes", nonsense)

    see(cast.alice, Status.LOGGED_OUT, at=cast.now)

    until(lambda: page.statuses(cast.alice)[-1:] == ["logged_out"])


def test_who_does_not_read_loses_the_stream_and_nobody_else_waits(tmp_path, cast, root) -> None:
    import asyncio

    from live.hub import End, Hub, Stream
    from live.rights import Rights

    async def story() -> tuple[End | None, int]:
        hub = Hub()
        sleeper, reader = (Stream("k", Rights(workspaces=None), ()) for _ in range(2))
        sleeper.task = asyncio.create_task(asyncio.sleep(60))
        for stream in (sleeper, reader):
            hub.add(stream)
        for _ in range(101):
            hub.beat(cast.now)
            reader.queue.get_nowait()
        return sleeper.end, reader.queue.qsize()

    assert asyncio.run(story()) == (End.SLOW, 0)


def test_health_tells_the_streams_and_needs_no_login(live, cast) -> None:
    assert live.health().keys() == {"status", "version", "streams", "redis"}
    assert live.follow().until_over().status == 200


def test_many_pages_that_open_at_once_share_their_questions(live, cast) -> None:
    cookie = cookie_of(a_user("ann", "view_account"))

    pages = [live.follow(cookie, cast.alice) for _ in range(100)]

    for page in pages:
        assert page.until_open().statuses(cast.alice) == ["connected"]
