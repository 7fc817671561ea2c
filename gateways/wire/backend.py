"""A business's own backend, to which a gateway's webhooks are forwarded unchanged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import unquote

import httpcore
import httpx

from gateways.base import BadAnswer
from gateways.profiles import Profile
from gateways.wire.address_guard import Whom
from gateways.wire.deadline import Deadline, deadline_of
from gateways.wire.http import Answer, Http, raw_pieces, shown

# Headers of a sender; those of its credentials come from its kind's profile.
PLAIN_HEADERS = ("Content-Type", "User-Agent")


def headers_to_hand_on(profile: Profile) -> tuple[str, ...]:
    """Return the headers that a backend needs to authenticate a webhook as its gateway sent it."""
    signature = profile.signature
    signed = (
        (signature.header, *signature.before_body, signature.timestamp_header)
        + (signature.algorithm_header,)
        if signature
        else ()
    )
    token = ("Authorization",) if profile.token else ()
    named = (profile.id_header, profile.address_header)
    names = (*PLAIN_HEADERS, *signed, *token, *profile.key_headers, *named)
    return tuple(dict.fromkeys(name for name in names if name))


# An answer to a webhook is short; a longer one counts as accepted all the same.
LONGEST_ANSWER_BYTES = 256 * 1024


class Redirected(BadAnswer):
    """A redirect. It is not followed: another party would receive the data."""


class Backend(Http):
    """Calls to one URL. Redirects are not followed, TLS is verified, as with gateways."""

    def __init__(
        self,
        url: str,
        *,
        secrets: tuple[str, ...] = (),
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(url, secrets=secrets, transport=transport, whom=Whom.FORWARD)
        self.url = url

    def hand_on(
        self,
        content: bytes | Iterable[bytes],
        *,
        headers: Mapping[str, str],
        deadline_seconds: float,
    ) -> Answer:
        """Forward the body unchanged, whole or piece by piece, within `deadline_seconds`.

        Raise GatewayError; an error of the iterable breaks the call off. Once the answer's
        status is here, it counts, whatever happens to the rest.
        """
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

    def _answer(self, request: httpx.Request, *, where: str, deadline: Deadline) -> Answer:
        response = self.respond(request)
        try:
            if 300 <= response.status_code < 400:
                target = self.clean(unquote(shown(response.headers.get("location", ""))))
                raise Redirected(
                    f"{where}: {response.status_code} redirects to {target or 'nowhere'}, which "
                    "is not followed: is the forward URL right?"
                )
            body = _whole(response, deadline)
        finally:
            response.close()
        content_type = response.headers.get("content-type", "")
        return Answer(
            status_code=response.status_code,
            body=b"" if body is None else body,
            where=where,
            content_type="text/plain" if body is None else content_type,
            retry_after=response.headers.get("retry-after", ""),
        )


def _whole(response: httpx.Response, deadline: Deadline) -> bytes | None:
    """Return the body; None if it is too long, too slow, broken off, or compressed unasked."""
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        return None
    body = bytearray()
    try:
        for piece in raw_pieces(response):
            deadline.check()
            body += piece
            if len(body) > LONGEST_ANSWER_BYTES:
                return None
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        return None
    return bytes(body)
