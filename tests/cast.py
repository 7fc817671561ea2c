"""The people of the tests: Alice connected, Bob waiting for a scan, Charlie logged out; their
workspace, its gateway, and a second one of each. And the few makers every test needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from accounts.models import Account, Gateway, SupersededSession, Transition, Workspace
from accounts.state.observations import Observation, Outcome
from accounts.state.observe import observe
from accounts.store.clock import database_now
from accounts.words.status import Source, Status
from gateways.base import Reason

# Nobody listens there: a test that calls a gateway by mistake is refused at once.
NOBODY = "http://127.0.0.1:1"

_numbers = count(62_811_000_000)


def a_number() -> str:
    return str(next(_numbers))


def a_workspace(name: str) -> Workspace:
    return Workspace.objects.create(name=name)


def a_gateway(name: str, **fields) -> Gateway:
    return Gateway.objects.create(**{"name": name, "kind": "webjs", "base_url": NOBODY} | fields)


@dataclass
class Cast:
    """`now` is the database's time when the test began; `ago(7)` is seven seconds before it."""

    acme: Workspace
    globex: Workspace
    gateway: Gateway  # "whatsapp-1"
    other_gateway: Gateway  # "whatsapp-2"
    now: datetime
    alice: Account = field(init=False)
    bob: Account = field(init=False)
    charlie: Account = field(init=False)

    def __post_init__(self) -> None:
        self.alice = self.an_account("alice", Status.CONNECTED, phone_number="62811801641")
        self.bob = self.an_account("bob", Status.QR_SCANNING, phone_number=None)
        self.charlie = self.an_account(
            "charlie",
            Status.LOGGED_OUT,
            phone_number="62811801643",
            status_reason=Reason.UNLINKED,
        )

    def ago(self, seconds: float) -> datetime:
        return self.now - timedelta(seconds=seconds)

    def an_account(self, session_id: str, status: Status, **fields) -> Account:
        """An account that a read showed 10 s ago, ten minutes in its state."""
        defaults: dict[str, object] = {
            "workspace": self.acme,
            "gateway": self.gateway,
            "session_id": session_id,
            "phone_number": a_number(),
            "status": status,
            "status_since": self.ago(600),
            "observed_at": self.ago(10),
            "read_at": self.ago(10),
        }
        return Account.objects.create(**defaults | fields)


def make_cast() -> Cast:
    return Cast(
        acme=a_workspace("Acme"),
        globex=a_workspace("Globex"),
        gateway=a_gateway("whatsapp-1"),
        other_gateway=a_gateway("whatsapp-2"),
        now=database_now(),
    )


def saw(account: Account, status: Status | None, *, at: datetime, **fields) -> Observation:
    """Observe the account's current session: a webhook, unless `source` says otherwise."""
    assert account.session_id is not None
    return saw_session(account.gateway, account.session_id, status, at=at, **fields)


def saw_session(
    gateway: Gateway, session_id: str, status: Status | None, *, at: datetime, **fields
) -> Observation:
    defaults: dict[str, object] = {
        "gateway_id": gateway.pk,
        "session_id": session_id,
        "status": status,
        "observed_at": at,
        "source": Source.WEBHOOK,
    }
    return Observation(**defaults | fields)


def see(account: Account, status: Status | None, *, at: datetime, **fields) -> Outcome:
    """Observe one thing about an account, and read the account anew."""
    [outcome] = observe([saw(account, status, at=at, **fields)])
    account.refresh_from_db()
    return outcome


def see_session(
    gateway: Gateway, session_id: str, status: Status | None, *, at: datetime, **fields
) -> Outcome:
    [outcome] = observe([saw_session(gateway, session_id, status, at=at, **fields)])
    return outcome


def story(account: Account) -> list[tuple[str, str]]:
    """Return its changes of status, oldest first."""
    rows = Transition.objects.filter(account=account).order_by("id")
    return list(rows.values_list("from_status", "to_status"))


def left_behind(account: Account) -> set[str]:
    """The sessions it once ran on."""
    rows = SupersededSession.objects.filter(account=account)
    return set(rows.values_list("session_id", flat=True))
