"""Findings of a roll call, as a value and for scripts. `reconciliation.cli.table` is for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from reconciliation.rollcall.values import Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Findings of one roll call of one gateway. `skipped`: there was none. `why`: the reason for
    that, or what could not be seen."""

    gateway: str
    is_readable: bool = True
    skipped: bool = False
    why: str = ""
    sessions_listed: int | None = None
    findings: list[Difference] = field(default_factory=list)

    @property
    def was_read(self) -> bool:
        return self.is_readable and not self.skipped

    @property
    def is_sighted(self) -> bool:
        """True if everything that the gateway holds was seen."""
        return self.was_read and not self.why

    @property
    def is_in_sync(self) -> bool:
        return self.is_sighted and not self.findings


def as_json(reports: Iterable[Report]) -> dict[str, object]:
    """Return the report as JSON. The shape is fixed: other programs read it."""
    reports = list(reports)
    return {
        "in_sync": all(report.is_in_sync for report in reports),
        "gateways": [
            {
                "name": report.gateway,
                "reachable": report.was_read,
                "findings": [_finding(finding) for finding in report.findings],
            }
            for report in reports
        ],
    }


def _finding(finding: Difference) -> dict[str, object]:
    return {
        "kind": str(finding.kind),
        "account_id": finding.account_id,
        "session_id": finding.session_id,
        "phone_number": finding.phone_number or None,
        "was": str(finding.was) or None,
        "now": str(finding.now) or None,
        "held": finding.held,
        "why": finding.why,
    }
