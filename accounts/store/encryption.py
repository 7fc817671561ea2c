"""Secrets at rest, sealed with the keys of FIELD_KEYS.

A column that holds a sealed value is named `sealed` or `sealed_…`; `rotate_keys` finds it by that
name.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class CannotOpen(Exception):
    """Sealed secret that no key of FIELD_KEYS opens."""


@cache
def _keys(field_keys: tuple[str, ...]) -> list[Fernet]:
    """Return the keys. Without FIELD_KEYS one is derived from SECRET_KEY."""
    derived = hashlib.sha256(f"rollcall:sealing:{settings.SECRET_KEY}".encode()).digest()
    keys = field_keys or (base64.urlsafe_b64encode(derived).decode(),)
    try:
        return [Fernet(key) for key in keys]
    except ValueError as error:
        raise ImproperlyConfigured(f"FIELD_KEYS: {error}") from None


def _box() -> MultiFernet:
    """Return the cipher: the first key seals, all keys open."""
    return MultiFernet(_keys(tuple(settings.FIELD_KEYS)))


def seal(secret: str) -> str:
    return _box().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    try:
        return _box().decrypt(sealed.encode()).decode()
    except (InvalidToken, UnicodeDecodeError):
        raise CannotOpen(
            "a gateway's secret was sealed with a key that is not in FIELD_KEYS any more: add that "
            "key behind the new one, or set the secret again with gateway_add"
        ) from None


def is_sealed_with_the_first_key(sealed: str) -> bool:
    try:
        _keys(tuple(settings.FIELD_KEYS))[0].decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True


def unseal_those_that_open(sealed: Iterable[str]) -> list[str]:
    """Return the opened secrets, in their order. One that does not open is skipped, so that setting
    it again repairs it. Raises CannotOpen if there are some and none opens."""
    opened, last_error = [], None
    for one in sealed:
        try:
            opened.append(unseal(one))
        except CannotOpen as error:
            last_error = error
    if last_error is not None and not opened:
        raise last_error
    return opened
