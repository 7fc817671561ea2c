"""Reading the project's own source: what imports what, and who writes."""

from __future__ import annotations

import ast
import re
from collections.abc import Container, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

# What each room may import besides itself. `instance` starts the others' programs.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "gateways": frozenset(),
    "simulator": frozenset({"gateways"}),
    "accounts": frozenset({"gateways"}),
    "webhooks": frozenset({"accounts", "gateways"}),
    "reconciliation": frozenset({"accounts", "gateways"}),
    "live": frozenset({"accounts", "gateways"}),
    "notices": frozenset({"accounts", "gateways"}),
    "dashboard": frozenset(
        {"live", "notices", "webhooks", "reconciliation", "accounts", "gateways"}
    ),
    "config": frozenset(
        {"dashboard", "live", "notices", "webhooks", "reconciliation", "accounts", "gateways"}
    ),
    "instance": frozenset(
        {
            *("config", "dashboard", "live", "notices", "webhooks", "reconciliation"),
            *("accounts", "simulator", "gateways"),
        }
    ),
}
# Knows nothing of the house, so that anybody may ask it for a setting of the environment.
LEAVES = frozenset({"config.environment"})
NAMES_THAT_SAY_NOTHING = frozenset(
    {"util", "utils", "helper", "helpers", "common", "service", "services", "core", "misc", "base_"}
)
_DOTTED = re.compile(r"^([a-z]+)(\.[A-Za-z_][A-Za-z_0-9]*)+$")


@dataclass(frozen=True, slots=True, order=True)
class Arrow:
    """`room` names `target` in line `line` of `path`."""

    path: str
    line: int
    room: str
    target: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.room} → {self.target}"


def sources(root: Path, *rooms: str) -> Iterator[tuple[str, str, ast.Module]]:
    """(room, path, parsed source) of every Python file of these rooms; of all of them."""
    for room in rooms or MAY_IMPORT:
        for path in sorted((root / room).rglob("*.py")):
            yield room, str(path.relative_to(root)), ast.parse(path.read_text())


def arrows(root: Path = ROOT) -> Iterator[Arrow]:
    """Return every import, also inside functions and under TYPE_CHECKING, and every dotted name in
    a string ("accounts.tasks.confirm_session") that names a room."""
    for room, path, tree in sources(root):
        for node in ast.walk(tree):
            for name in _named(node, root):
                target = name.split(".", 1)[0]
                if name in LEAVES:
                    continue
                if target != room and (target in MAY_IMPORT or target == "tests"):
                    yield Arrow(path, node.lineno, room, target)


def wrong_arrows(root: Path = ROOT) -> list[str]:
    return [str(one) for one in sorted(arrows(root)) if one.target not in MAY_IMPORT[one.room]]


def _named(node: ast.AST, root: Path = ROOT) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value] if _is_module(node.value, root) else []
    return []


def _is_module(text: str, root: Path) -> bool:
    """Tell whether a dotted word is a module; not each is one: "instance.create" is an event of
    some gateway."""
    if not _DOTTED.match(text):
        return False
    path = root.joinpath(*text.split(".")[:2])
    return path.is_dir() or path.with_suffix(".py").exists()


def imports_of(root: Path, room: str) -> Iterator[tuple[str, str]]:
    for _, path, tree in sources(root, room):
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield from ((path, name) for name in _named(node))


# --- the shape of the folders --------------------------------------------------------------------
MOST_NAMES_IN_A_FOLDER = 17


def crowded_folders(root: Path = ROOT) -> list[str]:
    """Folders of ours that show more names than a reader takes in at a glance."""
    return [
        f"{folder.relative_to(root)}: {names}"
        for room in MAY_IMPORT
        for folder in (root / room, *sorted((root / room).rglob("*/")))
        if "migrations" not in folder.parts and "templates" not in folder.parts
        if (names := len([one for one in folder.iterdir() if _is_shown(one)]))
        > MOST_NAMES_IN_A_FOLDER
    ]


def _is_shown(path: Path) -> bool:
    return path.suffix in ("", ".py") and path.name not in ("__init__.py", "__pycache__")


def module_cycles(root: Path = ROOT) -> list[list[str]]:
    """Modules that import each other in a circle, imports under TYPE_CHECKING included."""
    return circles(_named_modules(root))


def wing_cycles(root: Path = ROOT) -> list[list[str]]:
    """Wings that import each other in a circle. A wing is a folder of an app, or a module that
    stands beside the folders (accounts.state, accounts.tasks)."""
    wings: dict[str, set[str]] = {}
    for module, targets in _named_modules(root).items():
        here = ".".join(module.split(".")[:2])
        wings.setdefault(here, set()).update(".".join(one.split(".")[:2]) for one in targets)
    return circles({here: targets - {here} for here, targets in wings.items()})


