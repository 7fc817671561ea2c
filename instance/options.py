"""The options of `./run up`."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from instance.state import InstanceState

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # and the address to reach it locally


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    port: int
    bind: str
    state: InstanceState
    simulator: bool
    live_port: int = 8001

    @property
    def address(self) -> str:
        return f"{_bracketed(self.bind)}:{self.port}"

    @property
    def live_address(self) -> str:
        return f"{_bracketed(self.bind)}:{self.live_port}"

    @property
    def host(self) -> str:
        """Return the address of the web server as seen from this machine."""
        return EVERYWHERE.get(self.bind, self.bind)

    @property
    def url(self) -> str:
        return f"http://{_bracketed(self.host)}:{self.port}"

    @property
    def is_open_to_others(self) -> bool:
        return self.bind not in LOOPBACK


def read_options(arguments: list[str]) -> Options:
    """Parse the arguments. End the program with one line if they are invalid."""
    parser = argparse.ArgumentParser(
        prog="./run up", description="Start Rollcall.", usage=argparse.SUPPRESS
    )
    parser.add_argument("--port", type=_port, default=8000, help="of the web (8000)")
    parser.add_argument(
        "--bind",
        type=_address,
        default="127.0.0.1",
        help="open the web and the live streams, nothing else, at another address",
    )
    parser.add_argument(
        "--state", type=Path, default=ROOT / ".rollcall", help="its directory (.rollcall)"
    )
    parser.add_argument("--no-simulator", action="store_true", help="no simulated gateway, no demo")
    given = parser.parse_args(arguments)
    options = Options(
        port=given.port,
        bind=given.bind,
        state=InstanceState(given.state),
        simulator=not given.no_simulator,
    )
    if options.is_open_to_others and options.simulator:
        parser.error("--bind opens the web to others: give --no-simulator as well")
    return options


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _address(text: str) -> str:
    if not text.strip():  # an empty value would open every address
        raise argparse.ArgumentTypeError("give an address, such as 127.0.0.1")
    return text


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 1 to 65535")
    return int(text)
