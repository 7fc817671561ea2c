"""The ledger of what is true of each session of a gateway. It is looked at after every step: only
what may have changed is looked at anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from unittest.mock import patch

from simulator.state.sessions import SimulatedSession
from tests.simulation.kinds import Kind, Shown


@dataclass(slots=True)
class Fact:
    """The facts about one session, each with its last change.

    `good`: the gateway can be reached, holds it and does not deny that it is connected;
    `claimed`: the same, reachable or not; `alive`: its live page exists, too; `borne_out`: it is
    claimed, and if its kind can be probed, a probe would confirm it.
    """

    good: bool
    claimed: bool
    alive: bool
    borne_out: bool
    good_since: datetime
    claimed_since: datetime
    alive_since: datetime
    borne_out_since: datetime


class Ledger:
    def __init__(self, kind: Kind) -> None:
        self.facts: dict[str, Fact] = {}
        # Sessions of which something was written since the last look, whosever they are.
        self.written: set[str] = set()
        self._kind = kind
        self._held: dict[str, SimulatedSession | None] = {}
        self._was_reachable = False

    def look(
        self, sessions: Mapping[str, SimulatedSession], now: datetime, *, is_reachable: bool
    ) -> list[str]:
        """Bring it up to date; the sessions for which something has changed."""
        for session_id in sessions.keys() - self.facts.keys():
            self.facts[session_id] = Fact(False, False, False, False, now, now, now, now)
            self.written.add(session_id)
        suspects = self._suspects(sessions, is_reachable=is_reachable)
        self.written.clear()
        self._was_reachable = is_reachable
        changed = []
        for session_id in suspects:
            session = self._held[session_id] = sessions.get(session_id)
            if _note(self.facts[session_id], self._kind, session, is_reachable, now):
                changed.append(session_id)
        return changed

    def _suspects(
        self, sessions: Mapping[str, SimulatedSession], *, is_reachable: bool
    ) -> list[str]:
        """Return the suspects in order. Sessions are compared by identity: a gateway that boots
        has new ones of the same names."""
        if is_reachable != self._was_reachable:
            return list(self.facts)
        held, written, get = self._held.get, self.written, sessions.get
        return [one for one in self.facts if get(one) is not held(one) or one in written]


def _note(
    fact: Fact, kind: Kind, session: SimulatedSession | None, reachable: bool, now: datetime
) -> bool:
    claimed = alive = borne_out = False
    if session is not None:
        shown = kind.shows(session)
        claimed = shown is not Shown.OTHER
        alive = shown is Shown.CONNECTED and session.is_alive
        borne_out = claimed and kind.is_borne_out(session)
    good = claimed and reachable
    if (good, claimed, alive, borne_out) == (fact.good, fact.claimed, fact.alive, fact.borne_out):
        return False
    if good != fact.good:
        fact.good, fact.good_since = good, now
    if claimed != fact.claimed:
        fact.claimed, fact.claimed_since = claimed, now
    if alive != fact.alive:
        fact.alive, fact.alive_since = alive, now
    if borne_out != fact.borne_out:
        fact.borne_out, fact.borne_out_since = borne_out, now
    return True


@contextmanager
def noting_changes(ledgers: Iterable[Ledger]) -> Iterator[None]:
    """Inside, whatever is written of a session is noted. Nobody knows whose it is."""
    told = [ledger.written for ledger in ledgers]

    def write(session: SimulatedSession, name: str, value: object) -> None:
        object.__setattr__(session, name, value)
        for written in told:
            written.add(session.session_id)

    with patch.object(SimulatedSession, "__setattr__", write):
        yield
