"""Workspaces, their members, and who may come in."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, User
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.models import Membership, Workspace
from dashboard.admin.base import HonestAdmin, KeptAdmin, TabularInline
from dashboard.admin.filters import choices_filter

admin.site.unregister(User)
admin.site.unregister(Group)


class Members(TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ("user",)


@admin.register(Workspace)
class WorkspaceAdmin(KeptAdmin):
    list_display = ("name", "id", "accounts_in_use", "members_count", "created_at")
    search_fields = ("name",)
    inlines = (Members,)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("created_at",) if obj else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workspace]:
        in_use = Q(accounts__archived_at__isnull=True, accounts__merged_into__isnull=True)
        workspaces: QuerySet[Workspace] = super().get_queryset(request)
        return workspaces.annotate(
            accounts_number=Count("accounts", filter=in_use, distinct=True),
            members_number=Count("membership", distinct=True),
        )

    @admin.display(description="accounts", ordering="accounts_number")
    def accounts_in_use(self, workspace: Any) -> int:
        return int(workspace.accounts_number)

    @admin.display(description="members", ordering="members_number")
    def members_count(self, workspace: Any) -> int:
        return int(workspace.members_number)


@admin.register(Membership)
class MembershipAdmin(HonestAdmin):
    list_display = ("workspace", "user", "role")
    list_select_related = ("workspace", "user")
    list_filter = (choices_filter("role", "what they may do"), "workspace")
    search_fields = ("user__username", "workspace__name")
    autocomplete_fields = ("workspace", "user")


@admin.register(User)
class UserAdmin(auth_admin.UserAdmin, HonestAdmin):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: actions are kept under the name of the user, who is deactivated instead."""
        return False


@admin.register(Group)
class GroupAdmin(auth_admin.GroupAdmin, HonestAdmin):
    pass
