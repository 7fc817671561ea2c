"""Doing what a person confirmed: a plan first, then once, then a report and an audit entry."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.contenttypes.models import ContentType
from django.db import OperationalError, models, transaction

from accounts.lifecycle import Refused
from accounts.models import Account
from dashboard.admin.verbs import Verb
from dashboard.shown import visible
from gateways.base import GatewayError

# Gateways may take a minute each. What is not begun by then is left alone, and the report says so.
BEGIN_WITHIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Which accounts a verb will touch, and which it will not, with the reason."""

    verb: Verb
    will: list[Account]
    skipped: list[tuple[Account, str]]

    @classmethod
    def of(cls, verb: Verb, accounts: Sequence[Account], now: datetime) -> Plan:
        refusals = [(account, verb.refusal(account, now)) for account in accounts]
        return cls(
            verb,
            will=[account for account, refusal in refusals if not refusal],
            skipped=[(account, refusal) for account, refusal in refusals if refusal],
        )


@dataclass(frozen=True, slots=True)
class Report:
    verb: Verb
    done: int
    refused: list[tuple[str, str]]

    def __str__(self) -> str:
        text = f"{self.verb.done} {self.done}"
        if not self.refused:
            return f"{text}."
        reasons = "; ".join(f"{name}: {why}" for name, why in self.refused[:10])
        more = f"; and {len(self.refused) - 10} more" if len(self.refused) > 10 else ""
        return f"{text}, {len(self.refused)} refused: {reasons}{more}."


def claim(user: AbstractBaseUser, form: UUID, text: str) -> bool:
    """Whether this form is sent for the first time. Its use is written down before anything is
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


def carry_out(plan: Plan, *, user: Any, why: str) -> Report:
    """Do it account by account; what one refuses does not stop the others."""
    deadline = time.monotonic() + BEGIN_WITHIN_SECONDS
    done, refused = 0, [(name_of(account), reason) for account, reason in plan.skipped]
    for account in plan.will:
        trouble = _try(plan.verb, account, user.get_username(), why, deadline)
        write_down(user, account, _entry(plan.verb, trouble, why))
        if trouble:
            refused.append((name_of(account), trouble))
        else:
            done += 1
    return Report(plan.verb, done, refused)


def _try(verb: Verb, account: Account, actor: str, why: str, deadline: float) -> str:
    """What went wrong, in words; empty when nothing did."""
    if time.monotonic() > deadline:
        return "not tried: the others took too long"
    try:
        verb.act(account, actor, why)
    except (Refused, GatewayError) as error:
        return visible(error)
    except OperationalError:
        return "the database was busy with this account: try again"
    return ""


def _entry(verb: Verb, trouble: str, why: str) -> str:
    outcome = f"refused: {trouble}" if trouble else "done"
    return f"{verb.label}: {outcome}" + (f". Reason: {why}" if why else "")


def write_down(user: Any, row: models.Model, message: str) -> None:
    """The audit entry that Django's own history of the row shows."""
    LogEntry.objects.create(
        user_id=user.pk,
        content_type=ContentType.objects.get_for_model(row),
        object_id=str(row.pk),
        object_repr=name_of(row)[:200],
        action_flag=CHANGE,
        change_message=message,
    )


def name_of(row: models.Model) -> str:
    return visible(row)
