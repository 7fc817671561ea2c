"""Which of Apprise's services a channel may name. Of its hundred and more, some speak to this very
machine (D-Bus, syslog, a desktop) or to any port with any words: they are not offered unasked."""

from __future__ import annotations

import re

from django.conf import settings

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
