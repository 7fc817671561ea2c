"""How rows are found: by what people type into a search box, and by filters in plain words.

A value that no filter offers, typed into the address, filters nothing.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounts.models import Account
from accounts.words.phone_numbers import spellings, spellings_at_home
from gateways.phone_numbers import normal_phone_number


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


HELP = "Number, its beginning or its end, or session id"
# Fewer digits at the end of a number would fit half of all numbers.
SHORTEST_END = 4


def digits_of(term: str) -> str:
    """The digits of a number as people paste it ("+62 811-801…", with whatever invisible marks
    their phone put around it); empty when it is not one."""
    if number := normal_phone_number(term):
        return number
    kept = "".join(character for character in term if character.isalnum())
    return kept if kept.isascii() and kept.isdigit() else ""


def by_number(term: str) -> Q:
    """Accounts whose number begins or ends like that, or is that in another spelling."""
    digits = digits_of(term)
    if not digits:
        return Q(pk__in=[])
    # At home people write a zero where the country's code would be.
    end = digits.lstrip("0")
    written = spellings(digits) | spellings_at_home(end)
    found = Q(phone_number__startswith=digits) | Q(phone_number__in=written)
    return found | Q(phone_number__endswith=end) if len(end) >= SHORTEST_END else found


def of_account(term: str) -> Q:
    """Rows with a session id and an account: by either."""
    accounts: QuerySet[Account] = Account.objects.filter(by_number(term))
    by_session = Q(session_id__startswith=term)
    return by_session | Q(account__in=accounts.values("pk")) if digits_of(term) else by_session
