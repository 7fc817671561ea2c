"""Maintenance of a gateway, by an operator, and the end of a pause of its repair."""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts.models import Gateway
from accounts.repair.repairs import resume_repair
from accounts.state import maintenance
from accounts.store import clock
from dashboard.admin.account.verbs import Verb

_DURATIONS = {
    "30m": ("30 min", timedelta(minutes=30)),
    "2h": ("2 h", timedelta(hours=2)),
    "8h": ("8 h", timedelta(hours=8)),
}
WINDOWS_SHOWN = 5


def _cannot_end(gateway: Gateway, now: datetime) -> str:
    is_planned = gateway.maintenance_windows.filter(ends_at__gt=now).exists()
    return "" if is_planned else "it is not under maintenance, and none is planned"


def _maintain(name: str, words: str, duration: timedelta) -> Verb:
    def act(gateway: Gateway, actor: str, why: str) -> str:
        window = maintenance.begin(gateway, duration=duration, why=why, actor=actor)
        return maintenance.words_for(window, clock.database_now())

    return Verb(
        name=f"maintain-{name}",
        label=f"Start maintenance for {words}",
        done="Maintenance began at",
        costs=(
            f"For {words} the gateway is read as usual, but absent sessions are not called lost, "
            "nothing is repaired there, and no alert is sent. Maintenance that is under way "
            "ends then instead."
        ),
        act=act,
        refusal=lambda gateway, now: "",
        icon="construction",
    )


def _end(gateway: Gateway, actor: str, why: str) -> str:
    window = maintenance.end(gateway, actor=actor)
    called_off = "" if window.pk else "cancelled: "
    return called_off + maintenance.words_for(window, clock.database_now())


MAINTENANCE_VERBS = (
    *(_maintain(name, *told) for name, told in _DURATIONS.items()),
    Verb(
        name="end-maintenance",
        label="End maintenance",
        done="Ended the maintenance of",
        costs=(
            "From now on its sessions are judged and repaired again; every waiting time starts "
            "from zero. If none is under way, the next planned one is cancelled."
        ),
        act=_end,
        refusal=_cannot_end,
        icon="engineering",
    ),
)


def windows_of(gateway: Gateway, now: datetime) -> list[dict[str, object]]:
    """Return planned, present and past windows, latest first."""
    windows = gateway.maintenance_windows.order_by("-starts_at")[:WINDOWS_SHOWN]
    return [
        {"words": maintenance.words_for(window, now), "why": window.why, "actor": window.actor}
        for window in windows
    ]


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
