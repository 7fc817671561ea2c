"""Sends one message in its own process. It may hang and be killed. The logs of its libraries never
reach ours, because an address may hold a token.

Reads a message as JSON from standard input and writes the outcome as JSON. Uses no Django settings
of ours and no database. Started by accounts.alerts.sender.
"""

from __future__ import annotations

import json
import logging
import os
import re
import smtplib
import socket
import ssl
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

# Apprise reports a failure only in its log. The log may quote the address, so no text of it is
# passed on: only recognised causes.
_CAUSES = (
    (r"timed out|Timeout", "it did not answer in time"),
    (r"refused", "the connection was refused"),
    (r"not known|NameResolution|getaddrinfo|No address", "the name of its host is not known"),
    (r"CERTIFICATE_VERIFY|SSLError|SSLCert", "its TLS certificate is not accepted"),
    (r"onnection (?:aborted|reset|broken)|RemoteDisconnected", "it closed the connection"),
    (r"onnection error", "it could not be reached"),
)
# Connection errors of the mail server, by type.
_BY_TYPE: tuple[tuple[type[OSError], str], ...] = (
    (TimeoutError, "it did not answer in time"),
    (ConnectionRefusedError, "the connection was refused"),
    (ConnectionError, "it closed the connection"),
    (socket.gaierror, "the name of its host is not known"),
    (ssl.SSLCertVerificationError, "its TLS certificate is not accepted"),
    (ssl.SSLError, "no TLS connection could be made"),
)
_NOT_UNDERSTOOD = "Apprise does not understand the URL: see the service's page in its documentation"


def carry(letter: dict[str, Any]) -> dict[str, Any]:
    """Send the message and return the outcome. `sent` is what counts. `sent` with an `error`: some
    recipients did not get it."""
    if letter["kind"] == "apprise":
        return _by_apprise(letter)
    return _by_mail(letter)


def _answer(sent: bool, error: str = "") -> dict[str, Any]:
    return {"sent": sent, "error": error}


# --- Apprise ------------------------------------------------------------------------------------
def _by_apprise(letter: dict[str, Any]) -> dict[str, Any]:
    import apprise

    guard = _guard(letter)
    logger = logging.getLogger("apprise")
    heard = _Heard()
    logger.handlers, logger.propagate = [heard], False
    logger.setLevel(logging.DEBUG)
    servers = apprise.Apprise(asset=_asset(letter["timeout"]))
    if not servers.add(letter["target"]):
        return _answer(False, _NOT_UNDERSTOOD)
    if len(servers) != 1:
        return _answer(False, "it holds several URLs: make a channel of each")
    if not any(_schemes(server) & set(letter["schemes"]) for server in servers):
        return _answer(False, "its service is not offered: APPRISE_SCHEMES in docs/settings.md")
    if not letter["body"]:
        return _answer(True)  # a test of the URL only
    for server in servers:
        server.socket_connect_timeout = server.socket_read_timeout = letter["timeout"]
    said = {"title": letter["subject"], "body": letter["body"], "body_format": "text"}
    if servers.notify(**said, notify_type=letter.get("severity") or "info"):
        return _answer(True)
    return _answer(False, guard.refused or heard.cause())


def _schemes(server: Any) -> set[str]:
    """Return the schemes that name a service, in every spelling."""
    named: set[str] = set()
    for names in (server.protocol, server.secure_protocol):
        named |= {names} if isinstance(names, str) else set(names or ())
    return named


def _guard(letter: dict[str, Any]) -> Any:
    """Guard connections: from here on only addresses that alerts may reach are called."""
    sys.path.append(str(Path(__file__).parents[2]))
    from gateways.wire import address_guard as guard

    whom = guard.Whom.ALERT
    reach = guard.reach_of({whom: letter["networks"]}, letter["own"])
    return guard.refuse_in_this_process(reach, whom, also=_proxies())


def _proxies() -> list[tuple[str, int]]:
    """The operator's own word: what stands in the environment may be called."""
    parts = [urlsplit(url) for url in getproxies().values() if "//" in url]
    return [(one.hostname, one.port or 80) for one in parts if one.hostname]


