"""Tokens that a gateway signs with a secret of ours (JWT, HS256).

They authenticate the sender and not the body: a claim that came with one is confirmed by a read
like any other.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import jwt
from jwt.warnings import InsecureKeyLengthWarning

from gateways.profiles import Token
from webhooks.auth.clock_skew import TOLERANCE_SECONDS, require_recent
from webhooks.auth.untrusted import Untrusted

# A token proves its sender and not the body: who finds one may use it for as long as it lives.
LONGEST_LIFE_SECONDS = 3600
LATEST_SECONDS = 10**11
_OPTIONS: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}

# The length is checked when the secret is set; a warning for every webhook helps nobody.
warnings.filterwarnings("ignore", category=InsecureKeyLengthWarning)


def secret_of(token: str, secrets: Iterable[bytes], *, meant: Token, now_seconds: float) -> bytes:
    """Return the secret that signed this token, if it is of the `meant` form. Raise Untrusted."""
    for secret in secrets:
        try:
            claims = jwt.decode(token, secret, algorithms=["HS256"], options=_OPTIONS)
        except (jwt.InvalidSignatureError, jwt.InvalidKeyError):
            continue
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise Untrusted("malformed_token", "the bearer token is not a JWT in HS256") from None
        _check(claims, meant, now_seconds)
        return secret
    raise Untrusted(
        "wrong_token",
        "the bearer token fits no active secret: is the gateway's jwt_key the one that Rollcall "
        "has as its webhook signature?",
    )


def _check(claims: Mapping[str, object], meant: Token, now_seconds: float) -> None:
    issued, expires = _seconds(claims, "iat"), _seconds(claims, "exp")
    if issued - now_seconds > TOLERANCE_SECONDS:
        require_recent(issued - now_seconds, tolerance_seconds=TOLERANCE_SECONDS)
    if expires - issued > LONGEST_LIFE_SECONDS:
        raise Untrusted(
            "long_token",
            f"the bearer token is valid for {round(expires - issued)} s: at most "
            f"{LONGEST_LIFE_SECONDS} s are believed, since whoever finds it may use it so long",
        )
    if now_seconds - expires > meant.late_seconds:
        raise Untrusted(
            "expired_token",
            f"the bearer token expired {round(now_seconds - expires)} s ago: check the gateway's "
            f"clock ({meant.late_seconds} s are tolerated, for late retries)",
        )
    for name, value in meant.claims.items():
        if claims.get(name) != value:
            raise Untrusted("foreign_token", f"the bearer token is not for this: {name} is wrong")


def _seconds(claims: Mapping[str, object], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, int | float) and 0 <= value <= LATEST_SECONDS and value is not True:
        return value
    raise Untrusted("malformed_token", f"the bearer token must say {name}, in seconds")
