"""The terms of whatsapp-web.js, which all kinds built on it pass on."""

from __future__ import annotations

from gateways.base import Reason, State
from gateways.kinds.base_webhooks import Words

# The reasons of a lost session, in lower case.
LIBRARY_LOSSES: Words = {
    "logout": (State.LOGGED_OUT, Reason.UNLINKED),
    "unpaired": (State.LOGGED_OUT, Reason.UNLINKED),
    "unpaired_idle": (State.LOGGED_OUT, Reason.UNLINKED),
    "conflict": (State.DISCONNECTED, Reason.REPLACED),
    "navigation": (State.DISCONNECTED, Reason.NAVIGATION),
    "timeout": (State.DISCONNECTED, Reason.NETWORK),
    "tos_block": (State.BLOCKED, Reason.TERMS_OF_SERVICE),
    "smb_tos_block": (State.BLOCKED, Reason.TERMS_OF_SERVICE),
    "proxyblock": (State.BLOCKED, Reason.PROXY_BLOCKED),
    "deprecated_version": (State.DISCONNECTED, Reason.CLIENT_OUTDATED),
    "max qrcode retries reached": (State.DISCONNECTED, Reason.QR_EXPIRED),
}

# The words of puppeteer, under each of these kinds, if a browser that an earlier process left
# behind still holds a session's profile (observed).
PROFILE_HELD = "The browser is already running for"
