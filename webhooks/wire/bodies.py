"""The reader of request bodies of any size in bounded memory.

Media arrive inlined, so a message may be 50 MB, and an event's name is only known after reading.
The body is hashed while it is read. Up to 256 kB are kept as they are; of anything longer a
*squeezed* copy is kept: the content of long strings is cut, so that it is small, still JSON, and
holds no media.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

CHUNK_BYTES = 64 * 1024
KEPT_BYTES = 256 * 1024
LARGEST_BYTES = 64 * 1024 * 1024
LONGEST_STRING_BYTES = 1024
BEGINNING_BYTES = 4096
DEADLINE_SECONDS = 30.0
SOCKET_PATIENCE_SECONDS = 10.0
TOO_MANY_SLOW = "too many bodies come slowly at this moment: send it again, all at once"
_DRAIN_SECONDS = 3.0
# In this process: pieces of large bodies that are processed at the same moment, so that small
# webhooks get their turn; and refused bodies that are read to their end.
_PASSING = threading.BoundedSemaphore(1)
_DRAINING = threading.BoundedSemaphore(4)

# Possessive, so that any string costs at most one look at each byte.
_STRING_PART = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)


class Hasher(Protocol):
    def update(self, data: bytes, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Watchers:
    """The readers of a large body's pieces. `onward` may have to wait for a backend, which
    delays this body, but no other."""

    hashes: Iterable[Hasher] = ()
    onward: Hasher | None = None


class Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class BodyRefused(Exception):
    """A body that is not read to its end: the answer's status, the reason, and the time to
    retry."""

    def __init__(self, status_code: int, reason: str, *, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.status_code = status_code
        self.reason = reason
        self.retry_after = retry_after


class Crowded(TimeoutError):
    """A request that comes slowly, where too many do: a server's reader raises it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The body. `content` is the body itself, or its squeezed copy if `is_squeezed`."""

    content: bytes
    size_bytes: int
    digest: str
    is_squeezed: bool


class Incoming:
    """A request's body as it arrives, and the length that is still to come. `length` None:
    chunked transfer, whose end the server detects."""

    def __init__(self, stream: Stream, length: int | None) -> None:
        self.length = length
        self._stream = stream
        self._left = length

    def read(self) -> bytes:
        """Return the next piece; b"" at the end. Raise BodyRefused: 408 too slow, 429 too many
        slow ones, 400 broken off."""
        if self._left == 0:
            return b""
        size = CHUNK_BYTES if self._left is None else min(CHUNK_BYTES, self._left)
        try:
            piece = self._stream.read(size)
        except Crowded:
            self._left = 0
            raise BodyRefused(429, TOO_MANY_SLOW, retry_after=1) from None
        except TimeoutError:
            self._left = 0
            raise BodyRefused(408, "the body came too slowly, or stopped coming") from None
        except Exception:
            # Any other error that a server raises here (gunicorn has its own for malformed chunks)
            # is the sender's fault.
            self._left = 0
            raise BodyRefused(400, "the body broke off, or its chunks are malformed") from None
        if self._left is not None:
            self._left = self._left - len(piece) if piece else self._broke_off(self._left)
        elif not piece:
            self._left = 0
        return piece

    def _broke_off(self, left: int) -> int:
        self._left = 0
        raise BodyRefused(400, f"the body broke off {left} bytes before its Content-Length")


def incoming(meta: Mapping[str, Any]) -> Incoming:
    """Return the body of a WSGI request. A sender that stops in the middle is dropped after 10
    s: it holds a thread."""
    socket = meta.get("gunicorn.socket")
    if socket is not None:
        socket.settimeout(SOCKET_PATIENCE_SECONDS)
    return Incoming(meta["wsgi.input"], _length(meta))


def refuse_compressed(meta: Mapping[str, Any]) -> None:
    """Refuse a compressed body. Raise BodyRefused.

    No gateway compresses, the signed bytes would be ambiguous, and a small body may expand
    without end.
    """
    if str(meta.get("HTTP_CONTENT_ENCODING", "")).strip().lower() not in ("", "identity"):
        raise BodyRefused(415, "the body is compressed (Content-Encoding): send it as it is")


def _length(meta: Mapping[str, Any]) -> int | None:
    text = str(meta.get("CONTENT_LENGTH") or "")
    if text.isascii() and text.isdigit():
        # Python refuses numbers of thousands of digits, and no body needs that many.
        return int(text[:20])
    chunked = "chunked" in str(meta.get("HTTP_TRANSFER_ENCODING", "")).lower()
    return None if chunked else 0


