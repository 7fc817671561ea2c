"""Codes for what Rollcall does next about a lost account, or what prevents it, with their arguments
as a row holds them. Decisions read the code; accounts.explain.step_text makes the sentence."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class StepCode(StrEnum):
    """Code stored in Account.next_step_code; "" there means no step."""

    # Rollcall restarts the session
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
    # waits for a change of the account
    CONFLICT = "conflict"
    BROWSER_LEFT_OVER = "browser_left_over"  # a start would leave one more browser behind
    SAME_NUMBER = "same_number"
    AWAITS_LIST = "awaits_list"  # only a complete list shows whether it runs under another id
    UNCLAIMED_SESSION = "unclaimed_session"  # an unclaimed session is probably this account's
    CANNOT_START = "cannot_start"
    MUST_BE_CREATED = "must_be_created"  # its gateway starts only what it has
    GATEWAY_MUST_RESTART = "gateway_must_restart"
    QUARANTINE_LIFTED = "quarantine_lifted"
    # waits for a change of its gateway
    OBSERVED = "observed"
    PAUSED = "paused"
    MAINTENANCE = "maintenance"
    SELF_CHECK = "self_check"  # no gateway can be read: Rollcall may be at fault
    GATEWAY_BLIND = "gateway_blind"
    GATEWAY_UNREAD = "gateway_unread"  # it has not been read yet
    LIST_OVERDUE = "list_overdue"
    BOOTING = "booting"
    MASS_LOSS = "mass_loss"
    # a row that another version of Rollcall wrote
    UNRECOGNISED = "unrecognised"


# Restarts in a row before repair of a session stops for a while.
MOST_TRIES = 3

# Rollcall restarts the session by itself, soon or later: no human has to.
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
# Repair waits for a human, who alone can say which session or account is the right one, or end a
# browser on the gateway's machine.
ASKS_A_HUMAN = frozenset(
    {StepCode.BROWSER_LEFT_OVER, StepCode.SAME_NUMBER, StepCode.UNCLAIMED_SESSION}
)
UNDER_WAY = frozenset({StepCode.REPAIR_WAITS, StepCode.REPAIR_RUNS, StepCode.OUTCOME_READ})


class PlannedStep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Step with the arguments that its sentence names; each code uses a few of them.

    `try_number`: 1 for the first, None for the one after a quarantine. `accounts`, `sessions`: ids
    of others with the same number. `session_id`: an unclaimed session. `asked_by`: a Repair.Asker.
    `actor`, `why`: names and texts of people, shown and never parsed.
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
        """Arguments as a row keeps them, beside the code."""
        fields: dict[str, object] = msgspec.to_builtins(self)
        return {name: value for name, value in fields.items() if name != "code"}


def step_of_row(code: str, arguments: Mapping[str, object]) -> PlannedStep | None:
    """Return the step that these columns hold; None for an empty code."""
    if not code:
        return None
    try:
        return msgspec.convert({**arguments, "code": code}, PlannedStep)
    except msgspec.ValidationError:
        return PlannedStep(code=StepCode.UNRECOGNISED)
