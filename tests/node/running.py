"""Node as it is here, and a process with the real sender in it, as a gateway has it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SENDER = Path(__file__).parents[2] / "node" / "rollcall-sender"
GATEWAY = SENDER.parent / "gateway"
OLDEST_NODE = 20


def why_not() -> str:
    """Return why the sender cannot run here; "" if it can."""
    node = shutil.which("node")
    if node is None:
        return f"node is not on PATH: install Node {OLDEST_NODE} or newer"
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    is_old = int(said.strip().removeprefix("v").split(".")[0]) < OLDEST_NODE
    return f"node is {said.strip()}: Node {OLDEST_NODE} or newer is needed" if is_old else ""


def why_no_gateway() -> str:
    """Return why the gateway's tests cannot run here; "" if they can."""
    if why_not():
        return why_not()
    is_installed = (GATEWAY / "node_modules" / "whatsapp-web.js").is_dir()
    return "" if is_installed else "its packages are not installed: cd node/gateway && npm ci"


class Gateway:
    """`send` returns when the event is in the outbox."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert self._said() == "ready"

    def send(self, event: str, session_id: str, **data: object) -> None:
        said = {"event": event, "data": {"session_id": session_id} | data}
        print(json.dumps(said), file=self.process.stdin, flush=True)
        assert self._said() == "put"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def _said(self) -> str:
        return self.process.stdout.readline().strip()


@contextmanager
def gateway(url: str, secret: str, outbox: Path) -> Iterator[Gateway]:
    """Run the gateway; it is killed, never asked to end."""
    environment = {
        "ROLLCALL_URL": url,
        "API_KEY": "a key",
        "HMAC_SECRET": secret,
        "OUTBOX_PATH": str(outbox),
    }
    with subprocess.Popen(
        ["node", str(SENDER / "tests" / "support" / "process.js")],
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Gateway(process)
        finally:
            process.kill()
