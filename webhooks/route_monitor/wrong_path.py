"""The wrong paths that a gateway sends to, as its route remembers them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# A wrong path that was not used for so long, and is used again, is a new story.
STORY_ENDS_AFTER = timedelta(hours=1)
MOST = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongPath:
    """`is_heard`: what came there last was trusted and applied; `key_went_along`: a key was sent
    there, which whoever answers that path elsewhere would have read."""

    path: str
    since: datetime
    at: datetime
    is_heard: bool
    key_went_along: bool = False


Kept = Mapping[str, Mapping[str, float | bool]]


def read(kept: Kept, *, without: Collection[str] = ()) -> tuple[WrongPath, ...]:
    """The one used last stands last."""
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
    """With one more use; what belongs to an older story is forgotten."""
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
