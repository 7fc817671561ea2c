"""The way in: what the files at the root promise is what `./run` does."""

from __future__ import annotations

import re
import subprocess

import yaml

from tests.instance.running import ROOT


def lint_steps() -> list[str]:
    """Return the steps that `./run lint` names when asked for one that there is not."""
    said = subprocess.run([ROOT / "run", "lint", "spelling"], capture_output=True, text=True)
    assert said.returncode == 1
    assert "there is no lint step 'spelling'" in said.stderr
    return said.stderr.rsplit("one of ", 1)[1].split()


def test_the_hooks_before_a_commit_are_the_steps_of_lint_in_their_order() -> None:
    [repository] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    assert [hook["entry"] for hook in repository["hooks"]] == [
        f"./run lint {step}" for step in lint_steps()
    ]
    assert all(hook["always_run"] and not hook["pass_filenames"] for hook in repository["hooks"])


def test_every_link_from_the_root_leads_somewhere() -> None:
    for page in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"):
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / page).read_text())
        assert [link for link in links if not (ROOT / link).exists()] == [], page


def test_every_word_of_run_that_contributors_are_told_exists() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    listed = subprocess.run([ROOT / "run"], capture_output=True, text=True).stdout
    words = set(re.findall(r"^  (\w+)", listed, re.MULTILINE))
    assert set(re.findall(r"\./run (\w+)", page)) <= words


def test_every_path_that_contributors_are_told_exists() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    told = re.findall(r"\b(?:tests|docs)/[\w./-]*\w", page)
    assert [path for path in told if not (ROOT / path).exists()] == []
