"""What people type into a search box: a number however it is written, or a session id."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts.models import Account
from accounts.words.phone_numbers import spellings, spellings_at_home
from gateways.phone_numbers import normal_phone_number

HELP = "Number, its beginning or its end, or session id"
# Fewer digits at the end of a number would fit half of all numbers.
SHORTEST_END = 4


def digits_of(term: str) -> str:
    """The digits of a number as people paste it ("+62 811-801…", with whatever invisible marks
    their phone put around it); empty when it is not one."""
    if number := normal_phone_number(term):
        return number
    kept = "".join(character for character in term if character.isalnum())
    return kept if kept.isascii() and kept.isdigit() else ""


def by_number(term: str) -> Q:
    """Accounts whose number begins or ends like that, or is that in another spelling."""
    digits = digits_of(term)
    if not digits:
        return Q(pk__in=[])
    # At home people write a zero where the country's code would be.
    end = digits.lstrip("0")
    written = spellings(digits) | spellings_at_home(end)
    found = Q(phone_number__startswith=digits) | Q(phone_number__in=written)
    return found | Q(phone_number__endswith=end) if len(end) >= SHORTEST_END else found


def of_account(term: str) -> Q:
    """Rows with a session id and an account: by either."""
    accounts: QuerySet[Account] = Account.objects.filter(by_number(term))
    by_session = Q(session_id__startswith=term)
    return by_session | Q(account__in=accounts.values("pk")) if digits_of(term) else by_session
