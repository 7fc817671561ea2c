"""A minimal web layer for two small JSON interfaces."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

Environ: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[..., Any]
Application: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]

MAX_BODY_BYTES = 4 * 1024 * 1024


class NotJson(Exception):
    """A body that is not a JSON object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    fields: Mapping[str, Any]  # of the JSON body; empty without one
    environ: Environ

    def header(self, name: str) -> str:
        value: str = self.environ.get(f"HTTP_{name.upper().replace('-', '_')}", "")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    content: bytes
    content_type: str = "application/json; charset=utf-8"


def read_request(environ: Environ) -> Request:
    """Parse a request. Raise NotJson."""
    size = min(int(environ.get("CONTENT_LENGTH") or 0), MAX_BODY_BYTES)
    return Request(
        method=environ["REQUEST_METHOD"],
        path=_path(environ),
        query=dict(parse_qsl(environ.get("QUERY_STRING", ""))),
        fields=_fields(environ["wsgi.input"].read(size) if size else b""),
        environ=environ,
    )


def _path(environ: Environ) -> str:
    """Return the decoded path. WSGI passes bytes as Latin-1, httpx's transport passes text."""
    raw: str = environ.get("PATH_INFO", "")
    try:
        return raw.encode("latin-1").decode()
    except UnicodeError:
        return raw


def _fields(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise NotJson("the body is not JSON") from None
    if not isinstance(value, dict):
        raise NotJson("the body must be a JSON object")
    return value


def json_reply(value: object, *, status: int = 200) -> Reply:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return Reply(status=status, content=text.encode(errors="backslashreplace"))


def html_reply(text: str, *, status: int) -> Reply:
    return Reply(status=status, content=text.encode(), content_type="text/html; charset=utf-8")


def send(reply: Reply, start_response: StartResponse) -> list[bytes]:
    headers = [
        ("Content-Type", reply.content_type),
        ("Content-Length", str(len(reply.content))),
    ]
    start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", headers)
    return [reply.content]


def same(given: object, expected: str) -> bool:
    """Compare a key in constant time. An empty expected key matches nothing."""
    if not isinstance(given, str) or not expected:
        return False
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
