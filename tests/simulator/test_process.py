"""`python -m simulator`: real ports, real webhooks, and a stop that is one."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from gateways.base import ConnectionRefused, State, TimedOut
from gateways.kinds.webjs.client import WebjsClient
from gateways.kinds.webjs.webhooks import parse
from gateways.kinds.webjs.words import signature
from gateways.registry import KINDS, clients
from tests.simulator.simulated import NUMBER

ROOT = Path(__file__).parents[2]
SECRETS = {
    "SIMULATOR_API_KEY": "key-of-test",
    "SIMULATOR_HMAC_SECRET": "secret-of-test",
    "SIMULATOR_CONTROL_KEY": "control-of-test",
}


class Receiver:
    """A backend: keeps webhooks, answers what should run."""

    def __init__(self):
        self.webhooks = queue.Queue()
        self.active = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.webhooks.put((self.path, dict(self.headers), body))
                self.reply({})

            def do_GET(self):
                self.reply({"success": True, "sessions": receiver.active})

            def reply(self, value):
                content = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def next_event(self, seconds=10):
        return json.loads(self.webhooks.get(timeout=seconds)[2])["event"]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


class Simulator:
    """The process, and what one does to it."""

    def __init__(self, process, api, control):
        self.process, self.api, self.control_url = process, api, control
        self.client = WebjsClient(api, api_key="key-of-test")

    def control(self, path, body=None):
        headers = {"X-Control-Key": "control-of-test"}
        response = httpx.post(
            f"{self.control_url}/_control/{path}", json=body or {}, headers=headers
        )
        assert response.status_code == 200, response.text
        return response.json()

    def state(self, session_id="s"):
        session = self.client.read_session(session_id, deadline_seconds=5)
        return session and session.state

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(10)


@contextlib.contextmanager
def running(receiver, *arguments, ports=(0, 0)):
    command = [
        *(sys.executable, "-m", "simulator", "--quick"),
        *("--port", str(ports[0]), "--control-port", str(ports[1])),
        *("--webhook-url", f"{receiver.url}/api/webhooks/webjs", *arguments),
    ]
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | SECRETS, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            ready, api, _, control = process.stdout.readline().split()
            assert ready == "READY"
            yield Simulator(process, api, control)
        finally:
            if process.poll() is None:
                process.kill()


SEED = {"session_id": "s", "workspace_id": 1, "phone_number": NUMBER, "state": "connected"}


def test_a_webhook_arrives_signed(receiver):
    with running(receiver) as simulator:
        simulator.control("sessions", SEED | {"announce": True})
        path, headers, body = receiver.webhooks.get(timeout=10)

    assert path == "/api/webhooks/webjs"
    assert parse(body).phone_number == NUMBER
    assert headers["X-HMAC-Signature"] == signature("secret-of-test", headers["X-Timestamp"], body)
    assert headers["User-Agent"] == "WhatsApp-WebJS-Service/1.0"


def test_stopped_its_port_is_closed_and_control_stays(receiver):
    with running(receiver) as simulator:
        simulator.control("sessions", SEED)
        simulator.control("gateway/stop")
        with pytest.raises(ConnectionRefused, match="Connection refused"):
            simulator.state()

        simulator.control("gateway/start")
        assert simulator.state() is State.CONNECTED


def test_it_can_be_stopped_through_its_own_port_too(receiver):
    with running(receiver) as simulator:
        answer = httpx.post(
            f"{simulator.api}/_control/gateway/stop",
            headers={"X-Control-Key": "control-of-test"},
        )
        assert answer.json()["state"] == "stopped"
        with pytest.raises(ConnectionRefused):
            simulator.state()


def test_frozen_it_takes_connections_and_never_answers(receiver):
    with running(receiver) as simulator:
        simulator.control("sessions", SEED)
        simulator.control("gateway/freeze")
        with pytest.raises(TimedOut, match="no answer within"):
            simulator.client.health(deadline_seconds=0.4)

        simulator.control("gateway/thaw")
        assert simulator.state() is State.CONNECTED


def test_callers_that_wait_for_a_frozen_gateway_are_cut_off_when_it_dies(receiver):
    with running(receiver) as simulator:
        simulator.control("gateway/freeze")
        host, port = simulator.api.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as waiting:
            waiting.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.2)
            simulator.control("gateway/stop")
            assert waiting.recv(100) == b""


def test_a_killed_process_restores_its_sessions_when_it_is_started_again(receiver, tmp_path):
    state = ("--state", str(tmp_path / "gateway.json"))
    with running(receiver, *state) as simulator:
        simulator.control("sessions", SEED)
        simulator.end(signal.SIGKILL)
    with running(receiver, *state) as simulator:
        events = {receiver.next_event() for _ in range(2)}
        assert events == {"session_authenticated", "session_ready"}
        assert simulator.state() is State.CONNECTED
        assert simulator.client.health(deadline_seconds=5).uptime_seconds < 30


def test_it_restores_what_the_backend_says_should_run(receiver, tmp_path):
    path = tmp_path / "gateway.json"
    logins = [
        {"session_id": one, "workspace_id": 1, "phone_number": NUMBER} for one in ("s", "other")
    ]
    path.write_text(json.dumps({"logins": logins, "held": [["other", 1]]}))
    receiver.active = [{"session_id": "s", "workspace_id": 1}]

    with running(receiver, "--state", str(path), "--backend-url", receiver.url) as simulator:
        receiver.next_event()
        receiver.next_event()
        assert (simulator.state("s"), simulator.state("other")) == (State.CONNECTED, None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_quietly_when_asked(receiver, number):
    with running(receiver) as simulator:
        simulator.control("gateway/freeze")
        assert simulator.end(number) == 0
        assert simulator.process.stdout.read() == ""


@pytest.mark.parametrize(
    ("environment", "arguments", "said"),
    [
        ({}, (), "simulator: set SIMULATOR_API_KEY, SIMULATOR_HMAC_SECRET, SIMULATOR_CONTROL_KEY"),
        (
            SECRETS,
            ("--webhook-url", "nonsense"),
            "simulator: --webhook-url is no address: nonsense",
        ),
        (SECRETS, ("--state", __file__), "is not a simulator's state"),
    ],
)
def test_it_says_in_one_line_why_it_cannot_start(environment, arguments, said):
    command = [sys.executable, "-m", "simulator", "--port", "0", "--control-port", "0"]
    given = ("--webhook-url", "http://127.0.0.1:9/", *arguments)
    clean = {name: value for name, value in os.environ.items() if name not in SECRETS}
    done = subprocess.run(
        [*command, *given], cwd=ROOT, env=clean | environment, capture_output=True, text=True
    )

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert said in done.stderr


def test_a_taken_port_is_named(receiver):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "simulator", "--webhook-url", receiver.url]
        done = subprocess.run(
            [*command, "--port", str(port), "--control-port", "0"],
            cwd=ROOT,
            env=os.environ | SECRETS,
            capture_output=True,
            text=True,
        )

    assert done.returncode == 1
    assert f"port {port} or 0 on 127.0.0.1 cannot be opened" in done.stderr


OTHERS = [kind for kind in clients() if kind != "webjs"]


@pytest.mark.parametrize("kind", OTHERS)
def test_it_is_a_gateway_of_the_kind_that_it_is_told_to_be(receiver, kind):
    with running(receiver, "--kind", kind) as simulator:
        simulator.client = clients()[kind](simulator.api, api_key="key-of-test")
        simulator.control("sessions", SEED | {"announce": True})
        listing = simulator.client.list_sessions(deadline_seconds=5)

        assert [(one.session_id, one.state) for one in listing.sessions] == [("s", State.CONNECTED)]
        if kind != "wppconnect":  # it does not tell when it is ready
            assert KINDS[kind].parse(receiver.webhooks.get(timeout=10)[2]).session_id == "s"


def test_a_call_that_ends_the_process_is_cut_off_and_the_next_process_restores(receiver):
    with running(receiver, "--kind", "wwebjs_api") as simulator:
        simulator.client = clients()["wwebjs_api"](simulator.api, api_key="key-of-test")
        simulator.control("sessions", SEED)
        simulator.control("sessions/s/leave")
        with pytest.raises(httpx.TransportError):
            headers = {"x-api-key": "key-of-test"}
            httpx.get(f"{simulator.api}/session/restart/s", headers=headers)
        with pytest.raises(ConnectionRefused):
            simulator.client.health(deadline_seconds=5)

        simulator.control("gateway/start")
        ends = time.monotonic() + 10
        while simulator.state() is not State.CONNECTED and time.monotonic() < ends:
            time.sleep(0.05)
        assert simulator.state() is State.CONNECTED
