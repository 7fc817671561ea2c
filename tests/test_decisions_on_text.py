"""No decision reads prose: a sentence may be reworded, and a stranger's name may hold its words.

What is decided on is a code (a status, a reason, a step, a pulse) or a typed field."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.decisions_on_text import decisions_on_text, in_source, in_template

PLANTED = [
    'account.next_step.startswith("restart")',
    "SAME_NUMBER in account.next_step",
    "session.raw_state.endswith(NO_ANSWER)",
    'session.raw_state.lower() == "no answer"',
    'not human.startswith("Nothing")',
    'sentence(account, now).partition("connected: ")',
    '"has the same number" in told',
    '"truncated" in str(error)',
    "str(error) == given",
    'told == "Nothing."',
    'said.why != "paused"',
    'words.find("take it over") >= 0',
    'answer["error"].split(" ")',
    'told.endswith(("not asked", "no answer"))',
    're.search("half of the gateway", told)',
    "re.search(pattern, incident.text)",
    'told.startswith(f"restart, in {n} s")',
    "Q(next_step__startswith=RESTARTS)",
    "Incident.objects.filter(text__icontains=name)",
    'Finding.objects.exclude(**{"account__next_step__contains": "list"})',
    "SQL = \"SELECT id FROM whatsapp_accounts WHERE next_step LIKE 'restart%'\"",
    "SQL = \"UPDATE account_repairs SET state = 'failed' WHERE outcome ~ 'no answer'\"",
    "SQL = \"SELECT 1 FROM incidents WHERE position('half' in text) > 0\"",
    "SQL = \"SELECT 1 FROM account_repairs WHERE why = 'it runs'\"",
    'match told:\n    case "Nothing.":\n        pass',
    'STOPPED = "switched off, as wanted"\nif told == STOPPED:\n    pass',
]
INNOCENT = [
    "account.next_step_code in RESTARTS",
    "step.code is StepCode.SAME_NUMBER",
    "session.asked and not session.answered",
    'request.method == "POST"',
    '"confirmed" not in request.POST',
    'scheme.lower() == "bearer"',
    'header.removeprefix("Bearer ")',
    'addresses.split(", ")',
    'gateway.blind_why if gateway.blind_since else ""',
    'account.next_step_code == ""',
    "Q(next_step_code__in=sorted(RESTARTS))",
    "Q(session_id__startswith=term)",
    'raise Refused("it was started just now: look at it first")',
    "SQL = \"SELECT id FROM whatsapp_accounts WHERE status = 'failed' AND next_step_code = ''\"",
]


def test_nothing_in_the_house_decides_by_a_sentence() -> None:
    assert decisions_on_text() == []


@pytest.mark.parametrize("code", PLANTED)
def test_one_that_is_planted_is_found(code: str) -> None:
    named = {"SAME_NUMBER", "NO_ANSWER"}
    assert list(in_source(ast.parse(code), named))


@pytest.mark.parametrize("code", INNOCENT)
def test_codes_protocols_and_searches_for_names_are_none(code: str) -> None:
    assert list(in_source(ast.parse(code))) == []


def test_templates_are_read_as_well() -> None:
    assert in_template('{% if explanation.human != "Nothing." %}x{% endif %}')
    assert in_template('{% if a %}{% elif name == "Session" %}x{% endif %}')
    assert not in_template('{% if line.gateway.mode == "observe" %}Nothing.{% endif %}')


def planted(root: Path, place: str, code: str) -> None:
    path = root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code)


def test_only_a_kinds_own_folder_may_read_a_foreign_programs_words(tmp_path: Path) -> None:
    code = 'def gone(said):\n    return said.message == "Session not found"\n'
    for place in ("gateways/kinds/waha/client.py", "gateways/kinds/base_client.py"):
        planted(tmp_path, place, code)
    planted(tmp_path, "accounts/state/decision.py", code)

    assert [one.partition(":")[0] for one in decisions_on_text(tmp_path)] == [
        "gateways/kinds/base_client.py",
        "accounts/state/decision.py",
    ]


def test_a_sentence_that_another_module_names_is_one_there_too(tmp_path: Path) -> None:
    planted(tmp_path, "accounts/words/said.py", 'GONE = "it is gone"\n')
    planted(tmp_path, "dashboard/page.py", "def shown(told):\n    return told == GONE\n")

    assert decisions_on_text(tmp_path) == ["dashboard/page.py:2: told == GONE"]
