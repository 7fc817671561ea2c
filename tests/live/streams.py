"""The process of the streams, on the tests' database, and a reader of one stream."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client

from instance.ports import free_port
from tests.instance.running import ROOT, until
from tests.webhooks.serving import deployed


@dataclass
class Live:
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def health(self) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.port}/live/health"
        with urllib.request.urlopen(url, timeout=5) as answer:
            content: dict[str, Any] = json.load(answer)
            return content

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return bool(self.health())
        except OSError:
            return False

    def follow(self, cookie: str = "", *shown: Any, **headers: str) -> Follower:
        accounts = ",".join(str(getattr(one, "uuid", one)) for one in shown)
        return Follower(self.port, cookie, f"/live/events?accounts={accounts}", headers)


@contextmanager
def streaming(directory: Path, *, port: int | None = None, **environment: str) -> Iterator[Live]:
    port = port or free_port()
    log = directory / f"live-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "config.live", "--bind", f"127.0.0.1:{port}"],
            env=deployed() | environment,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    live = Live(port, process, log)
    try:
        until(live.answers)
        yield live
    finally:
        process.terminate()
        process.wait(15)


opened: list[Follower] = []


class Follower:
    """Reads a stream as a browser does, by a socket: `events` are (name, data)."""

    def __init__(self, port: int, cookie: str, path: str, headers: dict[str, str]) -> None:
        self.status, self.events, self.is_over = 0, [], False
        self.raw = b""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
        lines += [f"Cookie: {cookie}"] if cookie else []
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        opened.append(self)

    events: list[tuple[str, dict[str, Any]]]

    def _read(self) -> None:
        buffer = b""
        try:
            while piece := self._socket.recv(65536):
                self.raw += piece
                buffer += piece
                if not self.status and b"\r\n\r\n" in buffer:
                    head, buffer = buffer.split(b"\r\n\r\n", 1)
                    self.status = int(head.split()[1])
                while b"\n\n" in buffer:
                    event, buffer = buffer.split(b"\n\n", 1)
                    self._note(event.decode())
                if self.raw.endswith(b"0\r\n\r\n"):
                    break
        except OSError:
            pass
        self.is_over = True

    def _note(self, event: str) -> None:
        said = dict(line.split(": ", 1) for line in event.splitlines() if ": " in line)
        if "event" in said:
            self.events.append((said["event"], json.loads(said["data"])))

    def named(self, name: str) -> list[dict[str, Any]]:
        return [data for was, data in self.events if was == name]

    def until_open(self) -> Follower:
        until(lambda: bool(self.named("snapshot")))
        return self

    def until_over(self) -> Follower:
        until(lambda: self.is_over)
        return self

    def statuses(self, account: Any) -> list[str]:
        """The statuses of an account that the stream told, in their order."""
        key = str(account.uuid)
        told = [data["accounts"] for name, data in self.events if name in ("snapshot", "changed")]
        return [one[key]["status"] for one in told if key in one]

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(5)
        self._socket.close()


def a_user(username: str, *permissions: str, **fields: Any) -> User:
    user = User.objects.create(username=username, **{"is_staff": True} | fields)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="accounts", codename__in=permissions)
    )
    return user


def cookie_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return f"sessionid={client.cookies['sessionid'].value}"
