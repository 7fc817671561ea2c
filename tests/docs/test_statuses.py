"""docs/statuses.md says what the tables in the code say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from accounts.explain.step_text import step_text
from accounts.words.reasons import REASONS, TRANSIENT_HOLD_SECONDS
from accounts.words.status import LIVE as LIVE_STATUSES
from accounts.words.status import MEANINGS, STICKY, URGENCY, Status
from accounts.words.step_codes import ASKS_A_HUMAN, RESTARTS, PlannedStep, StepCode

PAGE = Path(__file__).parents[2] / "docs" / "statuses.md"


def keeping(status: Status) -> str:
    if status in LIVE_STATUSES:
        return "45 s without a read that shows it, then `unknown`"
    if status in STICKY:
        return "until the session is seen alive or an operator changes it"
    return "until something newer is seen"


def status_rows() -> list[str]:
    return [
        f"| `{status.value}` | {MEANINGS[status]} | {keeping(status)} |"
        for status in sorted(Status, key=URGENCY.__getitem__)
    ]


def told(hold_seconds: int | None) -> str:
    return "never" if hold_seconds is None else f"after {hold_seconds} s"


def reason_rows() -> list[str]:
    return [
        f"| `{code.value or '(none)'}` | {meaning.text} | {'yes' if meaning.repairable else 'no'} "
        f"| {told(meaning.hold_seconds)} | {meaning.instruction} |"
        for code, meaning in REASONS.items()
    ]


def whose_turn(code: StepCode) -> str:
    if code in RESTARTS:
        return "Rollcall"
    if code in ASKS_A_HUMAN:
        return "an operator"
    if code is StepCode.AWAITS_LIST:
        return f"Rollcall for {TRANSIENT_HOLD_SECONDS} s, then as the reason says"
    return "as the reason says"


def step_rows() -> list[str]:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    named = {"session_id": "abc", "accounts": (7,), "asked_by": "rollcall", "actor": "olga"}
    steps = [PlannedStep(code=code, try_number=1, why="text", **named) for code in StepCode]
    return [
        f"| `{step.code}` | {step_text(step, None, now)} | {whose_turn(step.code)} |"
        for step in steps
    ]


@pytest.mark.parametrize("row", status_rows())
def test_it_describes_every_status(row: str) -> None:
    assert row in PAGE.read_text().splitlines(), f"docs/statuses.md lacks the row:\n{row}"


@pytest.mark.parametrize("row", reason_rows())
def test_it_describes_every_reason(row: str) -> None:
    assert row in PAGE.read_text().splitlines(), f"docs/statuses.md lacks the row:\n{row}"


@pytest.mark.parametrize("row", step_rows())
def test_it_describes_every_step(row: str) -> None:
    assert row in PAGE.read_text().splitlines(), f"docs/statuses.md lacks the row:\n{row}"


def test_it_describes_nothing_that_does_not_exist() -> None:
    rows = {line for line in PAGE.read_text().splitlines() if line.startswith("| `")}
    assert rows == {*status_rows(), *reason_rows(), *step_rows()}
