"""What must be known of each kind of gateway to judge Rollcall there: what can be seen of a session
at all, which of our calls means what, and how its webhooks prove themselves."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateways.base import Capabilities, ProbeKind, webhook_path
from gateways.registry import capabilities_of
from simulator.state.sessions import Browser, SimulatedSession, Truth


class Shown(StrEnum):
    """The state that a gateway shows to a reader."""

    CONNECTED = "connected"
    OTHER = "other"  # otherwise, or not at all
    MUTE = "mute"  # it holds it, and whoever asks gets no answer


class Verb(StrEnum):
    """The effect of a call of ours on a gateway. Any other call only reads."""

    LIST = "list"
    READ = "read"
    ASK = "ask"  # a read that asks the session's own page
    SEND = "send"  # the same by a message that cannot go out
    START = "start"
    STOP = "stop"  # its login stays
    DELETE = "delete"  # its login goes


CHANGES = frozenset({Verb.START, Verb.STOP, Verb.DELETE})


@dataclass(frozen=True, slots=True)
class Call:
    verb: Verb
    session_id: str = ""


def _webjs_shows(session: SimulatedSession) -> Shown:
    """A variable: true or not."""
    return _shown(session.status == "connected")


def _wwebjs_api_shows(session: SimulatedSession) -> Shown:
    """Return the page's own state, each time."""
    if session.is_starting or not session.listed:
        return Shown.OTHER
    if session.is_mute:
        return Shown.MUTE
    return _shown(session.browser is Browser.RUNNING and _says_connected(session))


def _evolution_shows(session: SimulatedSession) -> Shown:
    """Return the state in memory. The list's rows, which stay `open`, are not trusted."""
    return _shown(_says_connected(session))


def _wppconnect_shows(session: SimulatedSession) -> Shown:
    """A variable, held against its browser; what WhatsApp thinks of it is not seen."""
    if session.truth is Truth.STOPPED or session.status != "connected":
        return Shown.OTHER
    if session.is_mute:
        return Shown.MUTE
    return _shown(session.browser is Browser.RUNNING)


def _says_connected(session: SimulatedSession) -> bool:
    return session.truth is Truth.CONNECTED or session.socket == "CONNECTED"


def _shown(is_connected: bool) -> Shown:
    return Shown.CONNECTED if is_connected else Shown.OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """`calls`: the method and path of each of our calls that is more than a read, or a read that
    asks a page; a path's group names the session."""

    name: str
    shows: Callable[[SimulatedSession], Shown]
    calls: tuple[tuple[str, re.Pattern[str], Verb], ...]

    @property
    def capabilities(self) -> Capabilities:
        return capabilities_of(self.name)

    @property
    def forgets_names(self) -> bool:
        """Return whether lost sessions leave its list."""
        return self.name != "wppconnect"

    @property
    def has_probe(self) -> bool:
        """Return whether it has a probe that WhatsApp cannot see, and that proves."""
        return self.capabilities.probe is ProbeKind.HARMLESS and self.capabilities.page_proves

    def call_of(self, method: str, path: str, body: bytes = b"") -> Call:
        for wanted, pattern, verb in self.calls:
            if method == wanted and (match := pattern.fullmatch(path)):
                named = match.groupdict().get("session") or _named_in(body)
                return Call(verb, named)
        return Call(Verb.READ)

    def is_borne_out(self, session: SimulatedSession) -> bool:
        """Return whether a probe would now find a live page behind its "connected"."""
        if self.capabilities.probe is not ProbeKind.HARMLESS:
            return True
        running = session.browser is Browser.RUNNING and not session.is_starting
        # WPPConnect's check misses a page that has lost WhatsApp (observed).
        return running and (self.name == "wppconnect" or _says_connected(session))


def _named_in(body: bytes) -> str:
    fields = json.loads(body or b"{}")
    return str(fields.get("session_id") or "")


def _calls(*calls: tuple[str, str, Verb]) -> tuple[tuple[str, re.Pattern[str], Verb], ...]:
    found = []
    for method, path, verb in calls:
        pattern = path.replace("{session}", "(?P<session>[^/]+)").replace("{any}", "[^/]+")
        found.append((method, re.compile(pattern), verb))
    return tuple(found)


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            name="webjs",
            shows=_webjs_shows,
            calls=_calls(
                ("GET", "/api/sessions", Verb.LIST),
                ("POST", "/api/messages/send", Verb.SEND),
                ("POST", "/api/sessions", Verb.START),
                ("POST", "/api/sessions/{session}/reconnect", Verb.START),
                ("DELETE", "/api/sessions/{session}", Verb.DELETE),
            ),
        ),
        Kind(
            name="wwebjs_api",
            shows=_wwebjs_api_shows,
            calls=_calls(
                ("GET", "/session/getSessions", Verb.LIST),
                ("GET", "/session/status/{session}", Verb.ASK),
                ("GET", "/client/(?:getClassInfo|getState)/{session}", Verb.ASK),
                ("GET", "/session/(?:start|restart)/{session}", Verb.START),
                ("GET", "/session/stop/{session}", Verb.STOP),
                ("GET", "/session/terminate/{session}", Verb.DELETE),
                ("GET", "/session/(?:terminateInactive|terminateAll)", Verb.DELETE),
            ),
        ),
        Kind(
            name="waha",
            shows=_webjs_shows,
            calls=_calls(
                ("GET", "/api/sessions", Verb.LIST),
                ("GET", "/api/sessions/{session}", Verb.ASK),
                ("POST", "/api/sessions", Verb.START),
                ("POST", "/api/sessions/{session}/(?:start|restart)", Verb.START),
                ("POST", "/api/sessions/{session}/stop", Verb.STOP),
                ("POST", "/api/sessions/{session}/logout", Verb.DELETE),
                ("DELETE", "/api/sessions/{session}", Verb.DELETE),
            ),
        ),
        Kind(
            name="evolution",
            shows=_evolution_shows,
            calls=_calls(
                ("GET", "/instance/fetchInstances", Verb.LIST),
                ("POST", "/instance/create", Verb.START),
                ("GET", "/instance/connect/{session}", Verb.START),
                ("POST", "/instance/restart/{session}", Verb.START),
                ("DELETE", "/instance/(?:logout|delete)/{session}", Verb.DELETE),
            ),
        ),
        Kind(
            name="wppconnect",
            shows=_wppconnect_shows,
            calls=_calls(
                ("GET", "/api/{any}/show-all-sessions", Verb.LIST),
                ("GET", "/api/{session}/(?:check-connection-session|host-device)", Verb.ASK),
                ("POST", "/api/{session}/start-session", Verb.START),
                ("POST", "/api/{session}/close-session", Verb.STOP),
                ("POST", "/api/{session}/logout-session", Verb.DELETE),
            ),
        ),
    )
}


def drawn(wanted: tuple[str, ...], *, seed: int, gateways: int) -> list[Kind]:
    """The kind of each gateway: `wanted` in turn, or any by the seed. Its own chance, so that it
    changes nothing else of what a seed holds."""
    if wanted:
        return [KINDS[wanted[number % len(wanted)]] for number in range(gateways)]
    chance = random.Random(f"kinds of seed {seed}")
    return [chance.choice(list(KINDS.values())) for _ in range(gateways)]


def own_path(kind: Kind, token: str) -> str:
    """Return the secret path for a kind without credentials; "" for the others."""
    return f"{webhook_path(kind.name)}/{token}" if kind.name == "wppconnect" else ""
