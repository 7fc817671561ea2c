"""A webhook as a gateway of a kind would send it: for testing the route."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import jwt

from gateways.profiles import Encoding, Profile, Signature

TOKEN_SECONDS = 60
_NO_TIMES: Any = dict.fromkeys(("verify_exp", "verify_iat", "verify_nbf", "verify_aud"), False)

# Each kind's parser recognises it as a test.
TEST_EVENT = "connection_test"


def headers_for(
    profile: Profile, body: bytes, *, hmac_secret: str, api_key: str, event_id: str, now: datetime
) -> dict[str, str]:
    """Return the strongest credentials that the secrets allow for these bytes; empty if the kind
    can send none, or there is no secret."""
    headers = {profile.id_header: event_id} if profile.id_header else {}
    if profile.signature and hmac_secret:
        return headers | _signed(profile.signature, body, headers, secret=hmac_secret, now=now)
    if profile.token and hmac_secret:
        token = _token(profile.token.claims, hmac_secret, now, seconds=TOKEN_SECONDS)
        return {"Authorization": f"Bearer {token}"}
    if profile.key_headers and api_key:
        return headers | {profile.key_headers[0]: api_key}
    return {}


def signed_anew(
    profile: Profile,
    body: bytes,
    headers: Mapping[str, str],
    *,
    secrets: Sequence[str],
    now: datetime,
) -> Mapping[str, str]:
    """Return the same headers, signed again with this time by the secret of the old signature,
    else by the newest. Unchanged if no time is signed, or there is no secret."""
    token = headers.get("Authorization", "").partition(" ")[2].strip()
    if profile.token and token.count(".") == 2 and secrets:
        anew = _token_anew(token, secrets, now, otherwise=profile.token.claims)
        return {**headers, "Authorization": f"Bearer {anew}"}
    signature = profile.signature
    if not (signature and signature.timestamp_header and signature.header in headers and secrets):
        return headers
    signs = partial(_signed, signature, body, headers)
    then = _moment(headers.get(signature.timestamp_header, ""))
    given = headers[signature.header].lower()
    own = [s for s in secrets if signs(secret=s, now=then)[signature.header].lower() in given]
    return signs(secret=(own or secrets)[0], now=now)


def _moment(timestamp: str) -> datetime:
    seconds = int(timestamp) if timestamp.isascii() and timestamp.isdigit() else 0
    return datetime.fromtimestamp(min(seconds, 2**33), UTC)


def _token_anew(
    token: str, secrets: Sequence[str], now: datetime, *, otherwise: Mapping[str, str]
) -> str:
    """Return a token with the same claims and duration; `otherwise` if none of the secrets
    signed it."""
    for secret in secrets:
        try:
            claims = jwt.decode(token, secret, algorithms=["HS256"], options=_NO_TIMES)
        except jwt.InvalidTokenError:
            continue
        return _token(claims, secret, now, seconds=int(claims["exp"]) - int(claims["iat"]))
    return _token(otherwise, secrets[0], now, seconds=TOKEN_SECONDS)


def _token(claims: Mapping[str, object], secret: str, now: datetime, *, seconds: int) -> str:
    times = {"iat": now, "exp": int(now.timestamp()) + seconds}
    return jwt.encode({**claims, **times}, secret, algorithm="HS256")


def _signed(
    signature: Signature, body: bytes, headers: Mapping[str, str], *, secret: str, now: datetime
) -> dict[str, str]:
    sent = dict(headers)
    if signature.timestamp_header:
        sent[signature.timestamp_header] = str(int(now.astimezone(UTC).timestamp()))
    before = "".join(sent[name] + signature.separator for name in signature.before_body)
    digest = hmac.digest(signature.secret(secret), before.encode() + body, signature.algorithm)
    if signature.encoding is Encoding.HEX:
        return sent | {signature.header: digest.hex()}
    return sent | {signature.header: f"v1,{base64.b64encode(digest).decode()}"}
