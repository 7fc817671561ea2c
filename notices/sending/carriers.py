"""Carry one message through one kind of channel. Nothing here knows of rows that wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from accounts.alerts import sender
from accounts.alerts.wording import Message
from accounts.store.encryption import CannotOpen
from gateways.base import GatewayError
from gateways.profiles import Encoding, Profile, Signature, as_whsec
from gateways.signing import headers_for
from gateways.wire.backend import Backend, Redirected
from gateways.wire.http import Answer
from notices.models import Severity, Subscription
from notices.wording.letter import body_of, letter_of
from notices.wording.story import Story, Teller

Kind = Subscription.Kind
# Standard Webhooks, as a sender.
SIGNED = Profile(
    cure="",
    session_field="",
    id_header="webhook-id",
    signature=Signature(
        header="webhook-signature",
        algorithm="sha256",
        encoding=Encoding.VERSIONED_BASE64,
        before_body=("webhook-id", "webhook-timestamp"),
        separator=".",
        timestamp_header="webhook-timestamp",
        secret=as_whsec,
    ),
)
_APPRISE_TYPES = {Severity.WARNING: "warning", Severity.CRITICAL: "failure"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """`gone`: the receiver says that it wants nothing any more."""

    sent: bool
    error: str = ""
    gone: bool = False
    retry_after: timedelta | None = None


def hard_limit_seconds(subscription: Subscription) -> int:
    return subscription.timeout_seconds + sender.BEYOND_SECONDS


def carry(
    subscription: Subscription, stories: Sequence[Story], teller: Teller, *, letter_id: str
) -> Outcome:
    """Send the stories. Never raises for a fault of the receiver, and never quotes a target."""
    try:
        if subscription.kind == Kind.WEBHOOK:
            return _post(subscription, stories[0], teller.now)
        return _send(subscription, stories, teller, letter_id)
    except CannotOpen:
        return Outcome(False, "its target was sealed with a key that is gone: set it again")


def _send(
    subscription: Subscription, stories: Sequence[Story], teller: Teller, letter_id: str
) -> Outcome:
    letter = letter_of(stories, teller)
    is_good = all(story.what == "back" for story in stories)
    message = Message(
        subject=letter.title,
        body=letter.text,
        html=letter.html,
        headers=letter.headers,
        severity="success" if is_good else _APPRISE_TYPES[letter.severity],
    )
    if subscription.channel is not None:
        outcome = sender.send(subscription.channel, message, letter_id=letter_id)
    else:
        target = _address(subscription)
        if not target:
            return Outcome(False, "the user has no e-mail address")
        outcome = sender.deliver(
            subscription.kind,
            target,
            message,
            letter_id=letter_id,
            timeout_seconds=subscription.timeout_seconds,
        )
    return Outcome(outcome.sent, outcome.error)


def _address(subscription: Subscription) -> str:
    if subscription.sealed or subscription.user is None:
        return subscription.target
    return str(subscription.user.email)


# --- webhook ------------------------------------------------------------------------------------
def _post(subscription: Subscription, story: Story, now: datetime) -> Outcome:
    body = body_of(story, subscription, now)
    headers = {"Content-Type": "application/json", "User-Agent": "Rollcall"} | headers_for(
        SIGNED,
        body,
        hmac_secret=subscription.signing_key,
        api_key="",
        event_id=story.key,
        now=now,
    )
    url = subscription.target
    try:
        answer = Backend(url, secrets=_secret_parts(url)).hand_on(
            body, headers=headers, deadline_seconds=subscription.timeout_seconds
        )
    except Redirected:
        return Outcome(False, "it answered with a redirect, which is not followed")
    except GatewayError as error:
        return Outcome(False, str(error))
    if 200 <= answer.status_code < 300:
        return Outcome(True)
    return Outcome(
        False,
        f"it answered {answer.status_code}",
        gone=answer.status_code == 410,
        retry_after=_retry_after(answer, now),
    )


def _secret_parts(url: str) -> tuple[str, ...]:
    """Return what an error must not quote: a path may hold a token."""
    path = urlsplit(url).path.strip("/")
    return (path,) if path else ()


def _retry_after(answer: Answer, now: datetime) -> timedelta | None:
    said = answer.retry_after
    if not said:
        return None
    if said.isascii() and said.isdigit():
        return timedelta(seconds=min(int(said), 86_400))
    try:
        return max(parsedate_to_datetime(said) - now, timedelta(0))
    except (ValueError, TypeError):
        return None
