"""How a gateway, or whoever plays fate with it, says no."""

from __future__ import annotations


class Failure(Exception):
    """What the service answers with an error: the status and its own words."""

    def __init__(self, message: str, *, status: int = 500) -> None:
        super().__init__(message)
        self.status = status
