"""What a delivery tells, as plain values: which numbers, since when, why, what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.urls import reverse

from accounts.models import Gateway
from accounts.words.reasons import meaning
from gateways.wire.untrusted import printable
from notices.judging.decide import severity
from notices.judging.group import wants
from notices.languages import text
from notices.models import Delivery, Loss, Notice, Severity, Subscription
from notices.wording.causes import cause_of
from notices.wording.moments import lasting, moment

NAMED = 10
NAMED_CUSTOMERS = 5
What = Delivery.What


@dataclass(frozen=True, slots=True)
class Line:
    """A number of a notice."""

    account_id: int
    number: str
    workspace: str
    gateway: str
    status: str
    reason: str
    opened_at: datetime
    ended_at: datetime | None
    ending: str
    is_again: bool
    is_observed: bool

    @property
    def is_open(self) -> bool:
        return self.ended_at is None

    @property
    def severity(self) -> Severity:
        return severity(self.status, self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One notice in a recipient's words. `parts`: (name of its label, text)."""

    what: str
    key: str
    title: str
    message: str
    parts: list[tuple[str, str]]
    numbers: list[str]
    severity: Severity
    is_over: bool
    action_url: str
    action_label: str
    lines: Sequence[Line]


def lines_of(notice: Notice, subscription: Subscription) -> list[Line]:
    """Return the numbers of the notice that this subscription wants, open ones first."""
    column = "operator_notice" if notice.workspace_id is None else "customer_notice"
    rows = Loss.objects.filter(**{column: notice}).select_related(
        "account__workspace", "account__gateway"
    )
    lines = [
        (row.account.gateway_id, _line(row)) for row in rows.order_by("ended_at", "opened_at", "id")
    ]
    return [
        line
        for gateway_id, line in sorted(lines, key=lambda pair: not pair[1].is_open)
        if wants(subscription, gateway_id, line.severity)
    ]


def _line(loss: Loss) -> Line:
    account = loss.account
    return Line(
        account_id=account.pk,
        number=f"+{account.phone_number}" if account.phone_number else f"account {account.pk}",
        workspace=_said(account.workspace.name),
        gateway=_said(account.gateway.name),
        status=loss.status,
        reason=loss.reason,
        opened_at=loss.opened_at,
        ended_at=loss.ended_at,
        ending=loss.ending,
        is_again=loss.is_again,
        is_observed=account.gateway.mode == Gateway.Mode.OBSERVE,
    )


def _said(foreign: str) -> str:
    """Make a name printable: nothing in it may break a line or hide."""
    return printable(foreign, limit=100)


