"""The inbox's filters in plain words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from dashboard.admin.filters import PlainFilter, choices_filter
from dashboard.roll_call_watch import request_now
from gateways.base import Kind
from webhooks.inbox.receive import UNREADABLE
from webhooks.models import Delivery

StateFilter = choices_filter("state", "what became of it")

_KINDS = {
    Kind.STATE: "Says what state a session is in",
    Kind.HINT: "A hint: the session is read",
    Kind.CANARY: "A test of the route",
    Kind.UNRECOGNISED: "An event that nobody knows",
    UNREADABLE: "Not understood",
}
_SPANS = {
    "hour": ("In the last hour", timedelta(hours=1)),
    "day": ("In the last 24 hours", timedelta(hours=24)),
    "week": ("In the last 7 days", timedelta(days=7)),
}


class KindFilter(PlainFilter):
    title = "kind of event"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(_KINDS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not (kind := self.value()):
            return queryset
        if kind == UNREADABLE:
            return queryset.filter(event=UNREADABLE).exclude(state=Delivery.State.APPLIED)
        return queryset.filter(said__kind=kind)


class ReceivedFilter(PlainFilter):
    title = "when it was received"
    parameter_name = "received"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, words) for name, (words, _) in _SPANS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not (name := self.value()):
            return queryset
        return queryset.filter(received_at__gte=request_now(request) - _SPANS[name][1])


class RetryFilter(PlainFilter):
    title = "probably sent twice"
    parameter_name = "retries"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Probably a retry of the one before it"), ("no", "News")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not (asked := self.value()):
            return queryset
        return queryset.filter(is_probable_retry=asked == "yes")
