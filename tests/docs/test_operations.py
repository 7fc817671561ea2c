"""docs/operations.md says of every kind of incident what it means, and what to press."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from accounts.incidents.alert_rules import RULES
from accounts.models import Incident
from dashboard.admin.incident.verbs import INCIDENT_VERBS

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
ROWS = re.findall(r"^\| `(\w+)` \| (\d+) s \| (.+) \| (.+) \|$", PAGE, flags=re.MULTILINE)


def test_it_describes_every_kind_once_and_nothing_that_does_not_exist() -> None:
    assert sorted(row[0] for row in ROWS) == sorted(Incident.Kind.values)


@pytest.mark.parametrize("kind", Incident.Kind)
def test_it_says_how_long_each_is_held_back(kind: Incident.Kind) -> None:
    [hold] = [int(row[1]) for row in ROWS if row[0] == kind]
    assert hold == RULES[kind].hold_seconds


def test_it_says_what_every_button_does() -> None:
    missing = [
        verb.label
        for verb in INCIDENT_VERBS.values()
        if f"| {verb.label.split(' for ')[0]}" not in PAGE
    ]
    assert missing == []
