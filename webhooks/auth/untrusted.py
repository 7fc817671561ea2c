"""The exception for credentials that are not valid: a 401."""

from __future__ import annotations


class Untrusted(Exception):
    """Invalid credentials.

    `code` is for counting, the text for a human. The skew is how far the sender's clock is
    ahead, in seconds, if that is the fault.
    """

    def __init__(self, code: str, text: str, *, skew_seconds: int | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.skew_seconds = skew_seconds
