"""Large messages that are not begun to be handed on before they are authenticated, because they do
not come from their gateway's registered address. They are kept in memory, within limits."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

from gateways.wire.backend import Backend
from gateways.wire.http import Answer
from webhooks.forwarding.stream_through import DEADLINE_SECONDS, SMALL
from webhooks.wire.bodies import LARGEST_BYTES, BodyRefused

TOO_MANY_HELD = (
    "too many large messages come from other addresses than their gateways': send it again, and "
    "register the gateway's address, or the proxy in front of it as trusted"
)


class Memory:
    """The limit of what a process keeps of them, in all and of one sender."""

    def __init__(self, *, most_bytes: int, of_one_sender_bytes: int) -> None:
        self.most_bytes, self.of_one_sender_bytes = most_bytes, of_one_sender_bytes
        self._kept: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, sender: str, size_bytes: int) -> None:
        """Raise BodyRefused (429) if that is too much."""
        with self._lock:
            of_one, of_all = self._kept[sender] + size_bytes, self._kept.total() + size_bytes
            if of_one > self.of_one_sender_bytes or of_all > self.most_bytes:
                raise BodyRefused(429, TOO_MANY_HELD, retry_after=1)
            self._kept[sender] = of_one

    def give_back(self, sender: str, size_bytes: int) -> None:
        with self._lock:
            self._kept[sender] -= size_bytes
            self._kept += Counter()  # drops senders without any


# One sender may have the largest body that there is, and leaves room for others.
MEMORY = Memory(most_bytes=LARGEST_BYTES * 3 // 2, of_one_sender_bytes=LARGEST_BYTES)


class HeldBack:
    """One large body, kept as it comes in. `leads_to` says where it goes; the creator must call
    `end`."""

    def __init__(self, *, headers: Mapping[str, str], sender: str) -> None:
        self._headers = headers
        self._sender = sender
        self._pieces: list[bytes] = []
        self._size_bytes = 0
        self._url = ""

    def leads_to(self, url: str) -> bool:
        self._url = url
        return bool(url)

    def update(self, piece: bytes, /) -> None:
        """Raise BodyRefused (429) if too much is kept already."""
        MEMORY.take(self._sender, len(piece))
        self._size_bytes += len(piece)
        self._pieces.append(bytes(piece))

    def finish(self) -> Answer:
        """Send the authenticated body. Raise GatewayError, BodyRefused."""
        headers = {**self._headers, "Content-Length": str(self._size_bytes)}
        with SMALL.place(self._url):
            return Backend(self._url).hand_on(
                iter(self._pieces), headers=headers, deadline_seconds=DEADLINE_SECONDS
            )

    def end(self) -> None:
        """Forget it. A second call is harmless."""
        self._pieces.clear()
        MEMORY.give_back(self._sender, self._size_bytes)
        self._size_bytes = 0
