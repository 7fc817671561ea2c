"""A comparison of a session's webhook URLs with the right ones. Pure: no calls, no rows.

The results are printed: no URL is shown completely, since its path may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from gateways.subscriptions import Subscriber, Subscription, WantedSubscription
from gateways.wire.untrusted import printable

_PORTS = {"http": 80, "https": 443}
# Longer than any word in our paths: perhaps a token, ours or somebody else's.
_LONG = re.compile(r"[^/]{20,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The right settings of one gateway.

    `path` is its kind's; `tokens` make paths of its own below it; `accepted` are wrong ones that
    an operator has accepted.
    """

    public_url: str
    path: str
    tokens: tuple[str, ...] = field(default=(), repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    keys: tuple[str, ...] = field(default=(), repr=False)
    accepted: tuple[str, ...] = ()
    needs_signature: bool = False

    @property
    def wanted(self) -> WantedSubscription:
        """Return the settings to write, with the newest secret of each kind."""
        token = f"/{self.tokens[0]}" if self.tokens else ""
        return WantedSubscription(
            url=f"{self.public_url}{self.path}{token}",
            secret=next(iter(self.secrets), ""),
            key=next(iter(self.keys), ""),
        )

    @property
    def can_be_known(self) -> bool:
        """Return whether any credential exists by which its webhooks can be recognised."""
        return bool(self.secrets or (not self.needs_signature and (self.keys or self.tokens)))


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSubscription:
    """The verdict on one session.

    No `faults`: its webhooks arrive, or it has no URL of its own (`is_absent`). `instead_of`:
    the URL that ours would replace. `is_foreign`: that one belongs to somebody else.
    """

    session_id: str
    is_running: bool
    faults: tuple[str, ...] = ()
    instead_of: str | None = field(default=None, repr=False)
    is_foreign: bool = False
    is_absent: bool = False

    @property
    def is_right(self) -> bool:
        return not self.faults and not self.is_absent


def judge(
    subscriber: Subscriber, expected: Expected, *, has_room_for_one: bool
) -> JudgedSubscription:
    """Judge a session by the best of its URLs: it may also send to others, which do not concern
    us."""
    session_id, is_running = subscriber.session_id, subscriber.is_running
    ours = [one for one in subscriber.subscriptions if _is_ours(one.url, expected)]
    if ours:
        faults, best = min(
            ((tuple(faults_of(one, expected)), one) for one in ours), key=lambda pair: len(pair[0])
        )
        return JudgedSubscription(
            session_id=session_id,
            is_running=is_running,
            faults=faults,
            instead_of=best.url,
        )
    places = ", ".join(dict.fromkeys(_shown(one.url) for one in subscriber.subscriptions))
    return JudgedSubscription(
        session_id=session_id,
        is_running=is_running,
        faults=(f"it sends to {printable(places, limit=200)} only",) if places else (),
        instead_of=subscriber.subscriptions[0].url if places and has_room_for_one else None,
        is_foreign=bool(places),
        is_absent=not places,
    )


def faults_of(one: Subscription, expected: Expected) -> Iterator[str]:
    """Yield the reasons why its webhooks do not arrive, or are not trusted."""
    url = _split(one.url)
    yield from _wrong_place(url, one, expected)
    if not one.is_on:
        yield "it is switched off"
    if one.missing:
        yield f"it does not send {', '.join(one.missing)}"
    yield from _unproven(url, one, expected)


def _wrong_place(url: SplitResult, one: Subscription, expected: Expected) -> Iterator[str]:
    right = _split(expected.public_url)
    if _origin(url) != _origin(right):
        yield f"wrong host: {_origin(url)} and not {_origin(right)}"
    path = url.path.removeprefix(right.path)
    if path in expected.accepted and one.adds_event:
        yield f"it adds the event's name to the path, which only {expected.path} allows"
    if path in (expected.path, *expected.accepted, *_own_paths(expected)):
        return
    if path.startswith(f"{expected.path}/"):
        yield f"wrong path: what follows {expected.path}/ is no valid token of this gateway"
    else:
        yield f"wrong path: {_shown_path(path)} and not {expected.path}"


def _unproven(url: SplitResult, one: Subscription, expected: Expected) -> Iterator[str]:
    """Yield the faults of its credentials, checked like a webhook: by signature, else path, else
    key."""
    is_own = url.path.removeprefix(_split(expected.public_url).path) in _own_paths(expected)
    if one.secret and (expected.secrets or not is_own):
        if one.secret not in expected.secrets:
            yield "it signs with a secret that Rollcall does not have"
    elif expected.needs_signature:
        yield "it does not sign, and this gateway is believed with a signature only"
    elif is_own:
        return
    elif not one.key:
        yield "it sends nothing that it could be known by: no signature and no key"
    elif one.key not in expected.keys:
        yield "it sends a key that Rollcall does not have"


def _own_paths(expected: Expected) -> tuple[str, ...]:
    return tuple(f"{expected.path}/{token}" for token in expected.tokens)


def _is_ours(address: str, expected: Expected) -> bool:
    """Return whether a URL is meant for us, even if wrong: our path at any host, or our host
    below /api/."""
    url, right = _split(address), _split(expected.public_url)
    is_our_path = expected.path in url.path or url.path in expected.accepted
    is_our_host = _origin(url) == _origin(right)
    return is_our_path or (is_our_host and url.path.startswith(f"{right.path}/api/"))


def _split(address: str) -> SplitResult:
    """Split a URL. An invalid one has no host and no path."""
    try:
        url = urlsplit(address)
        _ = url.port
    except ValueError:
        return urlsplit("")
    return url


def _origin(url: SplitResult) -> str:
    """Return scheme, host and port: never a name and password."""
    if not url.scheme or not url.hostname:
        return "an address that cannot be read"
    port = url.port or _PORTS.get(url.scheme)
    is_usual = port == _PORTS.get(url.scheme)
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return printable(f"{url.scheme}://{host}" + ("" if is_usual else f":{port}"), limit=200)


def _shown(address: str) -> str:
    return _origin(_split(address))


def _shown_path(path: str) -> str:
    return printable(_LONG.sub("…", path), limit=200) or "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One part of the route. `works` None: unknown from here. `details`: one line for each
    session."""

    name: str
    works: bool | None
    says: str
    cure: str = ""
    details: tuple[str, ...] = ()
