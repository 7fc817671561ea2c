"""Where the webhooks of each kind belong, and what to do about those that arrive elsewhere."""

from __future__ import annotations

from django.conf import settings

from gateways import webjs
from gateways.subscriptions import SETTINGS


def right_path(kind: str) -> str:
    return f"/api/webhooks/{kind}"


def right_url(kind: str) -> str:
    return f"{settings.PUBLIC_URL}{right_path(kind)}"


def cure(path: str) -> str:
    """For a gateway that should send to `path`, in the words of its kind."""
    kind = path.rpartition("/")[2]
    setting = SETTINGS[kind].format(path=path, url=f"{settings.PUBLIC_URL}{path}")
    if kind == webjs.KIND:
        return (
            f"Set {setting}. Versions with this path hard-coded ignore that: update the sender, or "
            "accept this path for this gateway (gateway_add --accept-path)."
        )
    return f"Set {setting}. Or accept this path for this gateway (gateway_add --accept-path)."
