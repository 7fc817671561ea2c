"""What is known of a kind of gateway stands in its folder: no source elsewhere names one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.registry import KINDS
from tests.arrows import MAY_IMPORT, ROOT, sources

# The simulator is a program of its own, with a part for each kind that it plays.
WALKED = sorted(set(MAY_IMPORT) - {"simulator"})
# A word of the language as well: it names the kind where it stands alone, or ends a path.
ENGLISH = {"standard"}
_NAMED = re.compile(rf"(?<![\w-])(?:{'|'.join(sorted(set(KINDS) - ENGLISH))})(?![\w-])")
_ALONE = re.compile(rf"(?:.*/)?(?:{'|'.join(ENGLISH)})", re.DOTALL)
FILES = {"__init__.py", "kind.py", "words.py", "webhooks.py", "client.py", "subscriptions.py"}
# More to translate than one file holds: answers, limits of a number.
BESIDES = {"webjs/answers.py", "waha/restrictions.py"}


def strings_that_name_a_kind(root: Path = ROOT) -> list[str]:
    return [
        f"{path}:{node.lineno}: {node.value[:60]}"
        for _, path, tree in sources(root, *WALKED)
        if not re.match(r"gateways/kinds/\w+/", path) and "/migrations/" not in path
        for node in _strings(tree)
        if _NAMED.search(node.value) or _ALONE.fullmatch(node.value)
    ]


def imports_of_a_kind() -> list[str]:
    """Return the imports of a kind by any module outside it."""
    return [
        f"{path}:{node.lineno}: {node.module}"
        for _, path, tree in sources(ROOT, *WALKED)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (kind := _kind_of((node.module or "").replace(".", "/")))
        and kind != _kind_of(path)
    ]


def _kind_of(path: str) -> str:
    found = re.match(r"gateways/kinds/(\w+)", path)
    return found.group(1) if found and found.group(1) in KINDS else ""


def _strings(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield the strings without docstrings, which only people read."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    yield from (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings
    )


def test_no_string_outside_of_its_folder_names_a_kind():
    assert strings_that_name_a_kind() == []


def test_no_module_outside_of_its_folder_imports_one():
    assert imports_of_a_kind() == []


@pytest.mark.parametrize(
    "source",
    [
        'if gateway.kind == "webjs": pass',
        'PATH = "/api/webhooks/standard"',
        'TABLE = {"standard": 1}',
        'HELP = f"where its API can (waha, {others})"',
    ],
)
def test_one_that_does_is_named(tmp_path, source):
    (tmp_path / "webhooks").mkdir()
    (tmp_path / "webhooks" / "wrong.py").write_text(source)

    assert [line.split(":")[0] for line in strings_that_name_a_kind(tmp_path)] == [
        "webhooks/wrong.py"
    ]


def test_no_page_names_one():
    pages = (ROOT / "dashboard" / "templates").rglob("*.html")

    assert [str(page) for page in pages if _NAMED.search(page.read_text())] == []


@pytest.mark.parametrize("kind", KINDS)
def test_each_folder_has_the_same_few_files(kind):
    found = {path.name for path in (ROOT / "gateways" / "kinds" / kind).glob("*.py")}

    assert {"kind.py", "words.py", "webhooks.py"} <= found
    assert {f"{kind}/{name}" for name in found - FILES} <= BESIDES
    assert ("client.py" in found) == (KINDS[kind].client is not None)
    assert ("subscriptions.py" in found) == (KINDS[kind].subscriptions is not None)


def test_gateways_import_nothing_under_another_name():
    renamed = [
        f"{path}:{node.lineno}: {alias.name} as {alias.asname}"
        for _, path, tree in sources(ROOT, "gateways")
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if alias.asname not in (None, alias.name)
    ]
    assert renamed == []


def test_no_class_of_a_kind_is_called_like_one_of_another():
    named: dict[str, list[str]] = {}
    for _, path, tree in sources(ROOT, "gateways"):
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                named.setdefault(node.name, []).append(path)

    assert {name: paths for name, paths in named.items() if len(paths) > 1} == {}
