"""A telling reason is not replaced by a vaguer one that is looked up later; pair by pair."""

from __future__ import annotations

import pytest

from accounts.models import Account, Repair, Transition
from accounts.repair import repairs
from accounts.words.reason_weights import TELLS
from accounts.words.reasons import REASONS
from accounts.words.refusals import Refused
from accounts.words.status import Source, Status
from gateways.base import Reason
from tests.cast import see

GONE, OUT, BLOCKED = Status.DISCONNECTED, Status.LOGGED_OUT, Status.BLOCKED
HUNG = (Status.UNRESPONSIVE, Reason.HUNG)
DEAF = (Status.UNRESPONSIVE, Reason.DEAF)
VAGUE = [(GONE, Reason.NONE), (GONE, Reason.LISTED), (GONE, Reason.MISSING)]
SYMPTOMS = [
    *((GONE, Reason.BROWSER_GONE), (GONE, Reason.SESSION_ERROR), (GONE, Reason.NETWORK)),
    *((GONE, Reason.RESTORE_FAILED), (GONE, Reason.GATEWAY_GAVE_UP), (GONE, Reason.PAGE_GONE)),
    *((GONE, Reason.UNRECOGNISED), HUNG, DEAF),
]
REPLACED, EXPIRED = (GONE, Reason.REPLACED), (GONE, Reason.QR_EXPIRED)
OUTDATED = (GONE, Reason.CLIENT_OUTDATED)
UNLINKED, OTHER_NUMBER = (OUT, Reason.UNLINKED), (OUT, Reason.WRONG_NUMBER)
PROXY, REFUSED = (BLOCKED, Reason.PROXY_BLOCKED), (BLOCKED, Reason.LOGIN_REFUSED)
TERMS, BAN = (BLOCKED, Reason.TERMS_OF_SERVICE), (BLOCKED, Reason.TEMPORARY_BAN)
CAUSES = [REPLACED, EXPIRED, OUTDATED, UNLINKED, PROXY, REFUSED, TERMS, BAN]
STAYS = [
    *((known, said) for known in [*CAUSES, OTHER_NUMBER] for said in [*VAGUE, *SYMPTOMS]),
    *((ban, said) for ban in (TERMS, BAN) for said in (REPLACED, UNLINKED, PROXY, REFUSED)),
    *((known, (OUT, Reason.NONE)) for known in (UNLINKED, OTHER_NUMBER, TERMS, BAN)),
    *((SYMPTOMS[0], said) for said in VAGUE),
    *(((GONE, Reason.MISSING), said) for said in VAGUE[:2]),
]
GIVES_WAY = [
    *((known, said) for known in [*VAGUE, *SYMPTOMS] for said in CAUSES),
    *((known, said) for known in VAGUE for said in SYMPTOMS),
    *((REPLACED, said) for said in (UNLINKED, TERMS, OUTDATED, (OUT, Reason.NONE))),
    *((UNLINKED, said) for said in (TERMS, BAN, REFUSED)),
    *((said, UNLINKED) for said in (PROXY, REFUSED)),
    (SYMPTOMS[0], SYMPTOMS[1]),
]


def lost_to(cast, known: tuple[Status, Reason]) -> Account:
    status, reason = known
    return cast.an_account("dana", status, status_reason=reason, status_raw="its own word")


@pytest.mark.parametrize("source", [Source.WEBHOOK, Source.READ, Source.LIST, Source.PROBE])
@pytest.mark.parametrize(("known", "said"), STAYS)
def test_it_stays(cast, known, said, source):
    dana = lost_to(cast, known)
    see(dana, said[0], reason=said[1], at=cast.ago(1), source=source)
    assert (dana.status, dana.status_reason, dana.status_raw) == (*known, "its own word")
    assert not Transition.objects.filter(account=dana).exists()


@pytest.mark.parametrize(("known", "said"), GIVES_WAY)
def test_it_gives_way_and_the_change_is_a_row(cast, known, said):
    dana = lost_to(cast, known)
    see(dana, said[0], reason=said[1], at=cast.ago(1), raw="another word")
    assert (dana.status, dana.status_reason) == said
    row = Transition.objects.get(account=dana)
    assert (row.from_status, row.to_status, row.reason) == (known[0], *said)
    assert (row.raw, row.source) == ("another word", Source.WEBHOOK)


@pytest.mark.parametrize("known", CAUSES)
def test_an_operator_may_say_so(cast, known):
    dana = lost_to(cast, known)
    said = {"reason": Reason.OPERATOR, "source": Source.OPERATOR}
    see(dana, GONE, at=cast.ago(1), **said)
    assert (dana.status, dana.status_reason) == (GONE, Reason.OPERATOR)


@pytest.mark.parametrize("known", [REPLACED, EXPIRED, UNLINKED, TERMS, BAN])
def test_repair_does_not_restart_against_it(cast, known):
    dana = lost_to(cast, known)
    cast.gateway.mode = "act"
    cast.gateway.save()
    see(dana, GONE, reason=Reason.BROWSER_GONE, at=cast.ago(1), source=Source.READ)
    with pytest.raises(Refused, match="Rollcall cannot repair this"):
        repairs.ask(dana, by=Repair.Asker.ROLLCALL, actor="rollcall")


def test_a_cause_names_what_only_a_human_mends():
    """A passkey is asked of a session that waits for its scan, and is not lost."""
    lost_by = {reason for reason, tells in TELLS.items() if tells >= TELLS[Reason.REPLACED]}
    assert not any(REASONS[Reason(reason)].repairable for reason in lost_by)


def test_a_change_of_reason_reads_as_one(cast):
    dana = lost_to(cast, SYMPTOMS[0])
    see(dana, GONE, reason=Reason.REPLACED, at=cast.ago(1))
    assert Transition.objects.get(account=dana).change == "disconnected, for another reason"
