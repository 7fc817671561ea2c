"""Print a roll call for a tired operator: problems first, each with its reason and its cure."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence

from django.core.management.base import OutputWrapper
from django.core.management.color import Style

from accounts.words.status import Status
from gateways.wire.untrusted import printable
from reconciliation.cli.plan import Applied
from reconciliation.models import Finding
from reconciliation.rollcall.values import Difference, Report

HEADINGS = ("FINDING", "NUMBER", "SESSION", "WAS → NOW")
LAST_HEADING = "REASON ⇒ NEXT STEP"
# Below this width the last column goes under the others.
LAST_COLUMN_LEAST = 50
GAP = "  "
MOST_FINDINGS = 50

CURES = {
    Finding.Kind.MISSING: "restart the session, or scan again",
    Finding.Kind.UNCLAIMED: 'use "Take over" or "Register" in the admin, or stop it at the gateway',
    Finding.Kind.DUPLICATE: 'press "Take over this session" for the one that stays',
    Finding.Kind.UNWANTED: 'press "Pause session", else "Unlink session" (needs a new scan)',
    Finding.Kind.LIST_LIED: "restart the session",
    Finding.Kind.TWIN: 'press "Keep this account" on the page of the one that stays',
}
_ORDER = {kind: number for number, kind in enumerate(Finding.Kind)}
Paint = Callable[[str], str]


def print_table(
    reports: Sequence[Report], out: OutputWrapper, style: Style, *, plan: bool, width: int
) -> None:
    """Print gateways that cannot be read first, then those with findings, then the others."""
    if not reports:
        out.write("There is no gateway yet: ./run manage gateway_add")
        return
    for report in sorted(reports, key=lambda report: (report.was_read, not report.findings)):
        for line in _lines_of(report, style, width):
            out.write(line)
    for line in _summary(reports, style, plan=plan):
        out.write(textwrap.fill(line, width))


def print_applied(
    applied: Sequence[Applied], out: OutputWrapper, style: Style, *, width: int
) -> None:
    """Print one line for each entry that was done or refused, then the totals."""
    for one in applied:
        entry = one.entry
        about = f"{one.gateway}: {entry.kind} {entry.phone_number or entry.session_id}"
        if one.is_done:
            out.write(style.SUCCESS(_fill(f"done: {_said(about)}: {_said(entry.does)}", width)))
        elif one.refusals:
            why = "; ".join(_said(refusal) for refusal in one.refusals)
            out.write(style.ERROR(_fill(f"refused: {_said(about)}: {why}", width)))
    refused = sum(bool(one.refusals) for one in applied)
    done = sum(one.is_done for one in applied)
    out.write(f"{done} done, {refused} refused, {len(applied) - done - refused} only shown.")


def _said(text: str) -> str:
    return printable(text, limit=400)


def _lines_of(report: Report, style: Style, width: int) -> Iterator[str]:
    name, why = printable(report.gateway, limit=100), printable(report.why, limit=400)
    if report.skipped:
        yield style.WARNING(_fill(f"{name}: no pass was made: {why}", width))
        return
    if not report.is_readable:
        yield style.ERROR(_fill(f"{name}: cannot be read: {why}", width))
        return
    found = _counted(len(report.findings), "difference") if report.findings else "in sync"
    yield f"{name}: {_counted(report.sessions_listed or 0, 'session')} listed, {found}"
    if report.why:
        yield style.WARNING(_fill(f"  its list is not complete: {why}", width))
    findings = sorted(report.findings, key=lambda one: (_ORDER[one.kind], one.phone_number))
    yield from _rows(findings[:MOST_FINDINGS], style, width)
    if (more := len(findings) - MOST_FINDINGS) > 0:
        yield f"  … and {more} more: --json shows them all"


def _rows(findings: Sequence[Difference], style: Style, width: int) -> Iterator[str]:
    """Yield the rows, with columns as wide as needed."""
    if not findings:
        return
    cells = [HEADINGS, *(_cells(finding) for finding in findings)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    left = sum(widths) + len(GAP) * (len(widths) + 1)
    is_wide = width - left >= LAST_COLUMN_LEAST
    paints: list[Paint] = [style.MIGRATE_HEADING, *(_paint(one, style) for one in findings)]
    words = [LAST_HEADING if is_wide else "", *(_words(finding) for finding in findings)]
    for row, paint, text in zip(cells, paints, words, strict=True):
        padded = [cell.ljust(one) for cell, one in zip(row, widths, strict=True)]
        head = GAP + GAP.join([paint(padded[0]), *padded[1:]])
        if is_wide:
            yield _beside(head, text, indent=left, width=width)
            continue
        yield head.rstrip()
        if text:
            yield _fill(text, width, indent=" " * 6)


def _beside(head: str, text: str, *, indent: int, width: int) -> str:
    first, *others = textwrap.wrap(text, width - indent) or [""]
    return "\n".join([f"{head}{GAP}{first}".rstrip(), *(" " * indent + line for line in others)])


def _fill(text: str, width: int, *, indent: str = "") -> str:
    return textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent or " " * 4)


def _cells(finding: Difference) -> tuple[str, ...]:
    """Return the cells of a finding, with foreign text made printable."""
    account = f"account {finding.account_id}" if finding.account_id else "no number"
    now = printable(str(finding.now) or "–", limit=20)
    return (
        str(finding.kind),
        printable(finding.phone_number, limit=15) or account,
        printable(finding.session_id, limit=40),
        f"{finding.was or '–'} → {now}",
    )


def _paint(finding: Difference, style: Style) -> Paint:
    paint: Paint = style.WARNING if finding.held else style.ERROR
    return style.SUCCESS if finding.now == Status.CONNECTED and not finding.held else paint


def _words(finding: Difference) -> str:
    held = "held: " if finding.held else ""
    cure = CURES.get(finding.kind, "") if _has_cure(finding) else ""
    return f"{held}{printable(finding.why, limit=400)}" + (f" ⇒ {cure}" if cure else "")


def _has_cure(finding: Difference) -> bool:
    """Return True if an operator can do something. A held loss may be none, and a change that
    resolved itself needs no action."""
    if finding.kind is Finding.Kind.MISSING:
        return finding.now == Status.DISCONNECTED and not finding.held
    return finding.held or finding.kind is Finding.Kind.LIST_LIED


def _summary(reports: Sequence[Report], style: Style, *, plan: bool) -> Iterator[str]:
    found = [finding for report in reports for finding in report.findings]
    if all(report.is_in_sync for report in reports):
        yield style.SUCCESS("All sessions are in sync.")
    if found:
        held = sum(finding.held for finding in found)
        done = "would be fixed" if plan else "fixed"
        counted = _counted(len(found), "difference")
        needs = "needs" if held == 1 else "need"
        yield f"{counted}: {len(found) - held} {done}, {held} {needs} you."
    if unread := [report.gateway for report in reports if not report.was_read]:
        names = ", ".join(printable(name, limit=100) for name in unread)
        yield style.ERROR(f"Not read: {names}. Nothing there is called disconnected for it.")
    if plan:
        yield "Nothing was changed (--plan)."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
