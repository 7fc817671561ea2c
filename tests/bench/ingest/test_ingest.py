"""What is measured still runs: real servers, a few requests, and the rows that they leave."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from accounts.store.redis_client import client
from tests.bench.ingest import client as sender
from tests.bench.ingest import estate, race, traffic
from tests.bench.ingest.client import Seen, find_wrk, replay, send
from tests.bench.ingest.contenders import BASELINE, CLIENT, KINDS, SERVED
from tests.bench.ingest.processes import Server, cpu_seconds
from tests.bench.ingest.report import COUNTED, Turn, of, rate, ratio, report

ACCOUNTS = 1000
TURNS = ("one_statement", "state", "message", "duplicate", "refused", "state_waha")


@pytest.fixture
def on_the_test_database(transactional_db, monkeypatch):
    """The servers' one, too; the plain application's tables are gone after it."""
    database = connection.settings_dict
    address = f"{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}"
    url = urlunsplit(("postgresql", address, str(database["NAME"]), "", ""))
    assert urlsplit(url).port
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("ROLLCALL_TESTING", "")
    estate.migrate_plain()
    yield
    client().flushdb()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE plain_transition, plain_event, plain_account")


@pytest.mark.timeout(300)  # three servers and their database, on whatever machine
def test_each_takes_its_turn_and_its_rows_are_counted(on_the_test_database, monkeypatch, tmp_path):
    # It waits for what it has asked, however slow the machine is just now.
    monkeypatch.setattr(sender, "find_wrk", lambda: None)
    monkeypatch.setattr(race, "WARM_UP_SECONDS", 0.2)
    monkeypatch.setattr(race, "WARM_UP_REQUESTS", 60)
    monkeypatch.setattr(race, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(race, "COUNTED_AFTER_SECONDS", 0)
    small = race.Race(rounds=1, seconds=0.1, only=frozenset(TURNS), folder=tmp_path)

    costs = race.run_size(ACCOUNTS, small)

    assert set(costs) == {BASELINE, CLIENT, COUNTED, *TURNS}
    assert all(turn.seen.answers and turn.app_us >= 0 for [turn] in costs.values())
    assert ratio(costs, BASELINE, rate) == 1
    events, changes = estate.plain_rows()
    assert events == changes > 0
    deliveries, transitions = estate.rollcall_rows()
    assert deliveries >= transitions > 0


def test_the_sender_counts_what_it_was_answered(tmp_path):
    server = Server(["-m", "tests.bench.ingest.bare", "{port}"], log=tmp_path / "bare.log")
    try:
        file = tmp_path / "requests"
        traffic.write(file, SERVED[BASELINE].maker, traffic.Sessions("bench", 9, 9, {}), 500)
        seen = replay(server.port, traffic.read(file), connections=8, seconds=60)
        assert (seen.accepted, seen.refused) == (500, 0)
        assert 0 < seen.p50_ms <= seen.p99_ms < seen.seconds * 1000
        assert cpu_seconds(server.pid) >= 0
    finally:
        server.end()


@pytest.mark.skipif(not find_wrk(), reason="wrk is not on PATH")
def test_wrk_sends_the_same_file(tmp_path):
    server = Server(["-m", "tests.bench.ingest.bare", "{port}"], log=tmp_path / "bare.log")
    try:
        file = tmp_path / "requests"
        traffic.write(file, SERVED[BASELINE].maker, traffic.Sessions("bench", 9, 9, {}), 500)
        seen = send(server.port, file, connections=8, seconds=1)
        assert seen.accepted >= 450 and seen.refused == 0
    finally:
        server.end()


def test_a_request_is_as_long_as_the_others(tmp_path):
    lengths = set()
    for contender in SERVED.values():
        sessions = estate.sessions_of(contender.kind, ACCOUNTS) if contender.kind else None
        request = contender.maker(sessions or traffic.Sessions("bench", 9, 9, {}))
        lengths.add(len(request.partition(b"\r\n\r\n")[2]))
    assert lengths == {traffic.BODY_BYTES}


def turn(rate: float, cpu_us: float, p99_ms: float = 10) -> Turn:
    seen = Seen(accepted=int(rate), refused=0, seconds=1, p50_ms=1, p99_ms=p99_ms)
    return Turn(seen=seen, app_us=cpu_us, postgres_us=0, redis_us=0)


def costs_of(state: float) -> dict[str, list[Turn]]:
    """The rate of a state webhook, where the baseline has 100."""
    return {
        BASELINE: [turn(90, 1000), turn(100, 1000), turn(500, 1000)],
        "state": [turn(state, 100, p99_ms=1)],
    }


def test_ratios_are_of_medians():
    costs = costs_of(400)
    assert of(costs, BASELINE, rate) == 100
    assert ratio(costs, "state", rate) == 4
    assert ratio(costs, "message", rate) is None


@pytest.mark.parametrize(("state", "met"), [(400, True), (399, False)])
def test_a_goal_that_is_missed_is_said(db, capsys, state, met):
    assert report({10_000: costs_of(state)}) is met
    assert ("MISSED 10,000: state webhook" in capsys.readouterr().out) is not met


def test_what_grows_with_the_accounts_is_said(db, capsys):
    small, large = costs_of(800), costs_of(800)
    large["state"] = [turn(800, 120, p99_ms=1)]

    assert not report({10_000: small, 1_000_000: large})
    assert "MISSED state: CPU at 1,000,000 ÷ at 10,000" in capsys.readouterr().out


def test_every_other_kind_has_a_turn():
    assert {SERVED[f"state_{kind}"].kind for kind in KINDS} == set(estate.PURPOSES) - {estate.KIND}
