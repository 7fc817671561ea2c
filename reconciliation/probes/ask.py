"""Probe the live clients themselves, because a gateway's "connected" is a claim."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.models import Account, Gateway
from accounts.models.gateways import client_of
from accounts.state import probes
from accounts.state.observations import Observation
from accounts.state.observe import observe
from accounts.state.probes import Probed, ProbeTurn
from accounts.store import clock
from accounts.store.database import release_connection
from accounts.words.status import Source, Status
from gateways.base import (
    Client,
    GatewayError,
    KeyRejected,
    MayBeSent,
    Probe,
    ProbeKind,
    Pulse,
    Unreachable,
)
from reconciliation.probes.verdict import ProbeVerdict, Suspicion, judge

logger = logging.getLogger(__name__)
# New turns are taken for this long. With the deadline of the last probe the round ends well within
# every lease.
TAKES_SECONDS = 5.0
READ_SECONDS = 5.0
# Delay after the gateway itself did not answer.
AGAIN_AFTER_BLINDNESS = timedelta(seconds=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ProbeAnswer:
    """Answer to a probe. `claimed_since`: the login that the gateway still claims, by its own
    clock."""

    turn: ProbeTurn
    probe: Probe | GatewayError
    claimed_since: datetime | None = None


def probe_gateway(gateway_id: int) -> int:
    """Probe the due accounts of a gateway. Return how many answers, or failures to answer, were
    recorded. A session that hangs blocks only its own slot."""
    gateway = Gateway.objects.get(pk=gateway_id)
    try:
        with client_of(gateway) as client:
            return _Round(gateway, client).run()
    except GatewayError as error:
        logger.warning("%s was not probed: %s", gateway, error)
        return 0


class _Round:
    def __init__(self, gateway: Gateway, client: Client) -> None:
        self.gateway = gateway
        self.client = client
        self.by_send = client.capabilities.probe is ProbeKind.SEND
        self.ends = time.monotonic() + TAKES_SECONDS
        self.is_blind = False
        self.recorded = 0

    def run(self) -> int:
        under_way: set[Future[_ProbeAnswer]] = set()
        with ThreadPoolExecutor(max_workers=probes.AT_ONCE) as asking:
            while True:
                under_way |= {asking.submit(self._ask, turn) for turn in self._turns()}
                if not under_way:
                    break
                release_connection()
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                self._settle(one.result() for one in done)
        return self.recorded

    def _turns(self) -> Sequence[ProbeTurn]:
        if self.is_blind or time.monotonic() >= self.ends:
            return ()
        now = clock.database_now()
        return probes.take_turns(self.gateway.pk, now, by_send=self.by_send)

    def _ask(self, turn: ProbeTurn) -> _ProbeAnswer:
        """Probe one session, in a thread of its own. Uses no database."""
        try:
            probe = self.client.probe_session(
                turn.session_id, deadline_seconds=probes.DEADLINE_SECONDS
            )
        except GatewayError as error:
            return _ProbeAnswer(turn=turn, probe=error)
        return _ProbeAnswer(turn=turn, probe=probe, claimed_since=self._claimed_since(turn, probe))

    def _claimed_since(self, turn: ProbeTurn, probe: Probe) -> datetime | None:
        """Return the login of a claim that is being disproved, so that a new login can be told from
        it."""
        is_cached = self.client.capabilities.status_is_cached
        if not is_cached or probe.pulse not in (Pulse.GONE, Pulse.NO_ANSWER):
            return None
        try:
            session = self.client.read_session(turn.session_id, deadline_seconds=READ_SECONDS)
        except GatewayError:
            return None  # then only a login after the disproof counts
        return session.connected_at if session else None

    def _settle(self, answers: Iterable[_ProbeAnswer]) -> None:
        told, blind = [], []
        for answer in answers:
            if isinstance(answer.probe, Unreachable | KeyRejected):
                blind.append(answer.turn)
                if isinstance(answer.probe, MayBeSent):
                    probes.count_message(answer.turn)
            else:
                told.append(answer)
        if blind:
            self.is_blind = True
            probes.put_back(blind, clock.database_now() + AGAIN_AFTER_BLINDNESS)
        self.recorded += len(told)
        self._judge(told)

    def _judge(self, answers: Sequence[_ProbeAnswer]) -> None:
        now = clock.database_now()
        answers = sorted(answers, key=lambda answer: answer.turn.account_id)
        known = _suspicions([answer.turn.account_id for answer in answers])
        judged = [
            (answer, judge(known[answer.turn.account_id], _probe(answer), asked_at=at, now=now))
            for answer in answers
            if (at := answer.turn.asked_at) and answer.turn.account_id in known
        ]
        proves = self.client.capabilities.page_proves
        probes.record([_probed(answer, judgement, proves=proves) for answer, judgement in judged])
        observe(
            self._observation(answer, judgement)
            for answer, judgement in judged
            if judgement.status is not None
        )

    def _observation(self, answer: _ProbeAnswer, judged: ProbeVerdict) -> Observation:
        session = _probe(answer).session
        return Observation(
            gateway_id=self.gateway.pk,
            session_id=answer.turn.session_id,
            status=judged.status,
            reason=judged.reason,
            raw=_probe(answer).raw if judged.status is not Status.CONNECTED else "",
            phone_number=session.phone_number if session else None,
            connected_at=answer.claimed_since,
            observed_at=answer.turn.asked_at,
            source=Source.PROBE,
        )


def _suspicions(account_ids: Sequence[int]) -> dict[int, Suspicion]:
    """Return the accounts as they are now: something may have proven them alive meanwhile."""
    return {
        account.pk: Suspicion(
            status=Status(account.status),
            reason=account.status_reason,
            is_disproved=account.disproved_at is not None,
            failures=account.probe_failures,
            failing_since=account.probe_failing_since,
            spoke_at=max(filter(None, (account.last_activity_at, account.proven_at)), default=None),
        )
        for account in Account.objects.filter(pk__in=account_ids)
    }


def _probe(answer: _ProbeAnswer) -> Probe:
    """Return the probe. An odd answer or a refusal concerns this session, and says nothing about
    its page."""
    if isinstance(answer.probe, GatewayError):
        return Probe(pulse=Pulse.UNCLEAR, raw=str(answer.probe))
    return answer.probe


def _probed(answer: _ProbeAnswer, judged: ProbeVerdict, *, proves: bool) -> Probed:
    probe = _probe(answer)
    word = probe.pulse.replace("_", " ")
    return Probed(
        turn=answer.turn,
        answer=f"{word}: {probe.raw}" if probe.raw and probe.raw != word else word,
        failures=judged.failures,
        failing_since=judged.failing_since,
        is_proof=judged.is_proof and proves,
    )