def _named_modules(root: Path) -> dict[str, set[str]]:
    """Map each module to the modules that it imports."""
    modules = {_dotted(path): tree for _, path, tree in sources(root) if "/migrations/" not in path}
    return {
        module: {
            found
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in _named(node)
            if (found := _module_of(name, modules)) is not None and found != module
        }
        for module, tree in modules.items()
    }


def _dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _module_of(name: str, modules: Container[str]) -> str | None:
    """The module that a dotted name lies in: "accounts.models.Account" in accounts.models."""
    while name not in modules and "." in name:
        name = name.rpartition(".")[0]
    return name if name in modules else None


def circles(arrows_of: Mapping[str, Set[str]]) -> list[list[str]]:
    """Return every set of names from each of which all others of the set can be reached."""
    reached = {name: _reachable(name, arrows_of) for name in arrows_of}
    found = {
        frozenset(other for other in reached[name] if name in reached.get(other, ()))
        for name in arrows_of
        if name in reached[name]
    }
    return sorted(sorted(one) for one in found)


def _reachable(start: str, arrows_of: Mapping[str, Set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(arrows_of[start])
    while waiting:
        if (name := waiting.pop()) not in seen:
            seen.add(name)
            waiting.extend(arrows_of.get(name, ()))
    return seen


def names_that_say_nothing(root: Path = ROOT) -> list[str]:
    """Modules and their folders; a template that replaces one of a library is named by that."""
    return [
        str(path.relative_to(root))
        for room in MAY_IMPORT
        for path in sorted((root / room).rglob("*"))
        if path.stem in NAMES_THAT_SAY_NOTHING
        and path.suffix in ("", ".py")
        and "templates" not in path.parts
    ]


# --- who writes ---------------------------------------------------------------------------------
_WRITING = frozenset(
    {
        *("save", "create", "update", "delete", "bulk_create", "bulk_update"),
        *("get_or_create", "update_or_create", "asave", "acreate", "aupdate", "adelete"),
    }
)
_MAKING = frozenset({"create", "bulk_create", "get_or_create", "update_or_create"})
_WRITING_SQL = re.compile(r"\b(INSERT\s+INTO|(?<!FOR )UPDATE\s+\w+|DELETE\s+FROM|TRUNCATE)\b")
_ACCOUNT_SQL = re.compile(r"\b(UPDATE|INTO)\s+(ONLY\s+)?\"?whatsapp_accounts")


def calls_that_write(root: Path, room: str) -> Iterator[tuple[str, str]]:
    """(path, what is called) for every call that looks like one of the ORM's writers, and every
    writing SQL."""
    for _, path, tree in sources(root, room):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr in _WRITING:
                    yield path, ast.unparse(node.func)
            elif _is_text(node) and _WRITING_SQL.search(node.value):
                yield path, node.value.strip().splitlines()[0]


def status_writers(root: Path = ROOT) -> list[str]:
    """Return every place that sets a `status` by attribute, ORM call or setattr."""
    return [
        f"{path}:{node.lineno}: {ast.unparse(node)[:80]}"
        for room, path, tree in sources(root)
        # The simulator's sessions have a status of their own, and no database.
        if room != "simulator" and "/migrations/" not in path
        for node in ast.walk(tree)
        if _sets_status(node)
    ]


def _sets_status(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(isinstance(one, ast.Attribute) and one.attr == "status" for one in targets)
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name) and node.func.id == "setattr":
        return any(_is_text(one) and one.value == "status" for one in node.args)
    return (
        isinstance(node.func, ast.Attribute)
        and node.func.attr in _WRITING
        and (node.func.attr not in _MAKING or "Account" in ast.unparse(node.func))
        and any(_names_status(keyword) for keyword in node.keywords)
    )


def _names_status(keyword: ast.keyword) -> bool:
    if keyword.arg == "status":
        return True
    texts = (node for node in ast.walk(keyword.value) if _is_text(node))
    holds_fields = keyword.arg in ("defaults", "update_fields", "fields", None)
    return holds_fields and any(text.value == "status" for text in texts)


def files_with_account_sql(root: Path = ROOT) -> set[str]:
    return {
        path
        for room, path, tree in sources(root)
        if "/migrations/" not in path
        for node in ast.walk(tree)
        if _is_text(node) and _ACCOUNT_SQL.search(node.value)
    }


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