class Teller:
    """Words for one recipient."""

    def __init__(self, subscription: Subscription, now: datetime) -> None:
        self.subscription = subscription
        self.now = now
        self.language = subscription.language or settings.NOTICE_LANGUAGE
        self.time_zone = subscription.time_zone or settings.NOTICE_TIME_ZONE
        self.is_operator = subscription.workspace_id is None

    def text(self, name: str, **values: object) -> str:
        return text(self.language, name, **values)

    def moment(self, at: datetime) -> str:
        return moment(at, self.now, language=self.language, time_zone=self.time_zone)

    def test(self, delivery: Delivery) -> Story:
        return Story(
            what=What.TEST,
            key=str(delivery.key),
            title=self.text("title.test"),
            message=self.text("test"),
            parts=[],
            numbers=[],
            severity=Severity.WARNING,
            is_over=False,
            action_url=_everywhere(self.is_operator),
            action_label=self.text("action.back"),
            lines=[],
        )

    def tell(self, delivery: Delivery) -> Story:
        """Tell of a notice as it is now."""
        notice = delivery.notice
        if notice is None:
            return self.test(delivery)
        lines = lines_of(notice, self.subscription)
        is_back = delivery.what == What.BACK
        name = {What.BACK: "back", What.REMINDER: "reminder"}.get(What(delivery.what), "lost")
        counted = [line for line in lines if is_back or delivery.what != What.REMINDER]
        counted = counted or [line for line in lines if line.is_open]
        return Story(
            what=delivery.what,
            key=str(delivery.key),
            title=self._title(name, len(counted)),
            message=self._message(lines, is_back=is_back),
            parts=list(self._parts(delivery, lines, is_back=is_back)),
            numbers=self._numbers(counted),
            severity=Severity(notice.severity),
            is_over=notice.closed_at is not None,
            action_url=self._action(lines),
            action_label=self.text("action.back" if is_back else "action.lost"),
            lines=lines,
        )

    def _title(self, name: str, count: int) -> str:
        if count > 1 and name != "reminder":
            return self.text(f"title.{name}.many", count=count)
        return self.text(f"title.{name}")

    def _message(self, lines: Sequence[Line], *, is_back: bool) -> str:
        if is_back:
            return self.text("message.back")
        return self.text("message.lost", do=self._do(lines))

    def _parts(
        self, delivery: Delivery, lines: Sequence[Line], *, is_back: bool
    ) -> Iterable[tuple[str, str]]:
        if not lines:
            return
        yield "what", self._what(delivery, lines)
        began = min(line.opened_at for line in lines)
        if is_back:
            ended = max((line.ended_at or self.now for line in lines), default=self.now)
            lasted = lasting(ended - began, self.language)
            yield "since", self.text("back.lasted", at=self.moment(began), lasted=lasted)
        else:
            age = lasting(self.now - began, self.language)
            yield "since", self.text("since", at=self.moment(began), age=age)
            yield "why", self._why(lines)
        yield "means", self.text("means.back" if is_back else "means.lost")
        if not is_back:
            yield "next", self._next(lines)
            yield "do", self._do(lines)
        if self.is_operator:
            yield "customers", self._customers(lines)

    def _what(self, delivery: Delivery, lines: Sequence[Line]) -> str:
        count, still = len(lines), sum(line.is_open for line in lines)
        if delivery.what == What.BACK:
            one = self.text("what.back.one", number=lines[0].number)
            return one if count == 1 else self.text("what.back.many", count=count)
        if delivery.what == What.MORE:
            return self.text("what.more", count=count)
        if still == 0:
            ended = max(line.ended_at or self.now for line in lines)
            began = min(line.opened_at for line in lines)
            said = self._lost(lines)
            lasted = lasting(ended - began, self.language)
            return f"{said} {self.text('what.over', lasted=lasted)}"
        if delivery.what == What.REMINDER and count > 1:
            return self.text("what.still", open=still, count=count)
        return self._lost(lines)

    def _lost(self, lines: Sequence[Line]) -> str:
        if len(lines) > 1:
            return self.text("what.many", count=len(lines))
        name = "what.again" if lines[0].is_again else "what.one"
        return self.text(name, number=lines[0].number)

    def _why(self, lines: Sequence[Line]) -> str:
        causes = list(dict.fromkeys(cause_of(line.status, line.reason)[0] for line in lines))
        if len(causes) == 1:
            said = self.text(f"why.{causes[0]}")
        else:
            said = self.text("why.many", kinds=len(causes))
        if not self.is_operator:
            return said
        kinds = Counter(line.reason or line.status for line in lines)
        exact = ", ".join(f"{_said(meaning(code).text)} ({code})" for code in list(kinds)[:3])
        return f"{said} {exact[0].upper()}{exact[1:]}."

    def _next(self, lines: Sequence[Line]) -> str:
        if any(line.is_again for line in lines):
            return self.text("next.again")
        if any(line.severity is Severity.CRITICAL for line in lines):
            return self.text("next.human")
        is_observed = all(line.is_observed for line in lines)
        return self.text("next.observe" if is_observed else "next.itself")

    def _do(self, lines: Sequence[Line]) -> str:
        acts = {cause_of(line.status, line.reason)[1] for line in lines}
        return self.text(f"do.{acts.pop()}" if len(acts) == 1 else "do.many")

    def _numbers(self, lines: Sequence[Line]) -> list[str]:
        named = [
            f"{line.number} ({line.workspace}, {line.gateway})" if self.is_operator else line.number
            for line in lines[:NAMED]
        ]
        more = len(lines) - NAMED
        return [*named, self.text("more", count=more)] if more > 0 else named

    def _customers(self, lines: Sequence[Line]) -> str:
        by_name = Counter(line.workspace for line in lines).most_common()
        named = ", ".join(f"{name} {count}" for name, count in by_name[:NAMED_CUSTOMERS])
        more = len(by_name) - NAMED_CUSTOMERS
        return f"{named}, {self.text('more', count=more)}" if more > 0 else named

    def _action(self, lines: Sequence[Line]) -> str:
        if self.is_operator and len(lines) == 1:
            path = reverse("admin:accounts_account_change", args=[lines[0].account_id])
            return settings.PUBLIC_URL + path
        return _everywhere(self.is_operator)


def _everywhere(is_operator: bool) -> str:
    """Return the page of all: built from settings alone, never from what a request or a gateway
    says."""
    if is_operator:
        return settings.PUBLIC_URL + reverse("admin:accounts_account_changelist") + "?group=human"
    url: str = settings.NOTICE_ACTION_URL
    return settings.PUBLIC_URL + url if url.startswith("/") else url
