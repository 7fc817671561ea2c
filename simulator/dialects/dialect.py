"""The parts of a kind's REST interface: its routes, and its error answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from simulator.state.settings import Failure
from simulator.web.wsgi import Reply, Request, html_reply, json_reply
from simulator.world.world import World

Handler: TypeAlias = Callable[..., Reply]  # of the world, the request, and the names in the path
Entry: TypeAlias = object
NOT_FOUND_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Error</title>
</head>
<body>
<pre>Cannot {what}</pre>
</body>
</html>
"""
# Puppeteer's timeout: how long a call to a hung page takes to fail (observed: just over 180 s).
PROTOCOL_TIMEOUT_SECONDS = 181.0
ERROR_PAGE = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@dataclass(frozen=True, slots=True)
class DialectRoute:
    method: str
    path: re.Pattern[str]
    handler: Handler
    needs_key: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The REST interface of a kind. `refusal`: the answer to a call with a wrong key, None if it
    fits."""

    routes: tuple[DialectRoute, ...]
    refusal: Callable[[World, Request], Reply | None]
    failed: Callable[[Failure], Reply]
    not_found: Callable[[Request], Reply]


def route(method: str, path: str, handler: Handler, *, needs_key: bool = True) -> DialectRoute:
    """Return a route. `{name}` matches a part of `path` without a slash; `{name+}` may contain
    slashes."""
    pattern = re.sub(r"\{(\w+)\+\}", r"(?P<\1>.+)", path)
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)
    return DialectRoute(method, re.compile(pattern, re.DOTALL), handler, needs_key)


def faulty_list(
    world: World,
    entries: Sequence[Entry],
    whole: Callable[[list[Entry], int | None], object],
    *,
    odd: Entry,
    failed: Reply,
) -> Reply:
    """Return the session list, with the list fault that is set at the moment.

    `whole` builds the answer from the entries and the total, for kinds that report a total.
    `odd` is an entry that no client can parse.
    """
    fault, kept = world.faults.list_fault, list(entries[: world.faults.list_keeps])
    shown = {
        "": (list(entries), len(entries)),
        "empty": ([], 0),
        "partial": (kept, len(kept)),
        "partial_wrong_total": (kept, len(entries)),
        "no_total": (list(entries), None),
        "unreadable_entry": ([*entries[:-1], odd], len(entries)),
        "truncated": (list(entries), len(entries)),
    }
    if fault == "html":
        return html_reply(ERROR_PAGE, status=502)
    if fault == "error":
        return failed
    reply = json_reply(whole(*shown[fault]))
    if fault == "truncated":
        return Reply(status=200, content=reply.content[: len(reply.content) // 2])
    return reply
