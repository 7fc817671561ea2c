"""When two spellings are one number. Pure.

WhatsApp knows a Brazilian mobile number with or without the ninth digit that was put before it in
2012 to 2016 (55, area code, 9, eight digits of which the first is 6 to 9), and a Mexican one with
or without the 1 that was dialled before mobile numbers until 2019 (52, 1, ten digits). Which of
them a gateway returns depends on when the number was registered.
"""

from __future__ import annotations

import re

_BRAZIL = re.compile(r"55([1-9][1-9])9([6-9]\d{7})", re.ASCII)
_BRAZIL_SHORT = re.compile(r"55([1-9][1-9])([6-9]\d{7})", re.ASCII)
_MEXICO = re.compile(r"521(\d{10})", re.ASCII)
_MEXICO_SHORT = re.compile(r"52(\d{10})", re.ASCII)

# `canonical` for rows: put the column's name in.
CANONICAL_SQL = """CASE
    WHEN {number} ~ '^55[1-9][1-9]9[6-9][0-9]{{7}}$'
    THEN left({number}, 4) || right({number}, 8)
    WHEN {number} ~ '^521[0-9]{{10}}$' THEN '52' || right({number}, 10)
    ELSE {number} END"""


def canonical(number: str) -> str:
    """The short one of a number's spellings (digits only, no "+")."""
    if found := _BRAZIL.fullmatch(number):
        return f"55{found[1]}{found[2]}"
    if found := _MEXICO.fullmatch(number):
        return f"52{found[1]}"
    return number


def same_number(a: str | None, b: str | None) -> bool:
    """Whether both are spellings of one number. No number is like none."""
    return bool(a) and bool(b) and canonical(a or "") == canonical(b or "")


def spellings(number: str) -> frozenset[str]:
    """All ways to write this number."""
    short = canonical(number)
    if found := _BRAZIL_SHORT.fullmatch(short):
        return frozenset({short, f"55{found[1]}9{found[2]}"})
    if found := _MEXICO_SHORT.fullmatch(short):
        return frozenset({short, f"521{found[1]}"})
    return frozenset({short})
