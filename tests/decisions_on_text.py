"""Reading the project's own source: where it decides by the words of a sentence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.arrows import ROOT

ROOMS = ("gateways", "accounts", "webhooks", "reconciliation", "notices", "dashboard")
# A kind's own folder translates the words of a foreign program into our codes.
FOREIGN_WORDS = re.compile(r"gateways/kinds/[^/]+/")
# Apprise, a foreign program too, tells a failure in the words of its log alone.
EXEMPT = {"accounts/alerts/sender_process.py"}
# Words of a protocol that look like prose.
PROTOCOL = frozenset({"Bearer "})

# Attributes, columns and keys that hold sentences or strangers' words.
SENTENCES = frozenset(
    {
        *("next_step", "why", "why_incomplete", "blind_why", "repair_paused_why", "paused_why"),
        *("text", "sentence", "human", "instruction", "rule", "decided_by", "cure"),
        *("error", "message", "detail", "outcome", "evidence", "note"),
        *("raw", "raw_state", "raw_reason", "status_raw", "probe_answer"),
    }
)
_METHODS = frozenset(
    {
        *("startswith", "endswith", "find", "rfind", "index", "rindex", "count"),
        *("partition", "rpartition", "split", "rsplit", "removeprefix", "removesuffix"),
    }
)
_REGEX = frozenset({"match", "search", "fullmatch", "findall", "split"})
_LOOKUP = re.compile(
    rf"(?:\w+__)?(?:{'|'.join(sorted(SENTENCES))})"
    r"__i?(?:startswith|endswith|contains|regex|exact|search)"
)
_SQL = re.compile(r"(?:\bSELECT\b|\bWHERE\b|\bUPDATE\b|\bCASE WHEN\b|\bAND\b)", re.DOTALL)
_SQL_ON_TEXT = re.compile(
    r"\bI?LIKE\s|\bSIMILAR TO\b|\s!?~\*?\s|\b(?:strpos|position|starts_with|regexp_\w+)\s*\("
    rf"|\b(?:{'|'.join(sorted(SENTENCES))})\s*(?:=|<>)\s*'[^']+'"
)
_TEMPLATE_IF = re.compile(r"\{%\s*(?:if|elif)\b[^%]*%\}")
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")


def is_prose(text: str) -> bool:
    """Several words, or one that begins like a sentence; no code, no name, no protocol's word."""
    if text in PROTOCOL:
        return False
    return bool(
        re.search(r"[A-Za-z,.;:]\s+[a-zA-Z]|[a-zA-Z][,.;:]\s", text)
        or re.match(r"[A-Z][a-z]", text.strip())
    )


def decisions_on_text(root: Path = ROOT) -> list[str]:
    """ "path:line: the code" of every one in these rooms."""
    files = [path for room in ROOMS for path in sorted((root / room).rglob("*.py"))]
    trees = {path: ast.parse(path.read_text()) for path in files if "migrations" not in path.parts}
    constants = {name for tree in trees.values() for name in _sentences_named(tree)}
    found = [
        f"{place}:{line}: {code}"
        for path, tree in trees.items()
        if not FOREIGN_WORDS.match(place := str(path.relative_to(root))) and place not in EXEMPT
        for line, code in in_source(tree, constants)
    ]
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.html")):
            found += [f"{path.relative_to(root)}: {tag}" for tag in in_template(path.read_text())]
    return found


def in_source(tree: ast.Module, constants: set[str] | None = None) -> Iterator[tuple[int, str]]:
    """(line, code) of each. `constants`: names that stand for a sentence, in whatever module."""
    named = (constants or set()) | set(_sentences_named(tree))
    for node in ast.walk(tree):
        if _decides(node, named):
            yield getattr(node, "lineno", 0), ast.unparse(node)[:120]


def in_template(text: str) -> list[str]:
    """The conditions that compare with a sentence, or with a label."""
    return [
        tag
        for tag in _TEMPLATE_IF.findall(text)
        if any(is_prose(one or other) for one, other in _QUOTED.findall(tag))
    ]


def _sentences_named(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and _is_prose_literal(node.value):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _decides(node: ast.AST, named: set[str]) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=subject, attr=attr), args=arguments):
            is_regex = attr in _REGEX and isinstance(subject, ast.Name) and subject.id == "re"
            if is_regex or attr in _METHODS:
                asked = [*arguments, *([] if is_regex else [subject])]
                return any(_is_prose(one, named) or _is_sentence(one) for one in asked)
        case ast.Compare(left=left, ops=ops, comparators=others):
            return _compares(left, ops[0], others[0], named)
        case ast.keyword(arg=str(name)) if _LOOKUP.fullmatch(name):
            return True
        case ast.Constant(value=str(text)):
            is_sql = _SQL.search(text) is not None and _SQL_ON_TEXT.search(text) is not None
            return is_sql or _LOOKUP.fullmatch(text) is not None
        case ast.MatchValue(value=value):
            return _is_prose(value, named)
    return False


def _compares(left: ast.expr, op: ast.cmpop, right: ast.expr, named: set[str]) -> bool:
    if isinstance(op, ast.In | ast.NotIn):
        return _is_prose(left, named) or _is_sentence(right) or _is_str_call(right)
    if isinstance(op, ast.Eq | ast.NotEq):
        sides = (left, right)
        if any(_is_prose(one, named) or _is_str_call(one) for one in sides):
            return True
        return any(map(_is_sentence, sides)) and any(map(_is_words, sides))
    return False


def _is_prose(node: ast.expr, named: set[str]) -> bool:
    match node:
        case ast.Tuple(elts=parts) | ast.Set(elts=parts) | ast.List(elts=parts):
            return any(_is_prose(part, named) for part in parts)
        case ast.Name(id=name):
            return name in named
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            return name in named and module.islower()
    return _is_prose_literal(node)


def _is_prose_literal(node: ast.expr) -> bool:
    if isinstance(node, ast.JoinedStr):
        return any(_is_prose_literal(part) for part in node.values)
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and is_prose(node.value)


def _is_words(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != ""


def _is_sentence(node: ast.expr) -> bool:
    """A field that holds one, also through lower() and the like, or by its key."""
    match node:
        case ast.Attribute(attr=attr):
            return attr in SENTENCES
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            return key in SENTENCES
        case ast.Call(func=ast.Attribute(value=inner, attr="lower" | "strip" | "casefold")):
            return _is_sentence(inner)
    return False


def _is_str_call(node: ast.expr) -> bool:
    """str(error): what an exception says."""
    match node:
        case ast.Call(func=ast.Name(id="str"), args=[ast.Name(id=name)]):
            return name in ("error", "exception", "exc", "refusal", "trouble")
    return False
