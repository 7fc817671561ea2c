"""A small fleet for the simulated gateway: what a day in two businesses looks like.

The rows here and the sessions that the simulator is seeded with differ on purpose in one account
and one session: the first roll call finds them. The session is the incident's own, so that its
three rows need only be registered to replay it (docs/incident-by-hand.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from accounts.models import Account, Gateway, Workspace
from accounts.operators import lifecycle, registration
from accounts.operators.provisioning import ensure_workspace
from accounts.words.status import Status, Wanted

ACTOR = "demo_fleet"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSession:
    """`status` is what our row begins with (None: no row at all), `held_as` what the simulated
    gateway says of it (empty: it does not hold it). Numbers are from the fictional 555-01 range."""

    suffix: str
    number: str = ""
    status: Status | None = Status.CONNECTED
    held_as: str = "connected"

    def session_id(self, workspace: Workspace) -> str:
        return f"webjs_{workspace.pk}_{self.suffix}"


FLEET: dict[str, tuple[DemoSession, ...]] = {
    "Bloom & Stem Florists": (
        DemoSession(number="15550100101", suffix="1763140415_c7YbNd3w"),
        DemoSession(number="15550100102", suffix="1763182204_Hf5kRz9s"),
        # No account knows it, and it waits for a scan: what the incident's gateway held.
        DemoSession(suffix="1763264318_rCdIqxMG", status=None, held_as="qr_scanning"),
    ),
    "Harbour Dental Care": (
        DemoSession(number="15550100104", suffix="1763301127_Zr8tQm2x"),
        DemoSession(number="15550100105", suffix="1763301260_p4VnB7dc"),
        # The row says connected, the gateway has no such session.
        DemoSession(number="15550100103", suffix="1763264977_Lw2xGv6q", held_as=""),
        DemoSession(suffix="1763350012_e2LwHs9k", status=Status.QR_SCANNING, held_as="qr_scanning"),
        DemoSession(
            number="15550100106",
            suffix="1763288411_Tj6uXa3f",
            status=Status.LOGGED_OUT,
            held_as="",
        ),
        DemoSession(
            number="15550100107", suffix="1763199870_m9GyRc5v", status=Status.STOPPED, held_as=""
        ),
    ),
}


def make_fleet(gateway: Gateway) -> int:
    """Create the accounts that are missing; return how many."""
    made = 0
    for name, sessions in FLEET.items():
        workspace, _ = ensure_workspace(name)
        made += sum(_make(workspace, gateway, session) for session in sessions)
    return made


def _make(workspace: Workspace, gateway: Gateway, session: DemoSession) -> bool:
    if session.status is None or _is_there(workspace, gateway, session):
        return False
    stopped = session.status is Status.STOPPED
    account, _ = registration.register(
        workspace=workspace,
        gateway=gateway,
        session_id=session.session_id(workspace),
        phone_number=session.number or None,
        status=None if stopped else session.status,
        wanted=Wanted.RUNNING,
        actor=ACTOR,
    )
    if stopped:
        lifecycle.want(account, Wanted.STOPPED, actor=ACTOR)
    return True


def _is_there(workspace: Workspace, gateway: Gateway, session: DemoSession) -> bool:
    session_id = session.session_id(workspace)
    if Account.objects.filter(gateway=gateway, session_id=session_id).exists():
        return True
    accounts = Account.objects.filter(workspace=workspace, phone_number=session.number)
    return bool(session.number) and accounts.exists()


def seeds() -> Iterable[dict[str, object]]:
    """Yield the sessions that the simulated gateway holds when it starts for the first time."""
    for name, sessions in FLEET.items():
        workspace = Workspace.objects.get(name=name)
        for session in sessions:
            if session.held_as:
                yield {
                    "session_id": session.session_id(workspace),
                    "workspace_id": workspace.pk,
                    "phone_number": session.number,
                    "state": session.held_as,
                    "announce": session.held_as == "qr_scanning",
                }
