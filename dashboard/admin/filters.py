"""Filters in plain words. A value that none of them offers, typed into the address, filters
nothing."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest


class PlainFilter(admin.SimpleListFilter):
    def value(self) -> str | None:
        asked = super().value()
        return asked if asked in {name for name, _ in self.lookup_choices} else None


def choices_filter(field: str, words: str) -> type[PlainFilter]:
    """Return a filter by a field's choices, with their labels."""

    class ChoicesFilter(PlainFilter):
        title = words
        parameter_name = field

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            choices = model_admin.model._meta.get_field(field).choices
            return [(name, str(label)) for name, label in choices]

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            return queryset.filter(**{field: self.value()}) if self.value() else queryset

    return ChoicesFilter


def null_filter(field: str, words: str, *, null: str, filled: str) -> type[PlainFilter]:
    """Return a filter by whether a moment is set: `null` and `filled` are the labels."""

    class NullFilter(PlainFilter):
        title = words
        parameter_name = field

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return [("no", null), ("yes", filled)]

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            if not self.value():
                return queryset
            return queryset.filter(**{f"{field}__isnull": self.value() == "no"})

    return NullFilter
