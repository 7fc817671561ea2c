"""Send one message in its own process, which is killed if it takes too long."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from accounts.alerts.wording import Message
from accounts.models import Channel
from accounts.store.encryption import CannotOpen
from gateways.wire import address_guard

# Of Apprise's hundred services and more, some speak to this very machine (D-Bus, syslog, a desktop)
# or to any port with any words: they are not offered unasked.
OFFERED = frozenset(
    {
        *("slack", "discord", "msteams", "workflow", "workflows", "gchat", "wxteams", "webex"),
        *("tgram", "matrix", "matrixs", "mmost", "mmosts", "rocket", "rockets", "zulip"),
        *("ntfy", "ntfys", "gotify", "gotifys", "pover", "pbul", "prowl", "bark", "barks"),
        *("opsgenie", "pagerduty", "splunk", "victorops", "pagertree", "signal", "signals"),
        *("twilio", "sns", "ses", "mailgun", "sendgrid", "sparkpost", "mailto", "mailtos"),
        *("json", "jsons", "form", "forms", "xml", "xmls", "https"),
    }
)
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]{0,30}):/")


def allowed() -> frozenset[str]:
    return OFFERED | {scheme.lower() for scheme in settings.APPRISE_SCHEMES}


def trouble_with_scheme(url: str) -> str:
    """Say why a channel may not name this service; "" if it may, or if Apprise says more about
    it."""
    found = _SCHEME.match(url)
    if found is None or found[1].lower() in allowed():
        return ""
    return (
        f"{found[1].lower()}:// is not offered: name it in APPRISE_SCHEMES if it is meant "
        "(docs/settings.md)"
    )


SENDER_PROCESS = Path(__file__).with_name("sender_process.py")
# Time for the process to start, in addition to the channel's own timeout.
BEYOND_SECONDS = 5
# The process gets no secrets of ours through the environment: only what it needs for network
# access.
_HIS_ENVIRONMENT = ("PATH", "LANG", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE") + (
    *("http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
)


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """Outcome of one message. `sent` with an `error`: some recipients did not get it."""

    sent: bool
    error: str = ""


def hard_limit_seconds(channel: Channel) -> int:
    return channel.timeout_seconds + BEYOND_SECONDS


def send(channel: Channel, message: Message, *, letter_id: str) -> SendOutcome:
    """Send the message. Never raises for a fault of the channel."""
    try:
        target = channel.target
    except CannotOpen:
        return SendOutcome(False, "its target was sealed with a key that is gone: set it again")
    return deliver(
        channel.kind,
        target,
        message,
        letter_id=letter_id,
        timeout_seconds=channel.timeout_seconds,
    )


def deliver(
    kind: str, target: str, message: Message, *, letter_id: str, timeout_seconds: int
) -> SendOutcome:
    """Send the message to this target. Never raises for a fault of the receiver."""
    letter = {
        "kind": kind,
        "target": target,
        "timeout": timeout_seconds,
        "subject": message.subject,
        "body": message.body,
        "html": message.html,
        "headers": message.headers,
        "severity": message.severity,
        "id": letter_id,
        "from": settings.DEFAULT_FROM_EMAIL,
        "smtp": _mail_server(),
        **_reach(),
    }
    return _hand_over(letter, limit_seconds=timeout_seconds + BEYOND_SECONDS)


def trouble_with_url(url: str) -> str:
    """Return why Apprise would reject this URL; "" if it would not. Sends nothing."""
    if trouble := trouble_with_scheme(url):
        return trouble
    letter = {"kind": "apprise", "target": url, "timeout": 5, "subject": "", "body": ""} | _reach()
    return _hand_over(letter, limit_seconds=15).error


def _reach() -> dict[str, Any]:
    """Build the limits of its process: networks it may call, services a channel may name."""
    return {
        "networks": settings.ALERT_NETWORKS,
        "own": address_guard.reach().own,
        "schemes": sorted(allowed()),
    }


def _mail_server() -> dict[str, Any]:
    return {
        "host": settings.EMAIL_HOST,
        "port": settings.EMAIL_PORT,
        "username": settings.EMAIL_HOST_USER,
        "password": settings.EMAIL_HOST_PASSWORD,
        "use_tls": settings.EMAIL_USE_TLS,
        "use_ssl": settings.EMAIL_USE_SSL,
    }


def _hand_over(letter: dict[str, Any], *, limit_seconds: int) -> SendOutcome:
    """Pass the message by standard input: everybody on the machine can read arguments."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(SENDER_PROCESS)],
            input=json.dumps(letter).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=limit_seconds,
            env={name: os.environ[name] for name in _HIS_ENVIRONMENT if name in os.environ},
            check=True,
        )
        return SendOutcome(**json.loads(done.stdout))
    except subprocess.TimeoutExpired:
        return SendOutcome(False, f"no answer within {letter['timeout']} s")
    except (subprocess.CalledProcessError, ValueError, TypeError):
        return SendOutcome(False, "sending ended without a result")
