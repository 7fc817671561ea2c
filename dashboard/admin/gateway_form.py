"""The form of a gateway, and of its secrets: written, never read again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import Gateway, GatewaySecret
from accounts.provisioning import Conflict, free_address
from gateways.registry import KINDS


class GatewayForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Gateway
        fields = ("name", "kind", "base_url", "mode")
        widgets = {
            "kind": UnfoldAdminSelectWidget(choices=[(kind, kind) for kind in KINDS]),
            "base_url": UnfoldAdminTextInputWidget(attrs={"inputmode": "url"}),
        }
        help_texts = {
            "kind": "Which dialect it speaks. webjs: the Node service with whatsapp-web.js.",
            "base_url": "Where we reach it, e.g. http://10.0.0.5:3001",
            "mode": "observe: it is judged and shown, nothing automatic is done to it.",
        }

    def clean_base_url(self) -> str:
        value: str = self.cleaned_data["base_url"]
        if "base_url" not in self.changed_data:
            return value
        try:
            return free_address(value, gateway_id=self.instance.pk)
        except Conflict as error:
            raise ValidationError(str(error)) from error


class SecretForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new secret, or the end of an old one."""

    value = forms.CharField(
        label="secret",
        required=False,
        strip=False,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Never shown again.",
    )

    class Meta:
        model = GatewaySecret
        fields = ("purpose", "not_after")
        labels = {"not_after": "valid until"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["purpose"].disabled = True
            self.fields["value"].disabled = True
            self.fields["value"].widget.attrs["placeholder"] = "kept, sealed"
        else:
            self.fields["value"].required = True

    def clean_value(self) -> str:
        value: str = self.cleaned_data["value"]
        if value != value.strip():
            raise ValidationError("It begins or ends with a space: is that a slip?")
        return value

    def save(self, commit: bool = True) -> Any:
        if not self.instance.pk:
            self.instance.secret = self.cleaned_data["value"]
        return super().save(commit)
