"""One number, two sessions: an operator decides which one is the account's."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, QuerySet

from accounts.models import Account
from accounts.operators import registration
from dashboard.account.timeline import family
from dashboard.admin.account.verbs import Verb
from dashboard.wording.html import visible
from reconciliation.models import Finding

ADOPTABLE = (Finding.Kind.UNCLAIMED, Finding.Kind.DUPLICATE)


def proposals() -> QuerySet[Finding]:
    """Open findings that name a session an account could run on."""
    return (
        Finding.objects.filter(kind__in=ADOPTABLE, ended_at__isnull=True, account__isnull=False)
        .exclude(session_id=F("account__session_id"), gateway=F("account__gateway"))
        .select_related("gateway", "account")
        .order_by("-last_seen_at")
    )


def take_over_verb(finding: Finding) -> Verb:
    def act(account: Account, actor: str, why: str) -> None:
        registration.adopt(account, finding.session_id, gateway=finding.gateway, actor=actor)

    def refusal(account: Account, now: datetime) -> str:
        if finding.account_id not in family(account):
            return "that session was found for another account"
        if account.phone_number is None:
            return "it has no number yet: register the session as an account of its own"
        if (account.gateway_id, account.session_id) == (finding.gateway_id, finding.session_id):
            return "it runs on this session already"
        return ""

    return Verb(
        name="take-over",
        label="Take over this session",
        done="Taken over",
        costs=(
            f"The account runs on session {visible(finding.session_id)} of "
            f"{visible(finding.gateway.name)} from now on, and is set to keep running. Its present "
            "session is replaced: its reports no longer change the account. It is not stopped."
        ),
        act=act,
        refusal=refusal,
        icon="swap_horiz",
        most=1,
    )
