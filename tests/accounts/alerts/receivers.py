"""Receivers of alerts: a mail server and a web server on loopback that accept, refuse or hang."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar

from accounts.models import Channel

Server = TypeVar("Server", bound="MailServer | HookServer")


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as is needed. `answers` replaces the answer to a command; None hangs."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _MailTalk)
        self.letters: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.answers: dict[str, str | None] = {}
        self.drips = False
        self.over = threading.Event()

    @property
    def port(self) -> int:
        return self.server_address[1]


class _MailTalk(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.taken: list[str] = []
        self.say("GREET", "220 ready")
        while line := self.rfile.readline():
            words = line.decode().strip()
            command = words.split(":")[0].split(" ")[0].upper()
            if command == "DATA":
                self.say("DATA", "354 go on")
                self.take_letter()
            elif command == "RCPT":
                self.take_recipient(words)
            else:
                self.say(command, "250 fine" if command != "QUIT" else "221 bye")

    def take_recipient(self, words: str) -> None:
        address = words.split("<")[1].rstrip(">")
        key = f"RCPT {address}"
        if key not in self.server.answers and "RCPT" not in self.server.answers:
            self.taken.append(address)
        self.say(key if key in self.server.answers else "RCPT", "250 fine")

    def take_letter(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        letter = message_from_bytes(b"".join(lines), policy=policy.default)
        self.server.letters.append(letter)
        self.server.recipients.append(self.taken)
        self.say("SENT", "250 taken")

    def say(self, command: str, usual: str) -> None:
        answer = self.server.answers.get(command, usual)
        if self.server.drips:
            while not self.server.over.wait(0.2):
                self.wfile.write(b"2")
        elif answer is None:
            self.server.over.wait(30)
        else:
            self.wfile.write(f"{answer}\r\n".encode())


class HookServer(ThreadingHTTPServer):
    """Accepts what Apprise posts to json://. `status` None hangs."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.taken: list[dict[str, str]] = []
        self.status: int | None = 200
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server_address[1]}/token-of-the-hook"


class _Hook(BaseHTTPRequestHandler):
    server: HookServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append(json.loads(body))
        if self.server.status is None:
            self.server.over.wait(30)
            return
        self.send_response(self.server.status)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_address[1]}/other")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the output is for the tests."""


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def a_channel(name: str = "ops", **fields) -> Channel:
    """Create an e-mail channel to Ann, or one to the Apprise URL `target`."""
    target = fields.pop("target", "ann@example.com")
    kind = Channel.Kind.APPRISE if "://" in target else Channel.Kind.EMAIL
    channel = Channel(name=name, kind=kind, **{"timeout_seconds": 2} | fields)
    channel.target = target
    channel.save()
    return channel
