"""The fields of a control call, validated: an unknown field is named, never ignored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from simulator.state.settings import Failure

_MISSING = object()


class Fields:
    """The fields of a call. Each getter raises Failure (400) if the field is missing or has a
    wrong type."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = dict(values)

    def text(self, name: str, default: str | None = None) -> str:
        value = self._take(name, _MISSING if default is None else default)
        if not isinstance(value, str):
            raise Failure(f"{name} must be a text", status=400)
        return value

    def flag(self, name: str, default: bool) -> bool:
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise Failure(f"{name} must be true or false", status=400)
        return value

    def number(self, name: str, default: float | None = None) -> float:
        value = self._take(name, _MISSING if default is None else default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Failure(f"{name} must be a number", status=400)
        return value

    def whole(self, name: str, default: int | None = None) -> int:
        value = self.number(name, default)
        if not isinstance(value, int) or value < 0:
            raise Failure(f"{name} must be a whole number from 0 up", status=400)
        return value

    def texts(self, name: str) -> list[str]:
        value = self._take(name, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise Failure(f"{name} must be a list of texts", status=400)
        return value

    def moment(self, name: str, default: datetime) -> datetime:
        value = self._take(name, None)
        if value is None:
            return default
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            raise Failure(f"{name} must be a moment in ISO form", status=400) from None
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    def objects(self, name: str) -> list[Mapping[str, object]]:
        value = self._take(name, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise Failure(f"{name} must be a list of objects", status=400)
        return value

    def has(self, name: str) -> bool:
        return name in self._values

    def only(self, allowed: tuple[str, ...]) -> None:
        """Reject unknown fields. Called first, so that no call is carried out partly."""
        unknown = sorted(self._values.keys() - set(allowed))
        if unknown:
            known = ", ".join(allowed) or "none"
            raise Failure(f"unknown field: {', '.join(unknown)}; known: {known}", status=400)

    def _take(self, name: str, default: object) -> object:
        value = self._values.get(name, default)
        if value is _MISSING:
            raise Failure(f"{name} is missing", status=400)
        return value
