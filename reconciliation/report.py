"""A roll call in words: for a tired operator, and for scripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.core.management.base import OutputWrapper
from django.core.management.color import Style

from gateways.text import printable
from reconciliation.comparison import Difference
from reconciliation.models import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one pass of one gateway found. `skipped`: there was no pass; `why` says why, or what
    could not be seen."""

    gateway: str
    is_readable: bool = True
    skipped: bool = False
    why: str = ""
    sessions_listed: int | None = None
    findings: list[Difference] = field(default_factory=list)

    @property
    def is_sighted(self) -> bool:
        """Everything it holds was seen."""
        return self.is_readable and not self.skipped and not self.why

    @property
    def is_in_sync(self) -> bool:
        return self.is_sighted and not self.findings


CURES = {
    Finding.Kind.MISSING: "restart the session, or scan again",
    Finding.Kind.UNCLAIMED: "adopt it in the admin, or stop it at the gateway",
    Finding.Kind.DUPLICATE: "decide in the admin which one stays",
    Finding.Kind.UNWANTED: "stop it, or want it running",
    Finding.Kind.LIST_LIED: "restart the session",
}


def as_json(reports: Iterable[Report]) -> dict[str, object]:
    reports = list(reports)
    return {
        "in_sync": all(report.is_in_sync for report in reports),
        "gateways": [
            {
                "name": report.gateway,
                "reachable": report.is_readable and not report.skipped,
                "why": report.why,
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
        "since": finding.since.isoformat() if finding.since else None,
    }


def print_table(reports: Sequence[Report], out: OutputWrapper, style: Style, *, plan: bool) -> None:
    """Gateways that cannot be read first, then those with findings, then the others."""
    if not reports:
        out.write("There is no gateway yet: ./run manage gateway_add")
        return
    for report in sorted(reports, key=lambda report: (report.is_readable, not report.findings)):
        _print_gateway(report, out, style)
    found = [finding for report in reports for finding in report.findings]
    unread = [report for report in reports if not report.is_readable or report.skipped]
    if not found and not unread:
        out.write(style.SUCCESS("All sessions are in sync."))
    if found:
        held = sum(finding.held for finding in found)
        done = "would be mended" if plan else "mended"
        out.write(f"{len(found)} differences: {len(found) - held} {done}, {held} for you to see.")
    if unread:
        names = ", ".join(report.gateway for report in unread)
        out.write(style.ERROR(f"Not read: {names}. Nothing there is called disconnected for it."))
    if plan and found:
        out.write("Nothing was changed (--plan).")


def _print_gateway(report: Report, out: OutputWrapper, style: Style) -> None:
    if report.skipped:
        out.write(style.WARNING(f"{report.gateway}: {report.why or 'another pass took over'}"))
        return
    if not report.is_readable:
        out.write(style.ERROR(f"{report.gateway}: cannot be read: {report.why}"))
        return
    count = report.sessions_listed
    out.write(f"{report.gateway}: {count} sessions listed" if count is not None else report.gateway)
    if report.why:
        out.write(style.WARNING(f"  its list is not complete: {report.why}"))
    for row in _rows(report.findings):
        out.write("  " + row)


def _rows(findings: Sequence[Difference]) -> list[str]:
    """Columns as wide as they must be; what strangers wrote is made printable."""
    cells = [
        [
            str(finding.kind),
            printable(finding.phone_number or "no number", limit=15),
            printable(finding.session_id, limit=40),
            f"{finding.was or '–'} → {printable(finding.now or '–', limit=20)}",
            _words(finding),
        ]
        for finding in findings
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _words(finding: Difference) -> str:
    cure = CURES.get(finding.kind)
    held = "held: " if finding.held else ""
    return f"{held}{printable(finding.why, limit=120)}" + (f" — {cure}" if cure else "")
