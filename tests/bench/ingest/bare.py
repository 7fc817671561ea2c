"""A server that reads a request and answers, and does nothing else: what the sender itself can do
is measured on it. `python -m tests.bench.ingest.bare PORT`"""

from __future__ import annotations

import select
import socket
import sys

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n"
    b'{"success":true}'
)


def serve(port: int) -> None:
    listener = socket.create_server(("127.0.0.1", port), backlog=128)
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    clients: dict[int, socket.socket] = {}
    received: dict[int, bytes] = {}
    while True:
        for number, _ in poll.poll():
            if number == listener.fileno():
                client, _ = listener.accept()
                clients[client.fileno()], received[client.fileno()] = client, b""
                poll.register(client, select.EPOLLIN)
                continue
            client = clients[number]
            try:
                piece = client.recv(65536)
            except ConnectionResetError:
                piece = b""
            if not piece:
                poll.unregister(client)
                clients.pop(number).close()
                continue
            received[number] += piece
            if is_whole(received[number]):
                received[number] = b""
                client.sendall(ANSWER)


def is_whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    _, found, rest = head.lower().partition(b"content-length:")
    length = int(rest.split(b"\r\n", 1)[0]) if found else 0
    return bool(end) and len(body) >= length


if __name__ == "__main__":
    serve(int(sys.argv[1]))
