"""The wrong paths that a gateway sends to, as stored in its route. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# A wrong path that is used again after this time is a new incident.
STORY_ENDS_AFTER = timedelta(hours=1)
MOST = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongPath:
    """A wrong path. `is_heard`: the last webhook there was trusted and applied;
    `key_went_along`: a key was sent there, which another server on that path would have read."""

    path: str
    since: datetime
    at: datetime
    is_heard: bool
    key_went_along: bool = False


Kept = Mapping[str, Mapping[str, float | bool]]


def read(kept: Kept, *, without: Collection[str] = ()) -> tuple[WrongPath, ...]:
    """Return the stored paths, the last used one at the end."""
    found = [
        WrongPath(
            path=path,
            since=datetime.fromtimestamp(one["since"], UTC),
            at=datetime.fromtimestamp(one["at"], UTC),
            is_heard=bool(one["heard"]),
            key_went_along=bool(one["key"]),
        )
        for path, one in kept.items()
        if path not in without
    ]
    return tuple(sorted(found, key=lambda one: one.at))


def noted(
    kept: Kept, path: str, *, at: float, is_heard: bool, key_went_along: bool
) -> dict[str, Mapping[str, float | bool]]:
    """Return the paths with one more use; those of an older incident are dropped."""
    longest = STORY_ENDS_AFTER.total_seconds()
    current = {name: one for name, one in kept.items() if one["at"] + longest >= at}
    before = current.pop(path, {})
    current[path] = {
        "since": before.get("since", at),
        "at": max(at, before.get("at", at)),
        "heard": is_heard,
        "key": key_went_along or bool(before.get("key")),
    }
    newest = sorted(current.items(), key=lambda item: item[1]["at"])[-MOST:]
    return dict(newest)
