"""The words of the Standard Webhooks kind, which are Rollcall's own; and what it signs with."""

from __future__ import annotations

from collections.abc import Mapping

from gateways.base import Kind, Reason, State
from gateways.kinds.base_webhooks import TEST, EventMeaning, Words
from gateways.profiles import Encoding, Profile, Signature, as_whsec, fault_of_whsec

PROFILE = Profile(
    cure="sign as the Standard Webhooks specification says: webhook-id, webhook-timestamp, "
    "webhook-signature",
    session_field="session_id",
    signature=Signature(
        header="webhook-signature",
        algorithm="sha256",
        encoding=Encoding.VERSIONED_BASE64,
        before_body=("webhook-id", "webhook-timestamp"),
        separator=".",
        timestamp_header="webhook-timestamp",
        secret=as_whsec,
        fault_of_secret=fault_of_whsec,
    ),
    id_header="webhook-id",
    other_prefix=("svix-", "webhook-"),  # Svix' own names, from which the specification came
)

STATES: Words = {state.value: (state, Reason.NONE) for state in State}
# The reasons that a sender may give: ours for sessions, not those for ourselves or for people.
REASONS = frozenset(
    {
        *(Reason.AUTHENTICATED, Reason.RECONNECTING, Reason.NAVIGATION, Reason.NETWORK),
        *(Reason.BROWSER_GONE, Reason.SESSION_ERROR, Reason.GATEWAY_GAVE_UP),
        *(Reason.RESTORE_FAILED, Reason.UNLINKED, Reason.REPLACED, Reason.QR_EXPIRED),
        *(Reason.TERMS_OF_SERVICE, Reason.PROXY_BLOCKED, Reason.CLIENT_OUTDATED),
        *(Reason.PASSKEY_REQUIRED, Reason.TEMPORARY_BAN, Reason.LOGIN_REFUSED),
    }
)

EVENTS: Mapping[str, EventMeaning] = {
    "session.status": EventMeaning(
        kind=Kind.STATE, reads="status", words=STATES, kept=("status", "reason")
    ),
    "session.hint": EventMeaning(kind=Kind.HINT),
    "ping": EventMeaning(kind=Kind.CANARY),
} | TEST
WEAK: frozenset[str] = frozenset()
