"""What is measured still runs, and all three do the same to the rows."""

from __future__ import annotations

import pytest

from gateways.registry import use_transport
from tests.bench.rollcall import estate
from tests.bench.rollcall.contenders import CONTENDERS
from tests.bench.rollcall.race import exponent, ratio, ratio_without_lists, report
from tests.bench.rollcall.worker import Cost, measure


@pytest.fixture
def small(transactional_db, monkeypatch, tmp_path):
    """Four hundred accounts on four gateways."""
    monkeypatch.setattr(estate, "PER_GATEWAY", 100)
    estate.grow(400, tmp_path)
    with use_transport(f"http://{estate.HOST}", estate.Answers(tmp_path)):
        yield 400


@pytest.mark.parametrize("name", CONTENDERS)
def test_each_of_them_changes_what_has_drifted(small, name):
    for _ in range(2):
        cost = measure(name, small)

        assert estate.changed() == estate.drifted(small)
        assert cost.seconds > cost.list_seconds > 0 and cost.peak_mb > 10
        estate.put_back()
        assert estate.changed() == 0


def cost(seconds, peak_mb=100.0):
    return Cost(seconds=seconds, cpu_seconds=seconds, peak_mb=peak_mb, list_seconds=seconds / 2)


def test_ratios_are_of_medians_and_growth_is_from_the_least_to_the_most():
    costs = {
        10_000: {"rollcall": [cost(1), cost(2), cost(9)], "loop": [cost(400), cost(300)]},
        1_000_000: {"rollcall": [cost(200)], "bulk_update": [cost(500)]},
    }

    assert ratio(costs[10_000], "loop") == ratio_without_lists(costs[10_000], "loop") == 175
    assert exponent(costs) == pytest.approx(1)


@pytest.mark.parametrize(("peak_mb", "met"), [(100, True), (201, False)])
def test_a_goal_that_is_missed_is_said(db, capsys, peak_mb, met):
    costs = {100_000: {"rollcall": [cost(1, peak_mb)], "bulk_update": [cost(4)]}}

    assert report(costs) is met
    assert ("MISSED 100,000: peak" in capsys.readouterr().out) is not met
