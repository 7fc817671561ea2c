"""How much each reason tells of a loss: a vaguer one does not replace a telling one."""

from __future__ import annotations

from accounts.words.status import Status
from gateways.base import Reason

# How much a reason tells of a loss. It gives way to one that tells as much or more, never to one
# that tells less: a browser that is gone after a conflict is the conflict's doing. Any other reason
# is a symptom.
SYMPTOM, CAUSE, BAN = 3, 4, 5
TELLS: dict[str, int] = {
    Reason.NONE: 0,
    Reason.LISTED: 1,
    Reason.MISSING: 2,
    Reason.UNLINKED: CAUSE,
    Reason.WRONG_NUMBER: CAUSE,
    Reason.REPLACED: CAUSE,
    Reason.QR_EXPIRED: CAUSE,
    Reason.LOGIN_REFUSED: CAUSE,
    Reason.PROXY_BLOCKED: CAUSE,
    Reason.CLIENT_OUTDATED: CAUSE,
    Reason.TERMS_OF_SERVICE: BAN,
    Reason.TEMPORARY_BAN: BAN,
}


def tells_less(reason: Reason, known: str) -> bool:
    return TELLS.get(reason, SYMPTOM) < TELLS.get(known, SYMPTOM)


def weight(status: Status | None, reason: str) -> int:
    """Return how much status and reason tell together. `logged_out` and `blocked` name a cause by
    themselves; what is only disconnected is not banned."""
    tells = TELLS.get(reason, SYMPTOM)
    if status is Status.BLOCKED:
        return tells if tells >= CAUSE else BAN
    return max(tells, CAUSE) if status is Status.LOGGED_OUT else min(tells, CAUSE)