class Squeezer:
    """Copy JSON bytes and empty long strings, across any chunk borders."""

    def __init__(self) -> None:
        self.kept = bytearray()
        self._in_string = False
        self._began = 0  # start in `kept` of the string that is being read
        self._length = 0  # its length
        self._carry = b""  # a backslash whose partner is in the next chunk

    def feed(self, chunk: bytes) -> None:
        """Add a chunk. Raise BodyRefused if even the squeezed copy grows too large."""
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
        self._in_string, self._length, self._began = quote >= 0, 0, len(self.kept)
        return end

    def _read_string(self, chunk: bytes, position: int) -> int:
        end = _string_part(chunk, position)
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
        """Keep a string whole or not at all: a cut could be in a character or escape."""
        self._length += length
        if self._length <= LONGEST_STRING_BYTES:
            self.kept += part
        else:
            del self.kept[self._began :]


def _string_part(chunk: bytes, position: int) -> int:
    """Return the end of the string that continues at `position`, as far as this chunk shows it."""
    quote = chunk.find(b'"', position)
    end = len(chunk) if quote < 0 else quote
    if chunk.find(b"\\", position, end) < 0:
        return end  # mostly media: nothing is escaped, and this is much faster
    match = _STRING_PART.match(chunk, position)
    return match.end() if match else position


def read_body(
    body: Incoming,
    *,
    large: Callable[[bytes], Watchers],
    clock: Callable[[], float] = time.monotonic,
) -> Body:
    """Read the body to the end.

    Once it is longer than the kept size, `large` is called with the first bytes: it may raise
    BodyRefused, and returns the readers of the whole body.

    Raise BodyRefused: 413 too large, 408 too slow, 400 broken off.
    """
    _refuse_larger(body.length or 0)
    ends = clock() + DEADLINE_SECONDS
    digest, raw, size = hashlib.sha256(), bytearray(), 0
    squeezer: Squeezer | None = None
    hashes: list[Hasher] = [digest]
    onward: Hasher | None = None
    while chunk := body.read():
        size += len(chunk)
        if clock() > ends:
            raise BodyRefused(408, f"the body took longer than {DEADLINE_SECONDS:g} s")
        _refuse_larger(size)
        if squeezer is None:
            digest.update(chunk)
            raw += chunk
            if size > KEPT_BYTES:
                squeezer, joining = _go_large(raw, large)
                hashes += joining.hashes
                onward = joining.onward
            continue
        with _PASSING:
            for one in hashes:
                one.update(chunk)
            squeezer.feed(chunk)
        if onward is not None:
            onward.update(chunk)
    return Body(
        content=bytes(raw if squeezer is None else squeezer.kept),
        size_bytes=size,
        digest=digest.hexdigest(),
        is_squeezed=squeezer is not None,
    )


def _refuse_larger(size: int) -> None:
    if size > LARGEST_BYTES:
        raise BodyRefused(413, f"the body is larger than {LARGEST_BYTES} bytes")


def _go_large(raw: bytearray, large: Callable[[bytes], Watchers]) -> tuple[Squeezer, Watchers]:
    """Switch to large mode: the body is no longer kept; the kept part is squeezed."""
    first = bytes(raw)
    raw.clear()
    joining = large(first)
    for one in joining.hashes:
        one.update(first)
    if joining.onward is not None:
        joining.onward.update(first)
    squeezer = Squeezer()
    squeezer.feed(first)
    return squeezer, joining


def drain(body: Incoming) -> bytes:
    """Read the rest of a refused body, so that the sender reads our answer rather than a reset.

    Return its beginning, if nothing was read before. Within limits, and a few at a time: the
    sender is not authenticated.
    """
    if not _DRAINING.acquire(blocking=False):
        return b""
    try:
        return _drain(body)
    finally:
        _DRAINING.release()


def _drain(body: Incoming) -> bytes:
    ends = time.monotonic() + _DRAIN_SECONDS
    beginning, size = b"", 0
    try:
        while size < LARGEST_BYTES and time.monotonic() < ends and (piece := body.read()):
            beginning = beginning or piece[:BEGINNING_BYTES]
            size += len(piece)
    except BodyRefused:
        pass
    return beginning


class AlwaysJson(BaseContentNegotiation):
    """Ignore what a sender accepts: no webhook is lost over an Accept header."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        return next(iter(parsers), None)

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type
