"""Ids as they come in texts: from an address, a form, a call or a command line."""

from __future__ import annotations

LARGEST_ID = 2**63 - 1  # of PostgreSQL's bigint
_MOST_DIGITS = len(str(LARGEST_ID))


def row_id(text: str) -> int | None:
    """Return the id; None for what is none. Python itself fails at numbers of 4,300 digits, and
    PostgreSQL at what is larger than its bigint."""
    if not text.isascii() or not text.isdigit() or len(text) > _MOST_DIGITS:
        return None
    number = int(text)
    return number if 0 < number <= LARGEST_ID else None
