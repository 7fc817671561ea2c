"""What is measured: who is asked, with which requests, and what must be in the database then."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tests.bench.ingest import traffic
from tests.bench.ingest.plain.sql import PGBENCH_FIVE, PGBENCH_ONE

CONNECTIONS = 32
BASELINE = "drf_orm"
FIVE = "pgbench_five"


class Keeps(StrEnum):
    """`ROW`: one for each accepted request; `FIRST`: all are accepted, the first of each event may
    leave a row; `NOTHING`: all are accepted, none leaves a row; `REFUSES`: none is accepted."""

    ROW = "row"
    FIRST = "first"
    NOTHING = "nothing"
    REFUSES = "refuses"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """`kind` is the gateways' whose sessions it speaks of; "" for the plain application."""

    name: str
    maker: traffic.Maker
    kind: str = ""
    keeps: Keeps = Keeps.ROW
    connections: int = CONNECTIONS


KINDS = ("wwebjs_api", "waha", "evolution", "wppconnect", "standard")
_SERVED = [
    Contender(name=BASELINE, maker=traffic.plain("/drf")),
    Contender(name="one_statement", maker=traffic.plain("/one-statement")),
    Contender(name="state", maker=traffic.webjs_state, kind="webjs"),
    Contender(name="message", maker=traffic.webjs_message, kind="webjs", keeps=Keeps.NOTHING),
    Contender(
        name="duplicate", maker=traffic.standard_duplicate, kind="standard", keeps=Keeps.FIRST
    ),
    Contender(name="refused", maker=traffic.webjs_refused, kind="webjs", keeps=Keeps.REFUSES),
    Contender(name="alone", maker=traffic.webjs_state, kind="webjs", connections=1),
    Contender(name="state_wwebjs_api", maker=traffic.wwebjs_api_state, kind="wwebjs_api"),
    Contender(name="state_waha", maker=traffic.waha_state, kind="waha"),
    Contender(name="state_evolution", maker=traffic.evolution_state, kind="evolution"),
    Contender(name="state_wppconnect", maker=traffic.wppconnect_state, kind="wppconnect"),
    Contender(name="state_standard", maker=traffic.standard_state, kind="standard"),
]
SERVED = {contender.name: contender for contender in _SERVED}
PGBENCH = {FIVE: PGBENCH_FIVE, "pgbench_one": PGBENCH_ONE}
CLIENT = "client"  # the sender against a server that does nothing
NAMES = (*SERVED, *PGBENCH, CLIENT)
