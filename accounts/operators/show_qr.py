"""Ask the gateway, at a person's request, for the QR code that a session shows now."""

from __future__ import annotations

from accounts.models import Account
from accounts.models.gateways import client_of
from accounts.repair.obstacles import session_of
from accounts.store.announce import announce
from accounts.store.database import release_connection
from accounts.store.qr_codes import keep_qr
from accounts.words.refusals import Refused
from gateways.registry import capabilities_of

# WAHA waits up to 15 s for one.
DEADLINE_SECONDS = 17.0
# WhatsApp changes it every 20 to 60 s, and no gateway says how old it is.
SHOWN_SECONDS = 20


def why_not_shown(account: Account) -> str:
    """Return why its gateway cannot be asked for the code; "" if it can."""
    if capabilities_of(account.gateway.kind).can_show_qr:
        return ""
    return f"gateways of kind {account.gateway.kind} cannot be asked for a code, they send it"


def show_code(account: Account) -> None:
    """Read the code and keep it for those who may scan it. Starts nothing.

    Raises Refused or GatewayError.
    """
    session_id = session_of(account)
    if why := why_not_shown(account):
        raise Refused(why)
    with client_of(account.gateway) as client:
        release_connection()
        code = client.read_qr(session_id, deadline_seconds=DEADLINE_SECONDS)
    if code is None:
        raise Refused("its gateway shows no code now: restart the session to get a fresh one")
    keep_qr(account.pk, code, seconds=SHOWN_SECONDS)
    announce(accounts=[account.pk])
