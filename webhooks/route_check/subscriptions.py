"""The webhook URLs that are set at a gateway: read, reported, and corrected."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from django.conf import settings

from accounts.models import Gateway, GatewaySecret
from accounts.store import clock
from accounts.store.encryption import CannotOpen
from gateways.base import GatewayError, KeyRejected, TimedOut, Unreachable
from gateways.registry import KINDS, subscriptions_of
from gateways.subscriptions import Subscriptions
from gateways.wire.untrusted import printable
from webhooks.route_check.compare import Expected, Hop, JudgedSubscription, judge

READ_SECONDS = 30.0
# A change may stop and start a session.
WRITE_SECONDS = 30.0
NAME = "configured"
NAMES_SHOWN = 5


def expected_of(gateway: Gateway) -> Expected:
    """Return the right settings of the gateway. Raise CannotOpen."""
    now = clock.database_now()
    secrets = {
        purpose: tuple(gateway.active_secrets(purpose, now)) for purpose in GatewaySecret.Purpose
    }
    return Expected(
        public_url=settings.PUBLIC_URL,
        path=gateway.webhook_path,
        tokens=secrets[GatewaySecret.Purpose.PATH],
        secrets=secrets[GatewaySecret.Purpose.HMAC],
        keys=secrets[GatewaySecret.Purpose.API_KEY],
        accepted=tuple(gateway.accepted_paths),
        needs_signature=gateway.must_sign,
    )


def configuration_hop(gateway: Gateway) -> Hop:
    """Return which of its sessions send to the right URL. Raise CannotOpen."""
    expected = expected_of(gateway)
    there = _subscriptions(gateway, expected)
    if there is None:
        return _kept_elsewhere(gateway, expected)
    try:
        judged, unread = _read(there, expected)
    except GatewayError as error:
        return Hop(name=NAME, works=None, says=f"it cannot be read: {error}")
    wrong = [one for one in judged if one.faults]
    absent = [one for one in judged if one.is_absent]
    return Hop(
        name=NAME,
        works=False if wrong else None if absent or unread or not judged else True,
        says=_summary(judged, wrong, absent, unread),
        cure=_cure(gateway, there, is_needed=bool(wrong or absent)),
        details=(
            *(f"{_named(one)}: {'; '.join(one.faults)}" for one in wrong),
            *(f"{_named(one)}: no URL of its own" for one in absent),
        ),
    )


def fix_hop(gateway: Gateway, *, consents: bool) -> Hop:
    """Set the right URL for the sessions that need it.

    Nothing is changed if a change that could affect others needs a consent that is not given.
    """
    try:
        return _fix(gateway, expected_of(gateway), consents=consents)
    except (CannotOpen, GatewayError) as error:
        return Hop(name="fix", works=False, says=str(error))


def _fix(gateway: Gateway, expected: Expected, *, consents: bool) -> Hop:
    there = _subscriptions(gateway, expected)
    if there is None:
        return Hop(
            name="fix",
            works=False,
            says=f"it cannot be set from here: it stands {KINDS[gateway.kind].url_kept}",
            cure=f"Set it there, to {_right_url(expected)}",
        )
    if not expected.can_be_known:
        cure = f"{KINDS[gateway.kind].profile.cure}. Tell Rollcall with gateway_add"
        return Hop(name="fix", works=False, says="there is no secret to set with it", cure=cure)
    if _is_only_here(settings.PUBLIC_URL) and not _is_only_here(gateway.base_url):
        return Hop(
            name="fix",
            works=False,
            says=f"{settings.PUBLIC_URL} means this machine only, and the gateway is on another",
            cure="Set PUBLIC_URL to the address under which gateways reach Rollcall.",
        )
    judged, _ = _read(there, expected)
    wrong = [one for one in judged if not one.is_right]
    if not wrong:
        return Hop(name="fix", works=True, says="nothing is wrong that could be set from here")
    if not consents and (warnings := _warnings(wrong, there)):
        return Hop(
            name="fix",
            works=False,
            says=f"nothing was changed; it would be for {len(wrong)} of {len(judged)} sessions",
            cure="If that may be: the same again with --yes.",
            details=tuple(warnings),
        )
    return _write(wrong, there, expected)


def _subscriptions(gateway: Gateway, expected: Expected) -> Subscriptions | None:
    key = next(iter(expected.keys), "")
    return subscriptions_of(gateway.kind, gateway.base_url, api_key=key)


def _read(there: Subscriptions, expected: Expected) -> tuple[list[JudgedSubscription], int]:
    if not expected.keys:
        raise GatewayError("Rollcall has no API key of it: ./run manage gateway_add --api-key …")
    found, unread = there.read(deadline_seconds=READ_SECONDS)
    judged = [judge(one, expected, has_room_for_one=there.has_room_for_one) for one in found]
    return judged, unread


def _write(wrong: Sequence[JudgedSubscription], there: Subscriptions, expected: Expected) -> Hop:
    set_right, details = 0, []
    for one in wrong:
        try:
            there.write(
                one.session_id,
                expected.wanted,
                instead_of=one.instead_of,
                deadline_seconds=WRITE_SECONDS,
            )
        except GatewayError as error:
            details.append(f"{_named(one)}: {error}")
            # A fault of one session tells nothing about the others; these are faults of the
            # gateway.
            is_everywhere = isinstance(error, KeyRejected | Unreachable)
            if is_everywhere and not isinstance(error, TimedOut):
                break
        else:
            set_right += 1
            details.append(
                f"{_named(one)}: set" + (", and it restarts" if _restarts(one, there) else "")
            )
    return Hop(
        name="fix",
        works=len(details) == set_right,
        says=f"{set_right} of {len(wrong)} sessions were set to {_right_url(expected)}",
        details=tuple(details),
    )


def _warnings(wrong: Sequence[JudgedSubscription], there: Subscriptions) -> list[str]:
    """Return the side effects of a change."""
    said = []
    if running := [one for one in wrong if _restarts(one, there)]:
        said.append(f"it would restart, since they run ({len(running)}): {_names(running)}")
    if foreign := [one for one in wrong if one.is_foreign and one.instead_of is not None]:
        said.append(
            f"it would take another URL's place ({len(foreign)}): {_names(foreign)}. Make that "
            "one the gateway's forward URL first, if it still counts"
        )
    if said and (absent := [one for one in wrong if one.is_absent]):
        said.append(
            f"without a URL of their own ({len(absent)}): {_names(absent)}. A global one that "
            "points here already would then send everything twice"
        )
    return said


def _restarts(one: JudgedSubscription, there: Subscriptions) -> bool:
    return there.restarts and one.is_running


def _kept_elsewhere(gateway: Gateway, expected: Expected) -> Hop:
    return Hop(
        name=NAME,
        works=None,
        says=f"it cannot be read from here: it stands {KINDS[gateway.kind].url_kept}",
        cure=f"It must be {_right_url(expected)}",
    )


def _summary(
    judged: Sequence[JudgedSubscription],
    wrong: Sequence[JudgedSubscription],
    absent: Sequence[JudgedSubscription],
    unread: int,
) -> str:
    right = len(judged) - len(wrong) - len(absent)
    said = [f"{right} of {len(judged) + unread} sessions send here as they should"]
    if absent:
        said.append(
            f"without a URL of their own: {len(absent)} (a global one stands in the gateway's "
            "environment and cannot be read)"
        )
    if unread:
        said.append(f"not to be read: {unread}")
    return "; ".join(said)


def _cure(gateway: Gateway, there: Subscriptions, *, is_needed: bool) -> str:
    if not is_needed:
        return ""
    cost = " (running sessions restart: it asks for --yes)" if there.restarts else ""
    return f"./run manage webhook_check --gateway {gateway.name} --fix sets it{cost}"


def _right_url(expected: Expected) -> str:
    """Return the URL without the token, which is shown once, when it is created."""
    token = "/… (the path of its own)" if expected.tokens else ""
    return f"{expected.public_url}{expected.path}{token}"


def _named(one: JudgedSubscription) -> str:
    return printable(one.session_id, limit=80)


def _names(some: Sequence[JudgedSubscription]) -> str:
    more = f" and {len(some) - NAMES_SHOWN} more" if len(some) > NAMES_SHOWN else ""
    return ", ".join(_named(one) for one in some[:NAMES_SHOWN]) + more


def _is_only_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
