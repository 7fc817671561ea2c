"""The identity in texts of gateways and people: a phone number, a LID, or neither.

A LID is WhatsApp's own id of an account (`123456789012345@lid`). It has digits like a number,
but is unrelated to the number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import phonenumbers

NUMBER_SERVERS = frozenset({"c.us", "s.whatsapp.net"})
LID_SERVERS = frozenset({"lid", "hosted.lid"})
SHORTEST, LONGEST = 7, 15
# Shorter ones have the length of phone numbers.
SHORTEST_LID = 14

# A device may follow the digits after ":", and an agent after "_" before the "@".
_BARE = re.compile(r"([0-9]+)(?::[0-9]+)?", re.ASCII)
_USER = re.compile(r"([0-9]+)(?:_[0-9]+)?(?::[0-9]+)?", re.ASCII)
# Characters that people put between digits, and invisible marks that phones put around them.
_BETWEEN = re.compile("[ +().\\-\u00a0\u2010\u2011\u202a-\u202e\u2060\u2066-\u2069\u200b-\u200f]")


class Sort(StrEnum):
    """The kinds of identity that a text can name."""

    NUMBER = "number"
    LID = "lid"
    OTHER = "other"  # a group, a channel, a hosted account or the like
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Named:
    """An identity. `digits` of a number or a LID; else ""."""

    sort: Sort
    digits: str = ""


NOTHING = Named(Sort.NOTHING)


def named(value: object) -> Named:
    """Return the identity in `value`: a text ("+62 811-801", "62811801641:3@c.us"), whole
    digits, or a wid of whatsapp-web.js ({"user", "server", "_serialized"}). No country code
    begins with 0."""
    if isinstance(value, Mapping):
        return _of_wid(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return NOTHING
    text = str(value)
    user, at, server = text.partition("@")
    if not at:
        return _number(_BARE.fullmatch(_BETWEEN.sub("", user)))
    server = server.strip().lower()
    if server in NUMBER_SERVERS:
        return _number(_USER.fullmatch(_BETWEEN.sub("", user)))
    if server not in LID_SERVERS:
        return Named(Sort.OTHER) if user and server else NOTHING
    found = _USER.fullmatch(user)
    return Named(Sort.LID, found[1]) if found else NOTHING


def normal_phone_number(value: object) -> str | None:
    """Return the digits of a WhatsApp number (7 to 15), or None if `value` names none: a LID, a
    group, null, "", "null", "undefined" and the like."""
    if (
        isinstance(value, str)
        and SHORTEST <= len(value) <= LONGEST
        and value.isascii()
        and value.isdigit()
        and value[0] != "0"
    ):
        return value  # true of nearly all
    found = named(value)
    return found.digits if found.sort is Sort.NUMBER else None


def number_of_user(value: object) -> str | None:
    """Return the number of a wid's user without its server, so that only the digits reveal a
    LID."""
    number = normal_phone_number(value)
    return None if number is not None and looks_like_lid(number) else number


def looks_like_lid(number: str) -> bool:
    """Return whether it is longer than nearly all numbers, and in no country's numbering plan."""
    return len(number) >= SHORTEST_LID and not is_assigned(number)


@lru_cache(maxsize=4096)
def is_assigned(number: str) -> bool:
    """Return whether a numbering plan has such a number."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(f"+{number}"))
    except phonenumbers.NumberParseException:
        return False


def _number(found: re.Match[str] | None) -> Named:
    if found is None or found[1].startswith("0") or not SHORTEST <= len(found[1]) <= LONGEST:
        return NOTHING
    return Named(Sort.NUMBER, found[1])


def _of_wid(wid: Mapping[object, object]) -> Named:
    user, server = wid.get("user"), wid.get("server")
    if isinstance(user, str | int) and not isinstance(user, bool) and user:
        return named(f"{user}@{server}" if isinstance(server, str) and server else user)
    return named(wid.get("_serialized"))
