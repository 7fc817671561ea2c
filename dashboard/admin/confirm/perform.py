"""Doing what a person confirmed: a plan first, then once, then a report and an audit entry."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import OperationalError, models, transaction

from accounts.words.refusals import Refused
from dashboard.admin.account.verbs import Verb
from dashboard.wording.html import visible
from gateways.base import GatewayError

# Gateways may take a minute each. What is not begun by then is left alone, and the report says so.
BEGIN_WITHIN_SECONDS = 60.0
REASONS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class VerbPlan:
    """Which rows a verb will touch, and which it will not, with the reason."""

    verb: Verb
    now: datetime
    will: list[Any]
    skipped: list[tuple[Any, str]]

    @classmethod
    def of(cls, verb: Verb, rows: Sequence[Any], now: datetime) -> VerbPlan:
        refusals = [(row, verb.refusal(row, now)) for row in rows]
        return cls(
            verb,
            now,
            will=[row for row, refusal in refusals if not refusal],
            skipped=[(row, refusal) for row, refusal in refusals if refusal],
        )

    @property
    def rows(self) -> list[Any]:
        return [*self.will, *(row for row, _ in self.skipped)]

    def foreseen(self) -> str:
        """Return the expected result, where the action can tell it."""
        if self.verb.foresee is None or not self.will:
            return ""
        try:
            return visible(self.verb.foresee(self.will))
        except OperationalError:
            return "What would come of it cannot be said just now: the database is busy with it."


@dataclass(slots=True)
class VerbReport:
    verb: Verb
    done: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        text = f"{self.verb.done} {self.done}"
        if self.refused:
            reasons = "; ".join(f"{name}: {why}" for name, why in self.refused[:REASONS_SHOWN])
            more = len(self.refused) - REASONS_SHOWN
            tail = f"; and {more} more" if more > 0 else ""
            text = f"{text}, {len(self.refused)} refused: {reasons}{tail}"
        unsaid = len(self.notes) - REASONS_SHOWN
        rest = [f"And {unsaid} more"] if unsaid > 0 else []
        return ". ".join([text, *self.notes[:REASONS_SHOWN], *rest]) + "."


def claim(user: Any, form: UUID, text: str) -> bool:
    """Return whether this form is sent for the first time. Its use is recorded before anything is
    done, under the user's row, so that of two clicks at once one finds the other."""
    with transaction.atomic():
        get_user_model()._default_manager.select_for_update().get(pk=user.pk)
        if LogEntry.objects.filter(user_id=user.pk, object_id=f"form {form}").exists():
            return False
        LogEntry.objects.create(
            user_id=user.pk,
            object_id=f"form {form}",
            object_repr=text[:200],
            action_flag=CHANGE,
            change_message="confirmed",
        )
        return True


def carry_out(plan: VerbPlan, *, user: Any, why: str) -> VerbReport:
    """Do it row by row; what one refuses does not stop the others."""
    deadline = time.monotonic() + BEGIN_WITHIN_SECONDS
    report = VerbReport(plan.verb, refused=[(visible(row), reason) for row, reason in plan.skipped])
    for row in plan.will:
        if time.monotonic() > deadline:
            report.refused.append((visible(row), "not tried: the others took too long"))
        else:
            _do(report, row, user, why)
    return report


def _do(report: VerbReport, row: models.Model, user: Any, why: str) -> None:
    verb = report.verb
    try:
        note = verb.act(row, user.get_username(), why)
    except (Refused, GatewayError) as error:
        trouble = visible(error)
    except OperationalError:
        trouble = "the database was busy with it: try again"
    else:
        report.done += 1
        report.notes += [visible(note)] if isinstance(note, str) and note else []
        write_down(user, row, _entry(verb, "done", why))
        return
    report.refused.append((visible(row), trouble))
    write_down(user, row, _entry(verb, f"refused: {trouble}", why))


def _entry(verb: Verb, outcome: str, why: str) -> str:
    return f"{verb.label}: {outcome}" + (f". Reason: {why}" if why else "")


def write_down(user: Any, row: models.Model, message: str) -> None:
    """The audit entry, in the row's own history."""
    LogEntry.objects.create(
        user_id=user.pk,
        content_type=ContentType.objects.get_for_model(row),
        object_id=str(row.pk),
        object_repr=visible(row)[:200],
        action_flag=CHANGE,
        change_message=message,
    )
