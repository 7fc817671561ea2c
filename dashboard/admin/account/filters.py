"""Filters of the accounts list, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest

from accounts.words.status import Status
from dashboard.account.groups import Accounts, Group
from dashboard.admin.filters import PlainFilter


class GroupFilter(PlainFilter):
    title = "action needed"
    parameter_name = "group"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(group.value, str(group.label)) for group in Group]

    def queryset(self, request: HttpRequest, queryset: Accounts) -> Accounts:
        return queryset.filter(group=self.value()) if self.value() else queryset


class StatusFilter(PlainFilter):
    """By the status as it is shown: an expired "connected" is found under "unknown"."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status.value, str(status.label)) for status in Status]

    def queryset(self, request: HttpRequest, queryset: Accounts) -> Accounts:
        return queryset.filter(shown=self.value()) if self.value() else queryset


class HiddenFilter(PlainFilter):
    """Archived and merged accounts are kept for ever, and hidden unless asked for."""

    title = "hidden accounts"
    parameter_name = "hidden"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("archived", "Archived"),
            ("merged", "Merged into another account"),
            ("all", "Everything"),
        ]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        first, *others = super().choices(changelist)
        yield {**first, "display": "Accounts in use"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: Accounts) -> Accounts:
        match self.value():
            case "archived":
                return queryset.filter(archived_at__isnull=False, merged_into__isnull=True)
            case "merged":
                return queryset.filter(merged_into__isnull=False)
            case "all":
                return queryset
        return queryset.filter(merged_into__isnull=True, archived_at__isnull=True)
