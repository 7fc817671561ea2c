"""Whoever deploys by the page, by the units or by Compose runs the same as `./run up`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from instance.options import Options
from instance.processes.programs import Crew, programs
from instance.state import InstanceState
from tests.deploy.written import (
    DEPLOY,
    NAMES,
    PAGE,
    commands_of_page,
    compose,
    environment,
    unit,
    words,
)
from tests.instance.running import ROOT

SETTINGS = (ROOT / "docs" / "settings.md").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_unit_page_and_compose_have_one_command(name: str) -> None:
    assert unit(name)["ExecStart"] == commands_of_page()[name]
    assert words(compose()[name]["command"]) == words(unit(name)["ExecStart"])


def test_it_is_the_command_of_run_up(tmp_path: Path) -> None:
    options = Options(port=8000, bind="127.0.0.1", state=InstanceState(tmp_path), simulator=False)
    crew = Crew(user=None, directory=tmp_path)
    started = {child.name: list(child.command)[2:] for child in programs(options, crew, {})}
    assert started.keys() == set(NAMES)
    for name, command in started.items():
        ours = [word.replace(str(tmp_path), "/var/lib/rollcall") for word in command]
        addresses = (options.address, options.live_address)
        ours = ["ADDRESS" if word in addresses else word for word in ours]
        assert ours == words(unit(name)["ExecStart"]), name


def test_units_and_compose_wait_as_long_for_the_end() -> None:
    for name in NAMES:
        assert compose()[name]["stop_grace_period"] == f"{unit(name)['TimeoutStopSec']}s"


def test_the_page_names_every_file_and_none_that_is_not_there() -> None:
    files = {str(path.relative_to(ROOT)) for path in DEPLOY.rglob("*") if path.is_file()}
    files -= {"deploy/Dockerfile.dockerignore", "deploy/rollcall.env"}
    named = set(re.findall(r"deploy/[\w./-]*\w", PAGE)) - {"deploy/rollcall.env"}
    assert files <= named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_links_of_the_page_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", PAGE)
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def test_the_environment_names_settings_that_exist_and_all_that_are_needed() -> None:
    names = environment().keys() - {"POSTGRES_PASSWORD"}
    assert [name for name in names if f"| `{name}` |" not in SETTINGS] == []
    needed = SETTINGS.split("## Required")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", needed, re.MULTILINE)) <= names


def test_a_secret_has_no_value_that_somebody_might_keep() -> None:
    secrets = ("SECRET_KEY", "FIELD_KEYS", "POSTGRES_PASSWORD")
    assert [environment()[name] for name in secrets] == ["", "", ""]


def test_containers_have_the_paths_of_the_units() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    assert f"WORKDIR {unit('web')['WorkingDirectory']}\n" in dockerfile
    assert f"STATIC_ROOT={environment()['STATIC_ROOT']} " in dockerfile


def test_nginx_passes_on_what_the_page_says_and_reads_what_web_refuses_itself() -> None:
    site = (DEPLOY / "nginx.conf").read_text()
    for header in ("Host", "X-Forwarded-Proto", "X-Forwarded-For"):
        assert f"proxy_set_header {header} " in site
        assert f"| `{header}` |" in PAGE
    from webhooks.wire.bodies import LARGEST_BYTES

    [limit] = re.findall(r"client_max_body_size (\d+)m;", site)
    assert int(limit) * 1024 * 1024 > LARGEST_BYTES
