"""What a recipient is told of a reason: a cause and an act, without any engine's jargon."""

from __future__ import annotations

from accounts.words.status import Status
from gateways.base import Reason

# Reason → names of its texts in notices.languages: (why.…, do.…).
_BY_REASON: dict[str, tuple[str, str]] = {
    Reason.UNLINKED: ("unlinked", "scan"),
    Reason.PASSKEY_REQUIRED: ("passkey", "passkey"),
    Reason.WRONG_NUMBER: ("wrong_number", "wrong_number"),
    Reason.REPLACED: ("replaced", "replaced"),
    Reason.QR_EXPIRED: ("qr_expired", "scan"),
    Reason.TERMS_OF_SERVICE: ("banned", "banned"),
    Reason.TEMPORARY_BAN: ("temporary_ban", "temporary_ban"),
    Reason.LOGIN_REFUSED: ("refused", "refused"),
    Reason.PROXY_BLOCKED: ("ours", "ours"),
    Reason.CLIENT_OUTDATED: ("ours", "ours"),
    Reason.REPAIR_GAVE_UP: ("gave_up", "restart"),
}
_BY_STATUS: dict[str, tuple[str, str]] = {
    Status.LOGGED_OUT: ("unlinked", "scan"),
    Status.BLOCKED: ("refused", "refused"),
    Status.FAILED: ("gave_up", "restart"),
    Status.QR_SCANNING: ("unlinked", "scan"),
}
_LOST = ("lost", "wait")


def cause_of(status: str, reason: str) -> tuple[str, str]:
    """Return the names of the two texts: why, and what to do."""
    return _BY_REASON.get(reason) or _BY_STATUS.get(status) or _LOST
