"""Reading a body of any size in bounded memory.

Media arrive inlined, so a message may be 50 MB, and an event's name is only known after reading.
The body is hashed while it passes. Up to 256 kB are kept as they are; of anything longer a
*squeezed* copy is kept, in which the content of long strings is cut, so that it is small, still
JSON, and holds no media.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

CHUNK_BYTES = 64 * 1024
KEPT_BYTES = 256 * 1024
LARGEST_BYTES = 64 * 1024 * 1024
LONGEST_STRING_BYTES = 1024
DEADLINE_SECONDS = 30.0
_DRAIN_SECONDS = 3.0

# Possessive, so that no string, however it is made, costs more than one look at each byte.
_STRING_PART = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)


class Hasher(Protocol):
    def update(self, data: bytes, /) -> None: ...


class Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class BodyRefused(Exception):
    """A body that is not read to its end: the answer's status, why, and when to come again."""

    def __init__(self, status_code: int, reason: str, *, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.status_code = status_code
        self.reason = reason
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """`content` is the body itself, or its squeezed copy when `is_squeezed`."""

    content: bytes
    size_bytes: int
    digest: str
    is_squeezed: bool


class Squeezer:
    """Copies JSON bytes and cuts the content of long strings, across any chunk borders."""

    def __init__(self) -> None:
        self.kept = bytearray()
        self._in_string = False
        self._length = 0  # of the string that is being read
        self._carry = b""  # a backslash whose partner is in the next chunk

    def feed(self, chunk: bytes) -> None:
        """Raises BodyRefused when even the squeezed copy grows too large."""
        chunk = self._carry + chunk
        self._carry = b""
        position = 0
        while position < len(chunk):
            if self._in_string:
                position = self._read_string(chunk, position)
            else:
                position = self._read_structure(chunk, position)
            if len(self.kept) > KEPT_BYTES:
                raise BodyRefused(413, "the body is too large even without its long texts")

    def _read_structure(self, chunk: bytes, position: int) -> int:
        quote = chunk.find(b'"', position)
        end = len(chunk) if quote < 0 else quote + 1
        self.kept += chunk[position:end]
        self._in_string, self._length = quote >= 0, 0
        return end

    def _read_string(self, chunk: bytes, position: int) -> int:
        match = _STRING_PART.match(chunk, position)
        end = match.end() if match else position
        self._keep_string(
            chunk[position : min(end, position + LONGEST_STRING_BYTES)], end - position
        )
        if end < len(chunk) and chunk[end : end + 1] == b'"':
            self.kept += b'"'
            self._in_string = False
            return end + 1
        self._carry = chunk[end:]  # a lone backslash at the very end
        return len(chunk)

    def _keep_string(self, part: bytes, length: int) -> None:
        """Whole parts only while the string is short: a cut must not split an escape."""
        if self._length + length <= LONGEST_STRING_BYTES:
            self.kept += part
        self._length += length


def read_body(
    stream: Stream,
    *,
    length: int | None,
    large: Callable[[bytes], Iterable[Hasher]],
    clock: Callable[[], float] = time.monotonic,
) -> Body:
    """Read to the end. Once it is known to be longer than what is kept, `large` is called with the
    first bytes: it may raise BodyRefused, and says who wants to see the whole body pass.

    Raises BodyRefused: 413 too large, 408 too slow, 400 broken off.
    """
    if length is not None and length > LARGEST_BYTES:
        raise BodyRefused(413, f"the body is larger than {LARGEST_BYTES} bytes")
    ends = clock() + DEADLINE_SECONDS
    digest, raw, size = hashlib.sha256(), bytearray(), 0
    squeezer: Squeezer | None = None
    watchers: list[Hasher] = [digest]
    for chunk in _chunks(stream, length):
        size += len(chunk)
        if clock() > ends:
            raise BodyRefused(408, f"the body took longer than {DEADLINE_SECONDS:g} s")
        if size > LARGEST_BYTES:
            raise BodyRefused(413, f"the body is larger than {LARGEST_BYTES} bytes")
        if squeezer is None:
            digest.update(chunk)
            raw += chunk
            if size > KEPT_BYTES:
                squeezer, watchers = _go_large(raw, [digest], large)
            continue
        for watcher in watchers:
            watcher.update(chunk)
        squeezer.feed(chunk)
    return Body(
        content=bytes(raw if squeezer is None else squeezer.kept),
        size_bytes=size,
        digest=digest.hexdigest(),
        is_squeezed=squeezer is not None,
    )


def _go_large(
    raw: bytearray, watchers: list[Hasher], large: Callable[[bytes], Iterable[Hasher]]
) -> tuple[Squeezer, list[Hasher]]:
    """From here on the body only passes; what was kept of it is squeezed."""
    first = bytes(raw)
    raw.clear()
    joining = list(large(first))
    for watcher in joining:
        watcher.update(first)
    squeezer = Squeezer()
    squeezer.feed(first)
    return squeezer, [*watchers, *joining]


def _chunks(stream: Stream, length: int | None) -> Iterable[bytes]:
    """`length` None: chunked transfer, read until the server says that it has ended."""
    left = length
    while left is None or left > 0:
        try:
            chunk = stream.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left))
        except TimeoutError:
            raise BodyRefused(408, "the body stopped coming") from None
        except OSError:
            raise BodyRefused(400, "the body broke off") from None
        if not chunk:
            break
        left = None if left is None else left - len(chunk)
        yield chunk
    if left:
        raise BodyRefused(400, f"the body broke off {left} bytes before its Content-Length")


def drain(stream: Stream, length: int | None) -> None:
    """Read what is left of a refused body, within limits, so that the sender reads our answer
    rather than a reset."""
    ends = time.monotonic() + _DRAIN_SECONDS
    left = LARGEST_BYTES if length is None else min(length, LARGEST_BYTES)
    while left > 0 and time.monotonic() < ends:
        try:
            chunk = stream.read(min(CHUNK_BYTES, left))
        except OSError:
            return
        if not chunk:
            return
        left -= len(chunk)
