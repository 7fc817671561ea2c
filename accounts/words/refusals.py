"""What a verb raises that cannot be done. Views answer 409, commands exit 1."""

from __future__ import annotations


class Refused(Exception):
    """A verb that cannot be done: why, and what to do."""


class Conflict(Exception):
    """What is asked for contradicts what is there: what, and what to do."""
