"""Sentences of steps: one for every step, made in one place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from accounts.explain.step_text import step_text
from accounts.words.step_codes import (
    ASKS_A_HUMAN,
    RESTARTS,
    UNDER_WAY,
    PlannedStep,
    StepCode,
    step_of_row,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SOON = NOW + timedelta(seconds=42)


def a_step(code: StepCode) -> PlannedStep:
    return PlannedStep(
        code=code,
        try_number=2,
        accounts=(7, 9),
        sessions=("stranger",),
        session_id="stranger",
        asked_by="customer",
        actor="olga",
        why="they died",
    )


@pytest.mark.parametrize("code", StepCode)
def test_each_has_a_sentence_without_a_code_in_it(code: StepCode) -> None:
    told = step_text(a_step(code), SOON, NOW)

    assert told
    assert "_" not in told


@pytest.mark.parametrize("code", StepCode)
def test_each_is_on_a_row_what_it_was(code: StepCode) -> None:
    step = a_step(code)
    assert step_of_row(step.code.value, step.arguments) == step
    bare = PlannedStep(code=code)
    assert (bare.arguments, step_of_row(code.value, {})) == ({}, bare)


def test_no_step_is_of_two_groups() -> None:
    assert not RESTARTS & UNDER_WAY and not ASKS_A_HUMAN & (RESTARTS | UNDER_WAY)


@pytest.mark.parametrize(
    ("code", "arguments"),
    [("of_a_newer_version", {}), ("same_number", {"accounts": "seven"}), ("paused", {"why": 5})],
)
def test_what_another_version_wrote_is_said_to_be_that(code: str, arguments: dict) -> None:
    step = step_of_row(code, arguments)
    assert step == PlannedStep(code=StepCode.UNRECOGNISED)
    assert step_text(step, None, NOW) == "another version of Rollcall has planned its repair"


def test_no_code_is_no_step() -> None:
    assert step_of_row("", {"why": "left over"}) is None


@pytest.mark.parametrize(
    ("code", "at", "told"),
    [
        ("restart_in_turn", None, "restart, in its turn (2nd of 3 tries)"),
        ("restart_after_backoff", SOON, "restart in 42 s (2nd of 3 tries)"),
        ("restart_after_backoff", NOW, "restart due now (2nd of 3 tries)"),
        ("restart_after_operator", SOON, "restart in 42 s (an operator has just acted on it)"),
        ("repair_runs", None, "a restart that a customer asked for is under way"),
        (
            "same_number",
            None,
            "not restarted: it has the same number as account 7 and account 9 and session "
            "stranger, which nobody claims: keep one of them first",
        ),
        ("quarantine_lifted", None, "olga lifted its quarantine"),
    ],
)
def test_what_they_say(code: str, at: datetime | None, told: str) -> None:
    assert step_text(a_step(StepCode(code)), at, NOW) == told


def test_of_many_with_its_number_a_few_are_named() -> None:
    many = PlannedStep(code=StepCode.SAME_NUMBER, accounts=tuple(range(1, 9)))
    assert "account 5 and 3 more: keep one" in step_text(many, None, NOW)
