"""Seeds that are run with the tests: some for their mixture, and every one that ever showed a
defect, with what it showed."""

from __future__ import annotations

from tests.simulation.engine.simulation import Plan

USUAL = (
    Plan(seed=1, hours=0.4, accounts=40, intensity=6, quiet_seconds=300),
    Plan(seed=3, hours=0.3, accounts=12, gateways=1, intensity=20, quiet_seconds=300),
    Plan(
        seed=3,
        hours=0.2,
        accounts=20,
        gateways=4,
        kinds=("wwebjs_api", "waha", "evolution", "wppconnect"),
        intensity=10,
        quiet_seconds=120,
    ),
)
# Each names what may happen, so that its story stays the same when more is drawn for the others.
SHOWN: dict[str, Plan] = {
    "a late webhook's false loss was not read again, where Redis was away when it came": Plan(
        seed=1,
        hours=0.15,
        accounts=20,
        gateways=1,
        intensity=60,
        fates=("late_word", "kill_redis", "kill_worker", "speak"),
        quiet_seconds=60,
    ),
    "a late webhook's false loss stood until the roll call of a gateway that was blind": Plan(
        seed=1,
        hours=0.1,
        accounts=16,
        gateways=1,
        kinds=("webjs",),
        intensity=80,
        fates=("late_word", "slow", "kill_redis", "freeze"),
        quiet_seconds=20,
    ),
    "half a gateway was lost, and believed once repair had brought a few others back": Plan(
        seed=1,
        hours=0.15,
        accounts=20,
        gateways=1,
        intensity=60,
        fates=("lose", "lose_many", "hang", "slow"),
        quiet_seconds=60,
    ),
    "half a gateway, that an empty list left out for minutes, was believed lost unread": Plan(
        seed=2,
        hours=0.15,
        accounts=20,
        gateways=1,
        kinds=("webjs",),
        intensity=60,
        fates=("lie_long", "lose_many", "unlist"),
        quiet_seconds=60,
    ),
    "a browser died while its gateway reconnected it, and a start of ours raced that": Plan(
        seed=4,
        hours=0.12,
        accounts=24,
        gateways=1,
        kinds=("webjs",),
        intensity=200,
        fates=("navigate", "crash_silently", "crash_honest"),
        quiet_seconds=20,
    ),
    "a list that WPPConnect cut short ended what lives, which was not asked by its name": Plan(
        seed=2,
        hours=0.1,
        accounts=16,
        gateways=1,
        kinds=("wppconnect",),
        intensity=60,
        fates=("list_fault",),
        quiet_seconds=60,
    ),
    "a gateway that tells of no boot restored its sessions, and the last of them were lost": Plan(
        seed=3,
        hours=0.08,
        accounts=70,
        gateways=1,
        kinds=("wwebjs_api",),
        intensity=150,
        fates=("restart",),
        quiet_seconds=20,
    ),
    "a task ended with an error, where Redis went away while it started a session": Plan(
        seed=314, hours=0.07, accounts=150, intensity=5, quiet_seconds=30
    ),
    "there was never time for the last of a long list, where what came anew stands": Plan(
        seed=2,
        hours=0.05,
        accounts=120,
        gateways=1,
        kinds=("evolution",),
        intensity=60,
        fates=("unlink", "replace", "lose", "speak"),
        line_seconds=(0.5, 0.9),
        quiet_seconds=150,
    ),
}
