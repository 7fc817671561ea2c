"""The mapping of a gateway's terms to ours: a table of events, and tables of words inside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from gateways.base import Kind, Reason, State

Words: TypeAlias = dict[str, tuple[State, Reason]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """The meaning of an event's name, and the field that has the rest.

    `reads` names the field whose word is looked up, in lower case, in `words`; `otherwise` is
    the meaning of an unknown word. `kept` names the fields that may be stored.
    """

    kind: Kind
    state: State | None = None
    reason: Reason = Reason.NONE
    reads: str = ""
    words: Words | None = None
    otherwise: State | None = None
    kept: tuple[str, ...] = ()

    def said(self, word: str) -> tuple[Kind, State | None, Reason]:
        """Return kind, state and reason of an event with this word."""
        if self.words is None:
            return self.kind, self.state, self.reason
        if word.lower() in self.words:
            return self.kind, *self.words[word.lower()]
        if self.otherwise is None:
            # An unmapped word proves nothing, but something changed.
            return Kind.HINT, None, Reason.UNRECOGNISED
        return self.kind, self.otherwise, Reason.UNRECOGNISED if word else Reason.NONE


LIFE = Meaning(kind=Kind.LIFE)
# The event that Rollcall sends through a gateway's route to test it.
TEST = {"connection_test": Meaning(kind=Kind.CANARY)}
