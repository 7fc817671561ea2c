"""The common part of all webhooks: a JSON object that names an event and a session, and contains
much that is not read."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias, TypeVar

import msgspec

from gateways.base import Event, Kind, Reason, State, UnreadableEvent, normal_phone_number
from gateways.wire.untrusted import (
    MAX_TEXT_CHARACTERS,
    Body,
    WrongField,
    named_type,
    printable,
    require_utf8,
    storable,
    text_of,
    value_of,
    whole_number_of,
    without_lone_surrogates,
)

Words: TypeAlias = dict[str, tuple[State, Reason]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMeaning:
    """The meaning of an event's name, and the field that has the rest.

    `reads` names the field whose word is looked up, in lower case, in `words`; `otherwise` is
    the meaning of an unknown word. `kept` names the fields that may be stored.
    """

    kind: Kind
    state: State | None = None
    reason: Reason = Reason.NONE
    reads: str = ""
    words: Words | None = None
    otherwise: State | None = None
    kept: tuple[str, ...] = ()

    def said(self, word: str) -> tuple[Kind, State | None, Reason]:
        """Return kind, state and reason of an event with this word."""
        if self.words is None:
            return self.kind, self.state, self.reason
        if word.lower() in self.words:
            return self.kind, *self.words[word.lower()]
        if self.otherwise is None:
            # An unmapped word proves nothing, but something changed.
            return Kind.HINT, None, Reason.UNRECOGNISED
        return self.kind, self.otherwise, Reason.UNRECOGNISED if word else Reason.NONE


LIFE = EventMeaning(kind=Kind.LIFE)
# The event that Rollcall sends through a gateway's route to test it.
TEST = {"connection_test": EventMeaning(kind=Kind.CANARY)}


NOTHING = msgspec.Raw()
MAX_NAME_CHARACTERS = 100
Shape = TypeVar("Shape")


def parser(read: Callable[[Body], Event]) -> Callable[[Body], Event]:
    """Wrap `read`, which may raise WrongField, as a parser that raises only UnreadableEvent."""

    @functools.wraps(read)
    def parse(raw: Body) -> Event:
        try:
            if not raw:
                raise WrongField("the body is empty")
            require_utf8(raw)
            return read(raw)
        except WrongField as wrong:
            raise UnreadableEvent(str(wrong)) from None
        except RecursionError:
            raise UnreadableEvent("the body is nested too deeply") from None

    return parse


def envelope_of(raw: Body, decoder: msgspec.json.Decoder[Shape]) -> Shape:
    """Return the body's fields that `decoder` knows. Raise WrongField."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise WrongField(f"the body must be an object: {error}") from None
    except msgspec.DecodeError as error:
        mended = without_lone_surrogates(raw)
        if mended is None:
            raise WrongField(f"the body is not JSON: {error}") from None
    try:
        return decoder.decode(mended)
    except msgspec.DecodeError as error:
        raise WrongField(f"the body is not JSON: {error}") from None


def part_of(raw: msgspec.Raw, name: str, decoder: msgspec.json.Decoder[Shape]) -> Shape:
    """Return an inner object; all of its fields are absent if it is absent or null."""
    is_absent = not raw or bytes(memoryview(raw)[:4]) == b"null"
    try:
        return decoder.decode(b"{}" if is_absent else raw)
    except msgspec.ValidationError as error:
        raise WrongField(f"{name} must be an object: {error}") from None


def name_of(raw: msgspec.Raw, field: str) -> str:
    """Return the event's name. Raise WrongField if there is none."""
    value = value_of(raw, field)
    if value is not None and not isinstance(value, str):
        raise WrongField(f"{field} must be a text, not {named_type(value)}")
    name = text_of(raw, field, limit=MAX_NAME_CHARACTERS)
    if not name:
        raise WrongField(f"{field} is missing")
    return name


def word_of(raw: msgspec.Raw, name: str) -> str:
    """Return any value as text: a loss with an odd reason is still a loss."""
    try:
        return text_of(raw, name)
    except WrongField as wrong:
        return printable(f"({wrong})", limit=MAX_TEXT_CHARACTERS)


def number_of(raw: msgspec.Raw, name: str) -> str | None:
    """Return the session's own number, if readable; the event counts in any case."""
    try:
        return normal_phone_number(value_of(raw, name))
    except WrongField:
        return None


def kept_of(meaning: EventMeaning, fields: msgspec.Struct) -> dict[str, object]:
    """Return the fields of an event that may be stored, if they are plain values."""
    values = {name: storable(getattr(fields, name)) for name in meaning.kept}
    return {name: value for name, value in values.items() if value is not None}


def moment_of_milliseconds(raw: msgspec.Raw) -> datetime | None:
    """Return the time; None for an invalid number: the time is optional, the event is not."""
    try:
        milliseconds = whole_number_of(raw, "timestamp")
        return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (WrongField, ValueError, OverflowError, OSError):
        return None


def moment_of_text(raw: msgspec.Raw) -> datetime | None:
    """Return the time of an ISO text (without a zone: UTC); None for anything else."""
    try:
        moment = datetime.fromisoformat(text_of(raw, "timestamp"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (WrongField, ValueError, OverflowError):
        return None
