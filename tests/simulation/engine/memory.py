"""As much of Redis as Rollcall uses, by the simulation's clock; it may be away."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from typing import Any

import redis

from tests.simulation.engine.hub import Clock


class Memory:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.is_away = False
        self._values: dict[str, Any] = {}
        self._ends: dict[str, float] = {}

    def lose_everything(self) -> None:
        self._values.clear()
        self._ends.clear()

    def pipeline(self, transaction: bool = True) -> Pipeline:
        return Pipeline(self)

    def ping(self) -> bool:
        self._look("")
        return True

    # --- strings --------------------------------------------------------------------------------
    def set(self, key: str, value: Any, nx: bool = False, ex: int | None = None) -> bool | None:
        if self._look(key) is not None and nx:
            return None
        self._values[key] = str(value)
        self._ends.pop(key, None)
        if ex is not None:
            self.expire(key, ex)
        return True

    def get(self, key: str) -> str | None:
        return self._look(key)

    def delete(self, *keys: str) -> int:
        gone = [key for key in keys if self._look(key) is not None]
        for key in gone:
            del self._values[key]
            self._ends.pop(key, None)
        return len(gone)

    def exists(self, key: str) -> int:
        return int(self._look(key) is not None)

    def rename(self, key: str, other: str) -> bool:
        value = self._look(key)
        if value is None:
            raise redis.ResponseError("no such key")
        self._values[other] = self._values.pop(key)
        self._ends.pop(other, None)
        return True

    def expire(self, key: str, seconds: int) -> bool:
        self._ends[key] = self._clock.seconds() + seconds
        return True

    def incr(self, key: str, amount: int = 1) -> int:
        value = int(self._look(key) or 0) + amount
        self._values[key] = str(value)
        return value

    def scan_iter(self, match: str = "*") -> list[str]:
        return [key for key in list(self._values) if fnmatch.fnmatch(key, match)]

    # --- hashes ---------------------------------------------------------------------------------
    def hset(
        self, key: str, field: str = "", value: Any = "", mapping: Mapping[str, Any] | None = None
    ) -> int:
        entries = self._kept(key, dict)
        entries |= {name: str(one) for name, one in (mapping or {field: value}).items()}
        return 1

    def hget(self, key: str, field: str) -> str | None:
        return (self._look(key) or {}).get(field)

    def hgetall(self, key: str) -> dict[str, str]:
        return dict(self._look(key) or {})

    def hincrby(self, key: str, field: str, amount: int = 1) -> int:
        entries = self._kept(key, dict)
        entries[field] = str(int(entries.get(field, 0)) + amount)
        return int(entries[field])

    # --- lists ----------------------------------------------------------------------------------
    def lpush(self, key: str, *values: Any) -> int:
        entries = self._kept(key, list)
        for value in values:
            entries.insert(0, str(value))
        return len(entries)

    def rpush(self, key: str, *values: Any) -> int:
        entries = self._kept(key, list)
        entries.extend(str(value) for value in values)
        return len(entries)

    def rpop(self, key: str, count: int = 1) -> list[str] | None:
        entries = self._look(key)
        if not entries:
            return None
        taken = [entries.pop() for _ in range(min(count, len(entries)))]
        if not entries:
            self.delete(key)
        return taken

    def ltrim(self, key: str, first: int, last: int) -> bool:
        entries = self._kept(key, list)
        del entries[last + 1 :]
        return True

    def _look(self, key: str) -> Any:
        if self.is_away:
            raise redis.ConnectionError("Redis is away")
        if key in self._ends and self._ends[key] <= self._clock.seconds():
            self._values.pop(key, None)
            del self._ends[key]
        return self._values.get(key)

    def _kept(self, key: str, kind: Callable[[], Any]) -> Any:
        found = self._look(key)
        if found is None:
            found = self._values[key] = kind()
        return found


class Pipeline:
    """Commands are done as they come, and their answers handed out at the end."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._answers: list[Any] = []

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def __getattr__(self, name: str) -> Callable[..., Pipeline]:
        def call(*args: Any, **kwargs: Any) -> Pipeline:
            self._answers.append(getattr(self._memory, name)(*args, **kwargs))
            return self

        return call

    def execute(self) -> list[Any]:
        return self._answers
