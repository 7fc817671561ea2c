"""Evidence that is never edited, and on which something can be done."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from dashboard.admin.base import ReadOnlyAdmin
from dashboard.admin.confirm.pages import ConfirmingAdmin
from dashboard.roll_call_watch import request_now


class ActedOnAdmin(ConfirmingAdmin, ReadOnlyAdmin):
    change_form_outer_before_template = "dashboard/row_verbs.html"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow the actions: the row itself is never edited."""
        permission = f"{self.opts.app_label}.change_{self.opts.model_name}"
        return obj is None and request.user.has_perm(permission)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the actions that can be done now, to users who may do them."""
        shown = dict(extra_context or {})
        row = self.get_object(request, object_id)
        if row is not None and self.has_change_permission(request):
            now = request_now(request)
            can = [verb for verb in self.verbs(request).values() if not verb.refusal(row, now)]
            act = f"admin:{self.opts.app_label}_{self.opts.model_name}_act"
            shown |= {"row": row, "row_verbs": can, "act": act}
        return super().change_view(request, object_id, form_url, shown)
