"""Where the webhooks of each kind belong, and what to do about those that arrive elsewhere."""

from __future__ import annotations

from django.conf import settings


def right_path(kind: str) -> str:
    return f"/api/webhooks/{kind}"


def right_url(kind: str) -> str:
    return f"{settings.PUBLIC_URL}{right_path(kind)}"


def cure(path: str) -> str:
    """For a gateway that should send to `path`."""
    return (
        f"Set WEBHOOK_ENDPOINT={path} in its .env. Versions with this path hard-coded ignore that: "
        "update the sender, or accept this path for this gateway."
    )
