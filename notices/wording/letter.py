"""One message of one or several stories: text, HTML and JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from gateways.wire.untrusted import printable
from notices.models import Severity, Subscription
from notices.subscriptions import token_of
from notices.wording.story import Story, Teller

LONGEST_TITLE = 150
# Telegram accepts 4,096 characters, others fewer.
LONGEST_TEXT = 3500
# Standard Webhooks recommends bodies below 20 kB.
MOST_IN_JSON = 50


@dataclass(frozen=True, slots=True)
class Letter:
    title: str
    text: str
    html: str
    severity: Severity
    headers: dict[str, str] = field(default_factory=dict)


def letter_of(stories: Sequence[Story], teller: Teller) -> Letter:
    title = stories[0].title
    if len(stories) > 1:
        title = teller.text("title.digest", count=len(stories))
    unsubscribe = _unsubscribe_url(teller.subscription)
    shown = {
        "title": title,
        "stories": [_shown(story, teller) for story in stories],
        "language": teller.language,
        "unsubscribe": unsubscribe,
        "unsubscribe_label": teller.text("unsubscribe"),
    }
    worst = max((story.severity for story in stories), key=list(Severity).index)
    return Letter(
        title=printable(title, limit=LONGEST_TITLE),
        text=_cut("\n\n".join(_text(story, teller) for story in stories)),
        html=render_to_string("notices/mail.html", shown),
        severity=worst,
        headers=_headers(unsubscribe),
    )


def _shown(story: Story, teller: Teller) -> dict[str, object]:
    return {
        "story": story,
        "parts": [(teller.text(f"label.{name}"), said) for name, said in story.parts],
        "numbers_label": teller.text("label.numbers"),
    }


def _text(story: Story, teller: Teller) -> str:
    lines = [story.message, ""]
    lines += [f"{teller.text(f'label.{name}')}: {said}" for name, said in story.parts]
    if len(story.numbers) > 1 or (story.numbers and teller.is_operator):
        lines += [f"{teller.text('label.numbers')}:", *(f"  {one}" for one in story.numbers)]
    return "\n".join([*lines, f"{story.action_label}: {story.action_url}"])


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 2]} …"


def _unsubscribe_url(subscription: Subscription) -> str:
    if subscription.kind != Subscription.Kind.EMAIL:
        return ""
    path = reverse("notices:unsubscribe", args=[token_of(subscription)])
    return settings.PUBLIC_URL + path


def _headers(unsubscribe: str) -> dict[str, str]:
    if not unsubscribe:
        return {}
    return {
        "List-Unsubscribe": f"<{unsubscribe}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def body_of(story: Story, subscription: Subscription, now: datetime) -> bytes:
    """Return the JSON of an outgoing webhook."""
    is_back = story.what == "back"
    data: dict[str, object] = {
        "id": story.key,
        "what": story.what,
        "title": story.title,
        "message": story.message,
        "action_url": story.action_url,
        "action_label": story.action_label,
        "severity": story.severity.value,
        "number_of_accounts": len(story.lines),
        "workspace_id": subscription.workspace_id,
        "accounts": [
            {
                "id": line.account_id,
                "phone_number": line.number,
                "status": "connected" if line.ending == "healed" else line.status,
                "reason": line.reason,
                "since": line.opened_at.isoformat(),
                "until": line.ended_at.isoformat() if line.ended_at else None,
            }
            for line in story.lines[:MOST_IN_JSON]
        ],
        "parts": dict(story.parts),
    }
    kind = "session_reconnected" if is_back else "session_disconnected"
    kind = "test" if story.what == "test" else kind
    return json.dumps(
        {"type": kind, "timestamp": now.isoformat(), "data": data}, ensure_ascii=False
    ).encode()
