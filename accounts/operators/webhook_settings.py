"""Webhook settings of a gateway: whether a signature is required, which other paths are accepted,
and where webhooks are forwarded."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError

from accounts.addresses import fault_of
from accounts.models import Gateway
from accounts.operators.another_origin import is_another_origin, require_secrets_again
from gateways.registry import KINDS
from gateways.wire.untrusted import without_keys

LONGEST_PATH = 200
MOST_PATHS = 20
_FIELDS = ("require_signature", "accepts_unsigned", "forward_url", "accepted_paths")


def ensure_taking(
    gateway: Gateway,
    *,
    require_signature: bool | None = None,
    forward_url: str | None = None,
    accept_path: str | None = None,
    secrets_again: Iterable[str] = (),
) -> None:
    """Change the settings that are not None; `forward_url` "" ends forwarding, and one of another
    origin needs the gateway's secrets again. Raises ValidationError."""
    if require_signature is not None:
        require_signing_kind(gateway.kind, require_signature=require_signature)
        gateway.require_signature = require_signature
        gateway.accepts_unsigned = not require_signature
    if forward_url is not None:
        url = forward_url_of(forward_url)
        if is_another_origin(gateway.forward_url, url):
            require_secrets_again(gateway, origin_of=url, given=secrets_again)
        gateway.forward_url = url
    if accept_path is not None:
        gateway.accepted_paths = accepted_paths_of([*gateway.accepted_paths, accept_path])
    gateway.save(update_fields=_FIELDS)


def require_signing_kind(kind: str, *, require_signature: bool) -> None:
    """Raise ValidationError if no webhook of this kind could be accepted any more."""
    profile = KINDS[kind].profile if kind in KINDS else None
    if require_signature and profile and not (profile.signature or profile.token):
        raise ValidationError(
            f"Gateways of kind {kind} sign nothing: none of its webhooks would be believed"
        )


def forward_url_of(value: str) -> str:
    """Return the address of a business's own backend, or "". Raises ValidationError."""
    if value and (wrong := _what_is_wrong_with(value)):
        raise ValidationError(f"That is no forward URL: {wrong}")
    return value


def accepted_paths_of(paths: list[str]) -> list[str]:
    """Return each path once, without possible keys in it, because they are compared in that form.
    Raises ValidationError."""
    paths = list(dict.fromkeys(without_keys(path.strip()) for path in paths if path.strip()))
    for path in paths:
        is_plain = (
            path.replace("…", "").isascii() and path.isprintable() and not set(" ?#") & set(path)
        )
        if not path.startswith("/") or not is_plain or len(path) > LONGEST_PATH:
            raise ValidationError(
                f"{path[:LONGEST_PATH]!r} is no path: it begins with / and has no space, ? or #"
            )
    if len(paths) > MOST_PATHS:
        raise ValidationError(f"At most {MOST_PATHS} paths: set the right one in the gateway.")
    return paths


def _what_is_wrong_with(url: str) -> str:
    if wrong := fault_of(url, instead_of_password="the gateway's signature goes along"):
        return wrong
    if _is_ours(urlsplit(url)):
        return (
            "it is Rollcall's own address, so that webhooks would go round in circles. Where a "
            "proxy serves Rollcall and your backend at one address, give the one behind it"
        )
    return ""


def _is_ours(parts: SplitResult) -> bool:
    """Return True if the address lies below our public address, under any of our host names.

    A loop that this cannot detect is found when a webhook comes back
    (webhooks.wire.guards).
    """
    public = urlsplit(settings.PUBLIC_URL)
    names = {host.strip("[]").lower() for host in settings.ALLOWED_HOSTS} | {public.hostname}
    path = public.path.rstrip("/")
    return (
        parts.hostname in names
        and _port(parts) == _port(public)
        and f"{parts.path}/".startswith(f"{path}/")
    )


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)
