"""The form of a gateway, and of its secrets: written, never read again."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import Gateway, GatewaySecret
from accounts.operators.another_origin import is_another_origin, require_secrets_again
from accounts.operators.provisioning import fault_of_secret, free_address
from accounts.operators.webhook_settings import (
    accepted_paths_of,
    forward_url_of,
    require_signing_kind,
)
from accounts.store import clock
from accounts.words.refusals import Conflict
from gateways.base import ProbeKind
from gateways.registry import KINDS

_SEGMENT = re.compile(r"[A-Za-z0-9_-]{16,}")


class NeverShownAgain(UnfoldAdminTextareaWidget):  # type: ignore[misc]
    """A form that is shown again has forgotten what was typed."""

    def format_value(self, value: Any) -> str:
        return ""


class GatewayForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Gateway
        fields = (
            *("name", "kind", "base_url", "mode"),
            *("require_signature", "accepts_unsigned", "forward_url", "accepted_paths"),
            "send_probe",
        )
        labels = {"send_probe": "When to probe with a message"}
        widgets = {
            "kind": UnfoldAdminSelectWidget(choices=lambda: [(kind, kind) for kind in KINDS]),
            "base_url": UnfoldAdminTextInputWidget(attrs={"inputmode": "url"}),
        }
        help_texts = {
            "base_url": "Where we reach it, e.g. http://10.0.0.5:3001",
            "mode": "observe: it is judged and shown, nothing automatic is done to it.",
            "require_signature": "Believe its webhooks and calls only if they are signed: a key or "
            "a secret path alone is not enough any more.",
            "accepts_unsigned": "Believe unsigned ones even after it has signed. Without this, the "
            "first signature ends them.",
            "forward_url": "A backend of your own that gets all its webhooks as well, unchanged, "
            "e.g. https://crm.example.com/hook. Messages pass through and are never kept.",
        }

    accepted_paths = forms.CharField(
        label="Accepted paths",
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Paths that it sends to although they are not the right one, one a line, e.g. "
        "/api/hooks/wa: no incident is opened about them.",
    )
    secrets_again = forms.CharField(
        label="Its secrets again",
        required=False,
        strip=False,
        widget=NeverShownAgain(attrs={"rows": 2, "autocomplete": "off", "spellcheck": "false"}),
        help_text="Only to lead it to another origin (base URL, forward URL): all its active "
        "secrets, one a line. Whoever does not know them ends them first.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["accepted_paths"] = "\n".join(self.instance.accepted_paths)
        if "kind" in self.fields:
            self.fields["kind"].help_text = _kinds_told_apart()
        if "send_probe" in self.fields:
            self.fields["send_probe"].help_text = _when_to_send_a_probe()

    def clean_kind(self) -> str:
        kind: str = self.cleaned_data["kind"]
        if kind not in KINDS:
            raise ValidationError(f"There is no such kind; there are: {', '.join(KINDS)}")
        return kind

    def clean_require_signature(self) -> bool:
        value: bool = self.cleaned_data["require_signature"]
        kind = self.cleaned_data.get("kind", self.instance.kind)
        require_signing_kind(kind, require_signature=value)
        return value

    def clean_accepts_unsigned(self) -> bool:
        value: bool = self.cleaned_data["accepts_unsigned"]
        if value and self.cleaned_data.get("require_signature"):
            raise ValidationError("It cannot both require a signature and do without one.")
        return value

    def clean_accepted_paths(self) -> list[str]:
        return accepted_paths_of(self.cleaned_data["accepted_paths"].splitlines())

    def clean_forward_url(self) -> str:
        return forward_url_of(self.cleaned_data["forward_url"])

    def clean(self) -> dict[str, Any] | None:
        """The instance still has the addresses of before: they are replaced after this."""
        for name in ("base_url", "forward_url"):
            after = self.cleaned_data.get(name)
            if after and is_another_origin(getattr(self.instance, name), after):
                self._require_secrets_again(name, after)
        return super().clean()

    def _require_secrets_again(self, name: str, address: str) -> None:
        given = (self.cleaned_data.get("secrets_again") or "").splitlines()
        try:
            require_secrets_again(self.instance, origin_of=address, given=given)
        except ValidationError as error:
            self.add_error(name, error)

    def clean_base_url(self) -> str:
        value: str = self.cleaned_data["base_url"]
        if "base_url" not in self.changed_data:
            return value
        try:
            return free_address(value, gateway_id=self.instance.pk)
        except Conflict as error:
            raise ValidationError(str(error)) from error


def _kinds_told_apart() -> str:
    named = "; ".join(f"{name}: {kind.title}" for name, kind in KINDS.items())
    return f"Which dialect it speaks. {named}. What to set: docs/connecting-a-gateway.md."


def _when_to_send_a_probe() -> str:
    by_message = [name for name, kind in KINDS.items() if kind.capabilities.probe is ProbeKind.SEND]
    return (
        f"Only where nothing else tells a live session from a dead one ({', '.join(by_message)}): "
        "a message that cannot go out, at most every 10 min for an account."
    )


class SecretFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]
    """The secrets of one gateway, whose kind says which of them it can sign with."""

    def clean(self) -> None:
        super().clean()
        for form in self.forms:
            said = getattr(form, "cleaned_data", {})
            value, purpose = said.get("value") or "", said.get("purpose") or ""
            if fault := fault_of_secret(self.instance.kind, purpose, value):
                form.add_error("value", f"It cannot be used: {fault}")


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
        self._end_before = self.instance.not_after
        if self.instance.pk:
            self.fields["purpose"].disabled = True
            self.fields["value"].disabled = True
            self.fields["value"].widget.attrs["placeholder"] = "kept, sealed"
        else:
            self.fields["value"].required = True

    def clean_not_after(self) -> datetime | None:
        """Refuse to revive a secret that ended before the gateway's address was changed."""
        end: datetime | None = self.cleaned_data["not_after"]
        now = clock.database_now()
        before = self._end_before
        if self.instance.pk and before is not None and before <= now and (not end or end > now):
            raise ValidationError("It has ended, and stays so: add the secret anew.")
        return end

    def clean_value(self) -> str:
        value: str = self.cleaned_data["value"]
        if value != value.strip():
            raise ValidationError("It begins or ends with a space: is that a slip?")
        if self.cleaned_data.get("purpose") == GatewaySecret.Purpose.PATH and value:
            self._require_segment(value)
        return value

    def _require_segment(self, value: str) -> None:
        if not _SEGMENT.fullmatch(value):
            raise ValidationError(
                "A secret path is one segment of an address: 16 or more letters, digits, - and _"
            )

    def save(self, commit: bool = True) -> Any:
        if not self.instance.pk:
            self.instance.secret = self.cleaned_data["value"]
        return super().save(commit)
