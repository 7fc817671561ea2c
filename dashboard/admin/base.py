"""What all admin pages share: nothing is deleted, evidence is read only, strangers' text is shown
with its invisible characters made visible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.widgets import AutocompleteSelect
from django.db import models
from django.http import Http404, HttpRequest
from unfold.paginator import InfinitePaginator

from accounts.store.row_ids import row_id
from dashboard.roll_call_watch import request_now
from dashboard.wording.html import visible

# unfold has no types: the checker is shown Django's own classes, which unfold's extend.
if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList

    class ModelAdmin(admin.ModelAdmin[Any]): ...

    class TabularInline(admin.TabularInline[Any, Any]): ...
else:
    from unfold.admin import ModelAdmin, TabularInline
    from unfold.views import ChangeList

__all__ = [
    "ChangeList",
    "HonestAdmin",
    "KeptAdmin",
    "ModelAdmin",
    "ReadOnlyAdmin",
    "RefersToRows",
    "TabularInline",
]


class RowSelect(AutocompleteSelect):
    """A field to search a row in. Django fails to show again what was sent and is no id."""

    def optgroups(self, name: str, value: Sequence[str], attr: Any = None) -> Any:
        return super().optgroups(name, [pk for pk in value if row_id(str(pk)) is not None], attr)


class RefersToRows:
    """Base of forms and their inlines, whose fields may refer to rows."""

    if TYPE_CHECKING:
        admin_site: admin.AdminSite

        def get_autocomplete_fields(self, request: HttpRequest) -> Any: ...

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey[Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = RowSelect(db_field, self.admin_site, using=kwargs.get("using"))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]


class HonestAdmin(RefersToRows, ModelAdmin):
    """What is not there is a 404; Django would lead to the start page, with a note."""

    list_per_page = 50
    show_full_result_count = False
    list_fullwidth = True
    show_facets = admin.ShowFacets.NEVER  # they count large tables once for each choice

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return HonestChangeList

    def response_action(
        self, request: HttpRequest, queryset: models.QuerySet[Any], *where: Any
    ) -> Any:
        """Django fails at what is chosen and is no id."""
        chosen = request.POST.copy()
        ids = [pk for pk in chosen.getlist(ACTION_CHECKBOX_NAME) if row_id(pk) is not None]
        chosen.setlist(ACTION_CHECKBOX_NAME, ids)
        request.POST = chosen  # type: ignore[assignment]
        return super().response_action(request, queryset, *where)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Drop what an address proposes for a field that refers to a row, unless it is an id."""
        return {
            name: value
            for name, value in super().get_changeform_initial_data(request).items()
            if not self._refers_to_a_row(name) or row_id(str(value)) is not None
        }

    def _refers_to_a_row(self, name: str) -> bool:
        return any(one.name == name and one.is_relation for one in self.opts.get_fields())

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, *args: Any) -> Any:
        raise Http404


class KeptAdmin(HonestAdmin):
    """Rows that are never deleted here."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return HarmlessChangeList


class HonestChangeList(ChangeList):
    """PostgreSQL takes no NUL in a text: nothing can be found by one."""

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        filters = super().get_filters_params(params)
        if any("\0" in value for values in filters.values() for value in values):
            raise IncorrectLookupParameters
        return filters


class HarmlessChangeList(HonestChangeList):
    """Its rows are never saved, so their text may be replaced by what is shown of it."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count  # so that nobody is offered to "show all"
        for row in self.result_list:
            make_harmless(row)
            row.seen_now = request_now(request)


def make_harmless(row: models.Model) -> None:
    """Replace the text of `row`, and of the rows that were loaded with it, by its visible form.
    Never save a row after this."""
    for field in row._meta.concrete_fields:
        value = row.__dict__.get(field.attname)
        if isinstance(value, str) and not value.isprintable():
            row.__dict__[field.attname] = visible(value)
        related = row._state.fields_cache.get(field.name)
        if related is not None:
            make_harmless(related)


class ReadOnlyAdmin(KeptAdmin):
    """Evidence: looked at, never touched. Large tables are paged without counting them."""

    paginator = InfinitePaginator
    actions = None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows = super().get_queryset(request)
        related = self.list_select_related
        return rows.select_related(*related) if isinstance(related, tuple) else rows

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            row.seen_now = request_now(request)
            make_harmless(row)
        return row
