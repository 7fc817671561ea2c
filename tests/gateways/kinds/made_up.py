"""The kind that docs/adding-a-gateway-kind.md builds, as its page says, and a loft that answers."""

from __future__ import annotations

import http.server
import importlib
import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateways import kinds
from gateways.kind import GatewayKind
from gateways.registry import KINDS, discover

PAGE = (Path(__file__).parents[3] / "docs" / "adding-a-gateway-kind.md").read_text()
_FILES = re.compile(r"```python\n# gateways/kinds/pigeon/(\w+\.py)\n(.*?)```", re.DOTALL)


def files() -> dict[str, str]:
    return {"__init__.py": ""} | dict(_FILES.findall(PAGE))


def write(place: Path, name: str = "pigeon", **changed: str) -> Path:
    """The folder, as the page says, but for what is changed."""
    folder = place / name
    folder.mkdir(parents=True)
    for file, text in (files() | changed).items():
        (folder / file).write_text(text)
    return folder


@contextmanager
def on_the_path(place: Path) -> Iterator[None]:
    """The kinds are also looked for there."""
    kinds.__path__.append(str(place))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        kinds.__path__.remove(str(place))
        for module in [name for name in sys.modules if name.startswith("gateways.kinds.pigeon")]:
            del sys.modules[module]


@contextmanager
def known(place: Path) -> Iterator[GatewayKind]:
    """Register the kind as if Rollcall had been started with it."""
    assert isinstance(KINDS, dict)
    before = dict(KINDS)
    with on_the_path(place):
        KINDS.update(discover())
        try:
            yield KINDS["pigeon"]
        finally:
            KINDS.clear()
            KINDS.update(before)


@contextmanager
def loft(birds: dict[str, str]) -> Iterator[str]:
    """A gateway of this kind that holds these sessions, in these states; its address."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            named = [{"name": name, "state": state} for name, state in birds.items()]
            one = self.path.removeprefix("/birds/")
            found = [bird for bird in named if bird["name"] == one]
            is_whole = self.path in ("/loft", "/birds")
            said = {"/loft": {}, "/birds": named}.get(self.path, found[0] if found else {})
            content = json.dumps(said).encode()
            self.send_response(200 if is_whole or found else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