def _asset(timeout_seconds: int) -> Any:
    """Return settings that contact, and name in the message, nothing but the configured address."""
    import apprise

    return apprise.AppriseAsset(
        app_id="Rollcall",
        app_desc="Rollcall",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        http_redirects=False,
        async_mode=False,
        secure_logging=True,
        allow_templates=False,
        storage_mode="memory",
        service_timeout=timeout_seconds,
        language="en",
    )


class _Heard(logging.Handler):
    """Captures what a library logs about its failure."""

    def __init__(self) -> None:
        super().__init__()
        self.words = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.words += f"{record.getMessage()}\n"

    def cause(self) -> str:
        if answered := re.search(r"error=(\d{3})\b", self.words):
            return f"it answered {answered[1]}"
        for pattern, cause in _CAUSES:
            if re.search(pattern, self.words):
                return cause
        return "Apprise could not send it, and did not say why"


# --- e-mail -------------------------------------------------------------------------------------
def _by_mail(letter: dict[str, Any]) -> dict[str, Any]:
    server = letter["smtp"]
    if not server["host"]:
        return _answer(False, "no mail server is set: EMAIL_HOST, see docs/settings.md")
    try:
        return _post(letter)
    except smtplib.SMTPAuthenticationError as error:
        return _answer(False, f"the mail server refused the login ({error.smtp_code})")
    except smtplib.SMTPRecipientsRefused as error:
        return _answer(False, _refusals(letter, error.recipients))
    except smtplib.SMTPResponseException as error:
        return _answer(False, f"the mail server answered {error.smtp_code}")
    except smtplib.SMTPNotSupportedError:
        return _answer(False, "the mail server does not offer what is set (TLS, or a login)")
    except (smtplib.SMTPException, OSError) as error:
        return _answer(False, f"the mail server: {_named(error)}")


def _post(letter: dict[str, Any]) -> dict[str, Any]:
    from django.conf import settings
    from django.core.mail import EmailMultiAlternatives
    from django.core.mail.backends.smtp import EmailBackend

    settings.configure(USE_TZ=True)
    connection: Any = EmailBackend(**letter["smtp"], timeout=letter["timeout"], fail_silently=False)
    message = EmailMultiAlternatives(
        letter["subject"],
        letter["body"],
        letter["from"],
        letter["target"].split(","),
        # The same at every attempt, so that a mailbox can recognise a repeat.
        headers={
            "Message-ID": f"<{letter['id']}@rollcall>",
            "Auto-Submitted": "auto-generated",
            **letter.get("headers", {}),
        },
    )
    if letter.get("html"):
        message.attach_alternative(letter["html"], "text/html")
    connection.open()
    try:
        # Not send(): it does not report addresses that are refused while others are accepted.
        whole: Any = message.message()
        wire = whole.as_bytes(linesep="\r\n")
        refused = connection.connection.sendmail(letter["from"], message.to, wire)
    finally:
        connection.close()
    return _answer(True, _refusals(letter, refused) if refused else "")


def _refusals(letter: dict[str, Any], refused: dict[str, tuple[int, bytes]]) -> str:
    addresses = letter["target"].split(",")
    said = [
        f"address {number} of {len(addresses)} was refused ({refused[address][0]})"
        for number, address in enumerate(addresses, start=1)
        if address in refused
    ]
    return "; ".join(said)


def _named(error: Exception) -> str:
    """Return the cause by the type of the error or of its context: smtplib hides the first one."""
    chain = [error, error.__context__]
    causes = (cause for one in chain for kind, cause in _BY_TYPE if isinstance(one, kind))
    if (cause := next(causes, None)) is not None:
        return cause
    is_closed = isinstance(error, smtplib.SMTPServerDisconnected)
    return "it closed the connection" if is_closed else type(error).__name__


if __name__ == "__main__":
    json.dump(carry(json.load(sys.stdin)), sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # do not wait for threads of a library
