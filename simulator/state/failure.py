"""The error answer of the gateway or of its control interface."""

from __future__ import annotations


class Failure(Exception):
    """An error answer: its status and its text."""

    def __init__(self, message: str, *, status: int = 500) -> None:
        super().__init__(message)
        self.status = status
