"""The end of a pause of automatic repair, by an operator."""

from __future__ import annotations

from datetime import datetime

from accounts.models import Gateway
from accounts.repair.repairs import resume_repair
from dashboard.admin.account.verbs import Verb


def _not_paused(gateway: Gateway, now: datetime) -> str:
    return "" if gateway.repair_paused_at is not None else "its repair is not paused"


RESUME_REPAIR = Verb(
    name="resume-repair",
    label="Resume repair",
    done="Resumed the repair of",
    costs=(
        "Rollcall restarts lost sessions there again. It paused because the sessions that it "
        "restarted disconnected again; if that goes on, it pauses again. The incident is closed."
    ),
    act=lambda gateway, actor, why: resume_repair(gateway, actor=actor),
    refusal=_not_paused,
    icon="healing",
)
