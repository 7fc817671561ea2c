"""A business's own backend, to which a gateway's webhooks are handed on unchanged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import httpx

from gateways.deadline import deadline_of
from gateways.http import Answer, Http, shown
from gateways.profiles import Profile

# Of what a sender says; the names of its credentials come from its kind's profile.
PLAIN_HEADERS = ("Content-Type", "User-Agent")


def headers_to_hand_on(profile: Profile) -> tuple[str, ...]:
    """The headers that a backend needs to trust what it gets, as its gateway sent it."""
    signature = profile.signature
    signed = (
        (signature.header, *signature.before_body, signature.timestamp_header)
        + (signature.algorithm_header,)
        if signature
        else ()
    )
    token = ("Authorization",) if profile.has_token else ()
    named = (profile.id_header, profile.address_header)
    names = (*PLAIN_HEADERS, *signed, *token, *profile.key_headers, *named)
    return tuple(dict.fromkeys(name for name in names if name))


class Backend(Http):
    """Calls to one URL. Redirects are not followed, TLS is verified, as with gateways."""

    def __init__(
        self,
        url: str,
        *,
        secrets: tuple[str, ...] = (),
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(url, secrets=secrets, transport=transport)
        self.url = url

    def hand_on(
        self,
        content: bytes | Iterable[bytes],
        *,
        headers: Mapping[str, str],
        deadline_seconds: float,
    ) -> Answer:
        """The body as it is, whole or piece by piece, within `deadline_seconds`. Raises
        GatewayError; what the iterable raises breaks the call off."""
        where = self.clean(f"POST {shown(self.url)}")
        with deadline_of(deadline_seconds) as deadline, self._translated(where, deadline):
            sent = {name: value.encode("latin-1", "replace") for name, value in headers.items()}
            request = httpx.Request(
                "POST",
                self.url,
                headers=[(name.encode(), value) for name, value in sent.items()],
                content=content,
            )
            request.headers["Accept-Encoding"] = "identity"
            request.extensions["timeout"] = httpx.Timeout(deadline_seconds).as_dict()
            return self._answer(request, where=where, deadline=deadline)
