"""The configuration of a simulated gateway: its setup, its speed, and its faults."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Durations in seconds, as observed on the Node service."""

    create: float = 2.4  # until the browser is up and create answers
    authenticate: float = 1.2  # after that, with a login on disk
    load: float = 2.6  # from "authenticated" to "connected"
    restore: float = 1.5  # per session at a start; the real service takes 3 to 6
    qr_life: float = 60.0
    qr_after_logout: float = 1.0
    false_reconnect: float = 5.0  # from CONFLICT to a false "session_reconnected"
    hang: float = 15.0  # until a call to a hung browser fails
    backend_retry: float = 5.0
    supervisor: float = 5.0  # from the death of the process to the next one


INSTANT = Pace(
    create=0,
    authenticate=0,
    load=0,
    restore=0,
    qr_after_logout=0,
    false_reconnect=0,
    backend_retry=0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings that a real gateway reads from its `.env`."""

    api_key: str = field(repr=False)
    hmac_secret: str = field(repr=False)
    control_key: str = field(default="", repr=False)  # empty: no control over HTTP
    instance_url: str = "http://localhost:3001"
    kind: str = "webjs"
    webhook_path: str = ""  # empty: the usual path of its kind
    # As shipped: the key counts only as `api_key` in the query or the body, not as a header.
    strict: bool = False
    recovers: bool = False  # wwebjs-api's RECOVER_SESSIONS
    pace: Pace = Pace()


@dataclass(slots=True, kw_only=True)
class WebhookFaults:
    """Faults between the gateway and its backend. All off by default."""

    silent: bool = False  # no webhook is sent
    drop: int = 0  # the next n are lost
    duplicate: int = 0  # each is sent n more times
    delay_seconds: float = 0.0
    reorder: int = 0  # n are held back, then sent newest first
    path: str = ""  # sent to this path instead
    wrong_secret: bool = False
    clock_skew_seconds: float = 0.0
    key_only: bool = False  # older versions: X-API-Key and no signature


@dataclass(slots=True, kw_only=True)
class Faults:
    """Faults of the gateway as a whole."""

    webhooks: WebhookFaults = field(default_factory=WebhookFaults)
    list_fault: str = ""  # one of api.LIST_FAULTS
    list_keeps: int = 0  # number of sessions that a partial list still shows
    health_agrees: bool = False  # health hides what the list hides
    whatsapp_unreachable: bool = False  # no session can start


@dataclass(slots=True, kw_only=True)
class Traffic:
    """Connected sessions send a message now and then, as proof that they live."""

    enabled: bool = False
    min_seconds: float = 20.0
    max_seconds: float = 40.0


class Failure(Exception):
    """An error answer: its status and its text."""

    def __init__(self, message: str, *, status: int = 500) -> None:
        super().__init__(message)
        self.status = status
