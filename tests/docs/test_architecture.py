"""docs/architecture.md describes the tree as it is."""

from __future__ import annotations

import re

import pytest

from tests.arrows import MAY_IMPORT, imports_of
from tests.instance.running import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()
FOLDERS = re.findall(r"^\| `([\w/]+)/` \|", PAGE, flags=re.MULTILINE)
ACCOUNTS = re.findall(
    r"^\| `(\w+)/` \|",
    PAGE.split("### Inside `accounts/`")[1].split("\n###")[0],
    flags=re.MULTILINE,
)
MODULES = sorted(set(re.findall(rf"`((?:{'|'.join(MAY_IMPORT)})\.[\w.]+)`", PAGE)))


def test_it_lists_every_folder_of_the_house() -> None:
    assert set(MAY_IMPORT) <= set(FOLDERS)


def test_it_lists_the_folders_of_accounts() -> None:
    shown = {path.parent.name for path in (ROOT / "accounts").glob("*/__init__.py")}
    assert {*ACCOUNTS} == shown - {"migrations", "management"}


def test_each_folder_of_accounts_imports_only_folders_above_it() -> None:
    level = {folder: number for number, folder in enumerate(ACCOUNTS)}
    wrong = [
        f"{path}: {name}"
        for path, name in imports_of(ROOT, "accounts")
        if name.startswith("accounts.")
        and level.get(name.split(".")[1], 0) > level.get(path.split("/")[1], len(level))
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", [one for one in FOLDERS if "/" in one])
def test_every_inner_folder_exists(folder: str) -> None:
    assert (ROOT / folder).is_dir()


@pytest.mark.parametrize("name", MODULES)
def test_every_module_that_it_names_exists(name: str) -> None:
    """The last part may be a name in the module."""
    paths = [ROOT.joinpath(*name.split(".")), ROOT.joinpath(*name.split(".")[:-1])]
    assert any(path.is_dir() or path.with_suffix(".py").exists() for path in paths)
