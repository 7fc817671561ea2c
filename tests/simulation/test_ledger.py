"""The ledger of what is true, which looks only at what was written."""

from __future__ import annotations

import random
from datetime import UTC, datetime

from simulator.state.sessions import Browser, SimulatedSession, Truth
from tests.simulation.kinds import KINDS
from tests.simulation.ledger import Ledger, noting_changes

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def _session(session_id: str) -> SimulatedSession:
    return SimulatedSession(
        session_id=session_id,
        workspace_id=1,
        status="connected",
        truth=Truth.CONNECTED,
        last_activity=NOW,
        is_starting=False,
    )


def _happens(sessions: dict[str, SimulatedSession], chance: random.Random) -> None:
    """Something of one of them, or to all."""
    session_id = f"s{chance.randrange(20)}"
    session = sessions.get(session_id)
    if session is None or chance.random() < 0.2:
        sessions[session_id] = _session(session_id)
    elif chance.random() < 0.2:
        del sessions[session_id]
    else:
        session.status = chance.choice(["connected", "disconnected"])
        session.truth = chance.choice(list(Truth))
        session.browser = chance.choice(list(Browser))
    if chance.random() < 0.05:
        sessions.clear()


def test_it_knows_what_one_that_looks_at_every_session_would_know():
    """Facts and moments, and what has changed, of each kind."""
    for kind in KINDS.values():
        chance, sessions = random.Random(kind.name), {f"s{n}": _session(f"s{n}") for n in range(20)}
        ledger, thorough = Ledger(kind), Ledger(kind)
        with noting_changes([ledger]):
            for second in range(300):
                for _ in range(chance.randrange(3)):
                    _happens(sessions, chance)
                now, is_reachable = NOW.replace(microsecond=second), chance.random() < 0.9
                thorough.written |= thorough.facts.keys()
                seen = ledger.look(sessions, now, is_reachable=is_reachable)
                assert seen == thorough.look(sessions, now, is_reachable=is_reachable)
                assert ledger.facts == thorough.facts
