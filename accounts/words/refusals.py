"""Exceptions for an action that cannot be done. Views answer 409, commands exit 1."""

from __future__ import annotations


class Refused(Exception):
    """Action that cannot be done. The message says why, and what to do."""


class Conflict(Exception):
    """Request that contradicts what exists. The message says what, and what to do."""
