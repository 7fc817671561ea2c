"""Registering a number by hand."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import Account, Gateway, Workspace
from accounts.operators.registration import register
from accounts.store.row_ids import row_id
from accounts.words.phone_numbers import NotANumber, typed_number
from accounts.words.refusals import Refused
from accounts.words.status import Wanted

LONGEST_SESSION_ID = 255


class RegisterForm(forms.Form):
    """What `register` needs; the same rules as the command line."""

    workspace = forms.ModelChoiceField(
        Workspace.objects.all(), widget=UnfoldAdminSelectWidget, empty_label="Choose one"
    )
    gateway = forms.ModelChoiceField(
        Gateway.objects.all(), widget=UnfoldAdminSelectWidget, empty_label="Choose one"
    )
    session_id = forms.CharField(
        label="Session id",
        max_length=LONGEST_SESSION_ID,
        strip=False,  # a blank at its end is a part of it, for the gateway as for us
        widget=UnfoldAdminTextInputWidget,
        help_text="As the gateway names it. Register it before the gateway is told to start it: "
        "its first webhook can be faster than you.",
    )
    phone_number = forms.CharField(
        label="Number",
        required=False,
        max_length=30,
        widget=UnfoldAdminTextInputWidget,
        help_text="7 to 15 digits. Leave it empty if the first scan is to tell it.",
    )
    wanted = forms.ChoiceField(
        choices=Wanted.choices,
        initial=Wanted.RUNNING,
        widget=UnfoldAdminSelectWidget,
        help_text="Should this number be running?",
    )

    @staticmethod
    def proposed(given: dict[str, str]) -> dict[str, str]:
        """Return what an address proposes, without what is no id where one belongs."""
        refers = ("workspace", "gateway")
        return {
            name: value
            for name, value in given.items()
            if name not in refers or row_id(value) is not None
        }

    def clean_session_id(self) -> str:
        value: str = self.cleaned_data["session_id"]
        if not value.isprintable():
            raise ValidationError("It holds invisible characters.")
        if not value.strip():
            raise ValidationError("It is nothing but blanks.")
        return value

    def clean_phone_number(self) -> str | None:
        value = self.cleaned_data["phone_number"]
        try:
            return typed_number(value) if value else None
        except NotANumber as wrong:
            raise ValidationError(f"Not taken as a number: {wrong}.") from None

    def register(self, *, actor: str) -> Account | None:
        """The account; None when it was refused, which is then an error of this form."""
        try:
            return register(
                workspace=self.cleaned_data["workspace"],
                gateway=self.cleaned_data["gateway"],
                session_id=self.cleaned_data["session_id"],
                phone_number=self.cleaned_data["phone_number"],
                wanted=Wanted(self.cleaned_data["wanted"]),
                actor=actor,
            )[0]
        except Refused as error:
            self.add_error(None, f"Not registered: {error}.")
            return None
