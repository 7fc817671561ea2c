"""Workspaces, their members, and who may come in."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django_otp.plugins.otp_static import admin as otp_static
from django_otp.plugins.otp_totp import admin as otp_totp
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.models import Membership, Workspace
from dashboard.admin.base import HonestAdmin, KeptAdmin, RefersToRows, TabularInline
from dashboard.admin.filters import choices_filter

# Authenticators are set up by their owners and forgotten by a command, not looked at.
for model in (User, Group, otp_static.StaticDevice, otp_totp.TOTPDevice):
    admin.site.unregister(model)


class Members(RefersToRows, TabularInline):
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


def holds_all_of(request: HttpRequest, other: User) -> bool:
    """Return whether the user may do all that the other may: else changing the other, or giving
    them a password, would be a way to more."""
    user: Any = request.user
    if user.is_superuser:
        return True
    return not other.is_superuser and _permissions_of(other) <= user.get_all_permissions()


def _permissions_of(other: User) -> set[str]:
    """Return the permissions, of a deactivated user too: they may be activated again."""
    found = Permission.objects.filter(Q(user=other) | Q(group__user=other))
    return _named(found)


def _named(permissions: QuerySet[Permission]) -> set[str]:
    pairs = permissions.values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in pairs}


def _held(request: HttpRequest) -> QuerySet[Permission]:
    user: Any = request.user
    found = Permission.objects.select_related("content_type")
    if user.is_superuser:
        return found
    return found.filter(Q(user=user) | Q(group__user=user)).distinct()


def _held_groups(request: HttpRequest) -> QuerySet[Group]:
    user: Any = request.user
    if user.is_superuser:
        return Group.objects.all()
    more = Permission.objects.exclude(pk__in=_held(request).values("pk"))
    return Group.objects.exclude(permissions__in=more)


@admin.register(User)
class UserAdmin(auth_admin.UserAdmin, HonestAdmin):  # type: ignore[type-arg]
    """Who is no superuser makes none, and gives nothing that they do not have."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_change_permission(request, obj)
        return may and (obj is None or holds_all_of(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: actions are kept under the name of the user, who is deactivated instead."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields if request.user.is_superuser else (*fields, "is_superuser")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        offered: dict[str, Any] = {"groups": _held_groups, "user_permissions": _held}
        if db_field.name in offered:
            kwargs["queryset"] = offered[db_field.name](request)
        return super().formfield_for_manytomany(db_field, request, **kwargs)


@admin.register(Group)
class GroupAdmin(auth_admin.GroupAdmin, HonestAdmin):
    """The same of groups: one that may more than oneself is only looked at."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_change_permission(request, obj)
        return may and (obj is None or _held_groups(request).filter(pk=obj.pk).exists())

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may: bool = super().has_delete_permission(request, obj)
        return may and (obj is None or _held_groups(request).filter(pk=obj.pk).exists())

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        if db_field.name == "permissions" and request is not None:
            kwargs["queryset"] = _held(request)
        return super().formfield_for_manytomany(db_field, request, **kwargs)
