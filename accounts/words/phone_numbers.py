"""Which spellings are one phone number, and what people may type as one. Pure.

WhatsApp shows some numbers in another form than they are dialled in. Which form a gateway returns
depends on when the number was registered:

    Brazil       with or without the ninth digit that was put before mobile numbers in 2012 to 2016
    Mexico       with or without the 1 that was dialled before mobile numbers until 2019
    Argentina    with or without the 9 that stands before mobile numbers in calls from abroad
    Ivory Coast  with 10 digits, or the 8 that a number had until 2021
    Benin        with 10 digits, or the 8 that a number had until 2024

The database has the same rules, as the function whatsapp_number_key, which keeps a number unique
in its workspace. A test compares the two.
"""

from __future__ import annotations

import re

import phonenumbers

from gateways.phone_numbers import Sort, is_assigned, looks_like_lid, named

EXAMPLE = "62811801641"
# For rows: put the column's name in.
CANONICAL_SQL = "whatsapp_number_key({number})"

_BRAZIL = re.compile(r"55([1-9][1-9])9([6-9]\d{7})", re.ASCII)
_BRAZIL_SHORT = re.compile(r"55([1-9][1-9])([6-9]\d{7})", re.ASCII)
_MEXICO = re.compile(r"521([2-9]\d{9})", re.ASCII)
_MEXICO_SHORT = re.compile(r"52([2-9]\d{9})", re.ASCII)
_ARGENTINA = re.compile(r"549([1-3]\d{9})", re.ASCII)
_ARGENTINA_SHORT = re.compile(r"54([1-3]\d{9})", re.ASCII)
_BENIN_OLD = re.compile(r"229([2-9]\d{7})", re.ASCII)
_BENIN = re.compile(r"22901([2-9]\d{7})", re.ASCII)
_IVORY_COAST = re.compile(r"225(?:0[157]|2[157])(\d{8})", re.ASCII)
# Old numbers and the prefix that they got, by operator: the second digit of a mobile number tells
# the operator, and the third digit of a landline.
_IVORY_COAST_OLD = (
    (re.compile(r"225([04-9][0-3]\d{6})", re.ASCII), "22501"),
    (re.compile(r"225([04-9][4-6]\d{6})", re.ASCII), "22505"),
    (re.compile(r"225([04-9][7-9]\d{6})", re.ASCII), "22507"),
    (re.compile(r"225([23]\d8\d{5})", re.ASCII), "22521"),
    (re.compile(r"225([23]\d0\d{5})", re.ASCII), "22525"),
    (re.compile(r"225([23]\d[1-79]\d{5})", re.ASCII), "22527"),
)
# Country codes whose numbers have several spellings.
_SEVERAL = ("55", "52", "54", "225", "229")


class NotANumber(ValueError):
    """Typed text that is no phone number. The message says why, for the person who typed it."""


def canonical(number: str) -> str:
    """Return the one spelling that stands for all spellings of a number (digits only, no "+")."""
    if not number.startswith(_SEVERAL):
        return number
    if found := _BRAZIL.fullmatch(number):
        return f"55{found[1]}{found[2]}"
    if found := _MEXICO.fullmatch(number):
        return f"52{found[1]}"
    if found := _ARGENTINA.fullmatch(number):
        return f"54{found[1]}"
    if found := _BENIN_OLD.fullmatch(number):
        return f"22901{found[1]}"
    for old, new in _IVORY_COAST_OLD:
        if found := old.fullmatch(number):
            return f"{new}{found[1]}"
    return number


def same_number(a: str | None, b: str | None) -> bool:
    """Return True if both are spellings of one number. None equals no number, not even None."""
    if not a or not b:
        return False
    return a == b or canonical(a) == canonical(b)


def is_other_number(a: str | None, b: str | None) -> bool:
    """Return True if both are numbers and they differ."""
    return bool(a) and bool(b) and not same_number(a, b)


def spellings(number: str) -> frozenset[str]:
    """Return all ways to write this number."""
    one = canonical(number)
    if found := _BRAZIL_SHORT.fullmatch(one):
        return frozenset({one, f"55{found[1]}9{found[2]}"})
    if found := _MEXICO_SHORT.fullmatch(one):
        return frozenset({one, f"521{found[1]}"})
    if found := _ARGENTINA_SHORT.fullmatch(one):
        return frozenset({one, f"549{found[1]}"})
    if found := _BENIN.fullmatch(one):
        return frozenset({one, f"229{found[1]}"})
    if (found := _IVORY_COAST.fullmatch(one)) and canonical(f"225{found[1]}") == one:
        return frozenset({one, f"225{found[1]}"})
    return frozenset({one})


def spellings_at_home(digits: str) -> frozenset[str]:
    """Return all ways to write digits that may be a number without its country code. Only for
    countries whose numbers have several spellings."""
    found = (spellings(f"{country}{digits}") for country in _SEVERAL)
    return frozenset().union(*(written for written in found if len(written) > 1))


def typed_number(text: str) -> str:
    """Return the digits of a number that a person typed, without the trunk 0 that is dialled at
    home. Raises NotANumber."""
    found = named(text)
    if found.sort is Sort.LID:
        raise NotANumber("it is a LID, WhatsApp's own id of an account, and not its phone number")
    if found.sort is Sort.OTHER:
        raise NotANumber("it is the id of a group, a channel or the like, not of a phone number")
    if found.sort is Sort.NOTHING:
        digits = "".join(character for character in text if character.isdigit())
        if digits.startswith("0"):
            raise NotANumber(
                "it begins with 0: write the country's code first, without 00 or 0 before it, "
                f"e.g. {EXAMPLE}"
            )
        raise NotANumber(f"it is no number: 7 to 15 digits, e.g. {EXAMPLE}")
    if looks_like_lid(found.digits):
        raise NotANumber(
            f"no country has a number of {len(found.digits)} digits like this one: it may be a "
            "LID, WhatsApp's own id of an account"
        )
    return _without_trunk_prefix(found.digits)


def _without_trunk_prefix(number: str) -> str:
    """Drop the trunk prefix where it is certain. People write "55 0 11 …" and "44 (0) 79…" at home;
    neither is dialled so from abroad."""
    try:
        parsed = phonenumbers.parse(f"+{number}")
    except phonenumbers.NumberParseException:
        return number
    abroad = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164).lstrip("+")
    return abroad if is_assigned(abroad) and not same_number(abroad, number) else number
