"""What Rollcall does about a lost account next, or what keeps it from doing anything: a code with
its arguments, as a row holds it. Decisions read the code; accounts.explain.step_text words it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class StepCode(StrEnum):
    """Stored as Account.next_step_code, where "" stands for no step."""

    # a restart by Rollcall itself
    RESTART_IN_TURN = "restart_in_turn"
    RESTART_AFTER_BACKOFF = "restart_after_backoff"
    RESTART_AFTER_OWN_RETRY = "restart_after_own_retry"  # its gateway may bring it back meanwhile
    RESTART_AFTER_OPERATOR = "restart_after_operator"  # somebody has just acted on it
    RESTART_UNLESS_CLAIMED = "restart_unless_claimed"  # a session may be its own, or another's
    RESTART_AFTER_QUARANTINE = "restart_after_quarantine"
    # an attempt that is not over
    REPAIR_WAITS = "repair_waits"
    REPAIR_RUNS = "repair_runs"
    OUTCOME_READ = "outcome_read"
    # nothing until something else changes: about the account
    CONFLICT = "conflict"
    SAME_NUMBER = "same_number"
    AWAITS_LIST = "awaits_list"  # only a complete list shows whether it runs under another id
    UNCLAIMED_SESSION = "unclaimed_session"  # a session that is most likely its own
    CANNOT_START = "cannot_start"
    MUST_BE_CREATED = "must_be_created"  # its gateway starts only what it has
    GATEWAY_MUST_RESTART = "gateway_must_restart"
    QUARANTINE_LIFTED = "quarantine_lifted"
    # … and about its gateway
    OBSERVED = "observed"
    PAUSED = "paused"
    MAINTENANCE = "maintenance"
    SELF_CHECK = "self_check"  # no gateway can be read: the fault may be our own
    GATEWAY_BLIND = "gateway_blind"
    GATEWAY_UNREAD = "gateway_unread"  # it has not been read yet
    LIST_OVERDUE = "list_overdue"
    BOOTING = "booting"
    MASS_LOSS = "mass_loss"
    # a row that another version of Rollcall wrote
    UNRECOGNISED = "unrecognised"


# So many restarts in a row before a session is given up for a while.
MOST_TRIES = 3

# Rollcall restarts the session by itself, soon or later: nobody else has to.
RESTARTS = frozenset(
    {
        StepCode.RESTART_IN_TURN,
        StepCode.RESTART_AFTER_BACKOFF,
        StepCode.RESTART_AFTER_OWN_RETRY,
        StepCode.RESTART_AFTER_OPERATOR,
        StepCode.RESTART_UNLESS_CLAIMED,
        StepCode.RESTART_AFTER_QUARANTINE,
    }
)
# Repair waits for a person, who alone can say which session or account is the right one.
ASKS_A_HUMAN = frozenset({StepCode.SAME_NUMBER, StepCode.UNCLAIMED_SESSION})
UNDER_WAY = frozenset({StepCode.REPAIR_WAITS, StepCode.REPAIR_RUNS, StepCode.OUTCOME_READ})


class PlannedStep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step with what its sentence names; each code uses a few of the arguments.

    `try_number`: 1 for the first, None for the one after a quarantine. `accounts`, `sessions`: who
    else has its number, by id. `session_id`: a session that nobody claims. `asked_by`: a
    Repair.Asker. `actor`, `why`: names and words of people, shown and never read.
    """

    code: StepCode
    try_number: int | None = None
    accounts: tuple[int, ...] = ()
    sessions: tuple[str, ...] = ()
    session_id: str = ""
    asked_by: str = ""
    actor: str = ""
    why: str = ""

    @property
    def arguments(self) -> dict[str, object]:
        """What a row keeps beside the code."""
        fields: dict[str, object] = msgspec.to_builtins(self)
        return {name: value for name, value in fields.items() if name != "code"}


def step_of_row(code: str, arguments: Mapping[str, object]) -> PlannedStep | None:
    """The step of these columns; None where there is none."""
    if not code:
        return None
    try:
        return msgspec.convert({**arguments, "code": code}, PlannedStep)
    except msgspec.ValidationError:
        return PlannedStep(code=StepCode.UNRECOGNISED)
