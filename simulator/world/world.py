"""The simulated gateway: sessions that behave as real gateways were observed to
(tests/captures/), faults included. The differences between kinds are in `behaviours`."""

from __future__ import annotations

import random
import secrets
import string
import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum

from simulator.behaviours import BEHAVIOURS
from simulator.behaviours.behaviour import Bodies
from simulator.state.host import Host, Job, StillHost
from simulator.state.sessions import Browser, Login, SimulatedSession, Truth
from simulator.state.settings import INSTANT, Failure, Faults, Pace, Settings, Traffic
from simulator.state.timeline import Timeline
from simulator.webhooks import Deliver, WebhookSender

_ID_ALPHABET = string.ascii_letters + string.digits

# (method, path, body or None, as bearer token) -> (status, answer). Raises OSError without answer.
Backend = Callable[[str, str, Mapping[str, object] | None, bool], tuple[int, object]]


class ProcessState(StrEnum):
    """The gateway's process, as a caller sees it."""

    RUNNING = "running"
    STOPPED = "stopped"  # nobody listens
    FROZEN = "frozen"  # connections are accepted, nothing is answered


class World:
    """The whole state of the simulated gateway.

    Methods may be called from any thread. `lock` is never held while a webhook is sent or an
    answer is delayed.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        host: Host,
        deliver: Deliver,
        backend: Backend | None = None,
        seed: int | None = None,
    ) -> None:
        self.settings = settings
        self.behaviour = BEHAVIOURS[settings.kind]
        self.host = host
        self.backend = backend
        self.lock = threading.RLock()
        self.random = random.Random(seed)
        self.timeline = Timeline(host)
        self.faults = Faults()
        self.traffic = Traffic()
        self.sender = WebhookSender(
            deliver,
            behaviour=self.behaviour,
            settings=settings,
            faults=lambda: self.faults,
            timeline=self.timeline,
            host=host,
        )
        self.sessions: dict[str, SimulatedSession] = {}
        self.logins: dict[str, Login] = {}
        self.left_over: set[str] = set()  # whose profile a browser of an earlier process holds
        self.restoring: list[tuple[str, int]] = []  # still to be restored, with their workspaces
        self.notes: deque[str] = deque(maxlen=50)
        self.started_at = host.now()
        self.state = ProcessState.RUNNING
        self.waiting_boot: Job | None = None  # set while a restart keeps the process down
        self.when_state_changes: Callable[[ProcessState], None] = lambda state: None
        self.save: Callable[[], None] = lambda: None
        self._is_changed = False

    # Calls of the API

    def create(self, session_id: str, workspace_id: int) -> SimulatedSession:
        """Create a session. The answer comes once the browser is up; the QR webhook may overtake
        it."""
        with self.lock:
            running = self.sessions.get(session_id)
            if running is not None and running.browser is not Browser.DEAD:
                running.listed = False  # observed: the entry is deleted, the client stays
                raise Failure(profile_held(f"workspace_{workspace_id}/session-{session_id}"))
            if session_id in self.left_over:
                raise Failure(profile_held(f"workspace_{workspace_id}/session-{session_id}"))
            session = self.place(session_id, workspace_id)
        self.launch(session)
        return session

    def reconnect(self, session_id: str, workspace_id: int) -> SimulatedSession:
        """Destroy, then create. A hung browser cannot be closed: wake or kill it first."""
        with self.lock:
            session = self.sessions.get(session_id)
            is_hung = session is not None and session.is_mute
            if session is not None and not is_hung:
                del self.sessions[session_id]
        if is_hung:
            self._time_out()
        return self.create(session_id, workspace_id)

    def delete(self, session_id: str) -> bool:
        """Delete the session; return whether it was held. Its login files are deleted in any
        case: observed."""
        with self.lock:
            self.logins.pop(session_id, None)
            held = self.sessions.pop(session_id, None)
            self.changed()
        return held is not None

    def send_message(self, session_id: str, recipient: str) -> SimulatedSession:
        """Send a message: the one call that touches the page, and so shows the real state."""
        with self.lock:
            session = self.sessions.get(session_id)
            if session is None or not session.listed:
                raise Failure("Session not found", status=404)
            if session.browser is Browser.AWAY:
                raise Failure("window.require is not a function")
            if session.browser in (Browser.DEAD, Browser.CLOSED):
                frame = f"{self.random.randrange(16**32):032X}"
                raise Failure(f"Attempted to use detached Frame '{frame}'.")
            is_hung = session.is_mute
        if is_hung:
            self._time_out()
        if recipient == "0":
            raise Failure("Cannot read properties of undefined (reading 'createWid')")
        if not session.is_alive:
            raise Failure("Session is not connected", status=400)
        return session

    def _time_out(self) -> None:
        self.host.pause(self.settings.pace.hang)
        raise Failure(
            "Runtime.callFunctionOn timed out. Increase the 'protocolTimeout' setting in "
            "launch/connect calls for a higher timeout if needed."
        )

    def start(self, session_id: str, workspace_id: int) -> None:
        """Start a session. The answer comes at once in any state; the browser takes its time.
        Without WhatsApp the session stays here."""
        with self.lock:
            session = self.place(session_id, workspace_id)
            self.tell(self.behaviour.starting(session))
            if not self.faults.whatsapp_unreachable:
                self.later(self.settings.pace.create, session, self.begin)

    def stop(self, session_id: str) -> None:
        """Stop the browser. The login stays."""
        self._end(session_id, self.behaviour.stopped)

    def log_out(self, session_id: str) -> None:
        """Stop the session and delete its login."""
        with self.lock:
            self.logins.pop(session_id, None)
            self._end(session_id, self.behaviour.logged_out)

    def _end(self, session_id: str, said: Callable[[SimulatedSession], Bodies]) -> None:
        with self.lock:
            session = self.sessions.get(session_id)
            if session is None:
                return
            self.tell(said(session))
            if self.behaviour.keeps_names:
                self.put_to_rest(session)
            else:
                del self.sessions[session_id]
            self.changed()

    # Life cycle of a session

    def new_session_id(self, workspace_id: int) -> str:
        letters = "".join(secrets.choice(_ID_ALPHABET) for _ in range(8))
        return f"webjs_{workspace_id}_{int(self.host.now().timestamp())}_{letters}"

    def place(self, session_id: str, workspace_id: int) -> SimulatedSession:
        """Put the session into memory and on the list, before any QR code exists."""
        session = SimulatedSession(
            session_id=session_id,
            workspace_id=workspace_id,
            status="qr_scanning",
            truth=Truth.CONNECTING,
            last_activity=self.host.now(),
        )
        self.sessions[session_id] = session
        self.changed()
        return session

    def launch(self, session: SimulatedSession) -> None:
        """Start the browser, which takes its time. For kinds whose start waits, the login takes
        part in it."""
        pace = self.settings.pace
        self.host.pause(pace.create)
        if self.faults.whatsapp_unreachable and self.behaviour.start_waits:
            with self.lock:
                self.sessions.pop(session.session_id, None)
            raise Failure("net::ERR_NAME_NOT_RESOLVED at https://web.whatsapp.com/", status=422)
        if self.behaviour.start_waits and session.session_id in self.logins:
            self.host.pause(pace.authenticate + pace.load)
        self.run(session, self.begin)

    def begin(self, session: SimulatedSession) -> None:
        """Connect with a login on disk, or else show a QR code. The browser is up."""
        session.is_starting = False
        if session.session_id not in self.logins:
            self.show_qr(session)
        elif self.behaviour.start_waits:
            session.status = "authenticated"
            self.tell(self.behaviour.authenticated(session))
            self.become_ready(session)
        else:
            self.later(self.settings.pace.authenticate, session, self.authenticate)

    def show_qr(self, session: SimulatedSession) -> None:
        session.status, session.truth = "qr_scanning", Truth.QR_SCANNING
        session.qr_count += 1
        self.behaviour.draw_qr(session, self.random)
        self.tell(self.behaviour.qr_shown(session, self.random))
        self.later(self.settings.pace.qr_life, session, self.renew_qr)

    def renew_qr(self, session: SimulatedSession) -> None:
        if session.truth is Truth.QR_SCANNING and session.browser is Browser.RUNNING:
            self.behaviour.qr_expired(self, session)

    def authenticate(self, session: SimulatedSession) -> None:
        session.status, session.truth = "authenticated", Truth.CONNECTING
        self.tell(self.behaviour.authenticated(session))
        self.later(self.settings.pace.load, session, self.become_ready)

    def become_ready(self, session: SimulatedSession) -> None:
        if session.browser is not Browser.RUNNING or session.session_id not in self.logins:
            return
        session.status, session.truth = "connected", Truth.CONNECTED
        login = self.logins[session.session_id]
        session.phone_number, session.lid = login.phone_number, login.lid
        session.connected_at = self.host.now()
        self.tell(self.behaviour.ready(session, self.host.now()))
        self.changed()

    def put_to_rest(self, session: SimulatedSession) -> None:
        """Replace the entry by a new one of the same name, so that no job of the old one runs."""
        resting = SimulatedSession(
            session_id=session.session_id,
            workspace_id=session.workspace_id,
            status="stopped",
            truth=Truth.STOPPED,
            last_activity=session.last_activity,
            browser=Browser.DEAD,
            is_starting=False,
        )
        self.sessions[session.session_id] = resting

    def tell(self, bodies: Bodies) -> None:
        """Send the webhooks in this order."""
        for body in bodies:
            self.sender.send(self.behaviour.stamped(body, self.host.now(), self.random))

    def wait_with(
        self, session: SimulatedSession, act: Callable[[], None], *, seconds: float
    ) -> None:
        """Run `act` when the page's timeout of `seconds` ends, or as soon as it wakes up or is
        gone.

        The caller that waited for it has left long before.
        """

        def act_once() -> None:
            if session.waiting_call is not None:
                session.waiting_call = None
                act()

        session.waiting_call = act_once
        self.timeline.after(seconds, act_once)

    def stop_waiting(self, session: SimulatedSession) -> None:
        """Continue the call that waits for the page, which woke up or is gone."""
        if session.waiting_call is not None:
            self.timeline.after(0, session.waiting_call)

    # Scheduled jobs

    def run(self, session: SimulatedSession, action: Callable[[SimulatedSession], None]) -> None:
        """Run `action` if the session is still the one in memory; then run all due jobs."""
        with self.lock:
            if self.sessions.get(session.session_id) is session:
                action(session)
        self.settle()

    def later(
        self,
        seconds: float,
        session: SimulatedSession,
        action: Callable[[SimulatedSession], None],
    ) -> None:
        self.timeline.after(seconds, lambda: self.run(session, action))

    def settle(self) -> None:
        """Run everything that is due, then save what must survive a restart."""
        self.timeline.held = self.state is not ProcessState.RUNNING
        self.timeline.run_due()
        with self.lock:
            is_changed, self._is_changed = self._is_changed, False
        if is_changed:
            self.save()

    def advance(self, seconds: float) -> None:
        """Move the time forward in a test. All jobs due on the way run in their order."""
        if not isinstance(self.host, StillHost):
            raise TypeError("only a test moves the time")
        target = self.host.now() + timedelta(seconds=seconds)
        self.settle()
        while (due := self.timeline.next_due_at()) is not None and due <= target:
            self.host.move_to(due)
            self.settle()
        self.host.move_to(target)

    def changed(self) -> None:
        self._is_changed = True

    def note(self, text: str) -> None:
        """Note something that a user of the simulator may want to know."""
        self.notes.append(f"{self.host.now():%H:%M:%S} {text}")

    def uptime_seconds(self) -> float:
        return (self.host.now() - self.started_at).total_seconds()


def profile_held(profile: str) -> str:
    """Return puppeteer's words for a profile that a running browser holds."""
    return (
        f"The browser is already running for <SESSIONS>/{profile}. Use a different `userDataDir` "
        "or stop the running browser first."
    )


def still_world(
    deliver: Deliver,
    *,
    api_key: str = "test-key",
    hmac_secret: str = "test-secret",
    control_key: str = "test-control",
    instance_url: str = "http://localhost:3001",
    kind: str = "webjs",
    webhook_path: str = "",
    pace: Pace = INSTANT,
    strict: bool = False,
    recovers: bool = False,
    host: StillHost | None = None,
    backend: Backend | None = None,
) -> World:
    """Return a world for a test: jobs run at once and in order, time moves by `advance`.

    `webhook_path`: the target for kinds without a signature; by default the kind's own path.
    """
    settings = Settings(
        api_key=api_key,
        hmac_secret=hmac_secret,
        control_key=control_key,
        instance_url=instance_url,
        kind=kind,
        webhook_path=webhook_path,
        strict=strict,
        recovers=recovers,
        pace=pace,
    )
    return World(settings, host=host or StillHost(), deliver=deliver, backend=backend, seed=1)
