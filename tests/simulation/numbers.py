"""What a run measures: how soon losses are seen and mended, and how much was told."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.words.status import Status

IN_CALM = "in calm"
MENDED_SECONDS = 60  # is promised of all but one in a hundred of these


@dataclass(slots=True)
class Ours:
    """A loss that a restart cures, since when it is ours to mend."""

    since: datetime
    lost: datetime
    was_started: bool = False


@dataclass
class Numbers:
    """Times in seconds. A loss is one that its gateway can be asked about."""

    seen_after: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    healed_after: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    healed_unseen: int = 0
    false_verdicts: int = 0
    webhooks_taken: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    incidents: Counter[str] = field(default_factory=Counter)
    notices: Counter[str] = field(default_factory=Counter)
    account_days: float = 0.0
    starts: int = 0
    own_starts: int = 0
    started_alive: int = 0
    repairs: Counter[str] = field(default_factory=Counter)
    _lost: dict[int, tuple[datetime, str]] = field(default_factory=dict)
    _ours: dict[int, Ours] = field(default_factory=dict)

    def truth(self, account_id: int, status: str, fact: Any, site: Any, now: datetime) -> None:
        if fact.good:
            if self._lost.pop(account_id, None):
                self.healed_unseen += 1
        elif site.is_readable and status == Status.CONNECTED:
            webhooks = "dead" if site.webhooks_are_dead else "alive"
            kind = f"{site.kind.name}, webhooks {webhooks}"
            self._lost.setdefault(account_id, (now, kind))
        else:
            self._lost.pop(account_id, None)

    def changed(
        self,
        change: Any,
        now: datetime,
        calm_since: datetime | None,
        *,
        after_boot: bool,
        maintained: bool,
    ) -> None:
        self.changes[change.to_status] += 1
        if change.from_status == Status.CONNECTED and change.account_id in self._lost:
            began, kind = self._lost.pop(change.account_id)
            if calm_since is None or calm_since > began:
                kind = "while it could not be read, or nobody of us looked"
            elif maintained:
                kind = "under maintenance, when absence is not judged"
            elif after_boot:
                kind += ", within 15 min of its gateway's boot"
            self.seen_after[kind].append((now - began).total_seconds())

    def moved(self, account_id: int) -> None:
        """Note that it runs on another session now."""
        self._lost.pop(account_id, None)
        self._ours.pop(account_id, None)

    def is_ours(self, account_id: int, since: datetime, lost: datetime) -> None:
        self._ours.setdefault(account_id, Ours(since, lost))

    def started_by_us(self, account_id: int | None) -> None:
        if account_id in self._ours:
            self._ours[account_id].was_started = True

    def healed(self, account_id: int, now: datetime, in_the_way: Callable[[datetime], str]) -> bool:
        """Return whether it was later than promised. `in_the_way`: since when its repair was
        hindered."""
        ours = self._ours.pop(account_id, None)
        if ours is None or not ours.was_started:
            return False
        kind, seconds = in_the_way(ours.lost) or IN_CALM, (now - ours.since).total_seconds()
        self.healed_after[kind].append(seconds)
        return kind == IN_CALM and seconds > MENDED_SECONDS

    def no_longer_ours(self, account_id: int) -> None:
        self._ours.pop(account_id, None)

    def _healed(self) -> list[tuple[str, list[float]]]:
        return sorted(self.healed_after.items())

    def said(self) -> str:
        lines = [f"{self.account_days:.1f} account-days, {self.webhooks_taken} webhooks taken"]
        lines += [f"losses seen, {kind}: {spread(all_)}" for kind, all_ in self.seen_after.items()]
        lines.append(f"healed before they were seen: {self.healed_unseen}")
        lines += [
            f"mended by us, {kind}: {spread(all_)}" for kind, all_ in self.healed_after.items()
        ]
        hours = self.account_days * 24 or 1
        lines.append(f"starts: {self.starts}, of them {self.own_starts} by ourselves")
        rate = self.own_starts / hours
        lines.append(f"  {rate:.4f} an account and hour; {self.started_alive} of what lived")
        ended = ", ".join(f"{state} {number}" for state, number in sorted(self.repairs.items()))
        lines.append(f"what became of ours: {ended or 'none'}")
        lines.append(f"false verdicts: {self.false_verdicts}")
        told = ", ".join(
            f"{kind} {number} ({self.notices[kind] / number:.2f})"
            for kind, number in sorted(self.incidents.items())
        )
        lines.append(f"incidents (notices each): {told or 'none'}")
        return "\n".join(lines)


def spread(seconds: list[float]) -> str:
    if not seconds:
        return "none"
    ordered = sorted(seconds)
    p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * p))] for p in (0.5, 0.99))
    return f"{len(ordered)}, p50 {p50:.1f} s, p99 {p99:.1f} s, max {ordered[-1]:.1f} s"
