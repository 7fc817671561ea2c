"""What deploy/ and docs/deploying.md say, read from their text."""

from __future__ import annotations

import configparser
import re
import shlex
from typing import Any

import yaml

from tests.instance.running import ROOT

DEPLOY = ROOT / "deploy"
PAGE = (ROOT / "docs" / "deploying.md").read_text()
NAMES = ("web", "live", "worker", "beat")
BIN = "/opt/rollcall/.venv/bin/"


def unit(name: str) -> configparser.SectionProxy:
    """The section [Service] of a unit."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(DEPLOY / "systemd" / f"rollcall-{name}.service")
    return parser["Service"]


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def script(title: str) -> str:
    """The commands of a section, in its block of bash."""
    [block] = re.findall(r"^```bash\n(.*?)^```", section(title), flags=re.MULTILINE | re.DOTALL)
    return block


def commands_of_page() -> dict[str, str]:
    return dict(zip(NAMES, script("Run").splitlines(), strict=True))


def compose() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return services


def words(command: str) -> list[str]:
    """Drop the paths of the program and the addresses it listens at: they differ in a container."""
    program, *arguments = shlex.split(command)
    if arguments[0] == "-m":  # python -m config.live
        program, *arguments = arguments[1:]
    elsewhere = ["ADDRESS" if re.fullmatch(r"[\d.]+:800[01]", word) else word for word in arguments]
    return [program.removeprefix(BIN), *elsewhere]


def environment() -> dict[str, str]:
    """The example, as sh reads it."""
    lines = (DEPLOY / "rollcall.env.example").read_text().splitlines()
    pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    return {name: value.removeprefix("'").removesuffix("'") for name, value in pairs}
