"""Which addresses are called: asked of what a name leads to, when it is connected to."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

from gateways.base import ConnectionRefused
from gateways.wire import address_guard
from gateways.wire.address_guard import Whom, reach_of
from gateways.wire.backend import Backend
from gateways.wire.http import Http
from instance.ports import free_port

LIVES_HERE = ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "192.168.0.0/16", "fc00::/7"]
DEFAULT = reach_of({Whom.GATEWAY: LIVES_HERE, Whom.FORWARD: [], Whom.ALERT: []}, [])

# Address, and who of gateway, forward, alert may call it by default.
PUBLIC, PRIVATE, NOBODY = (True, True, True), (True, False, False), (False, False, False)
ADDRESSES = [
    ("8.8.8.8", PUBLIC),
    ("2606:4700:4700::1111", PUBLIC),
    ("::ffff:8.8.8.8", PUBLIC),
    ("127.0.0.1", PRIVATE),
    ("127.9.9.9", PRIVATE),
    ("::1", PRIVATE),
    ("::ffff:127.0.0.1", PRIVATE),
    ("10.1.2.3", PRIVATE),
    ("192.168.0.1", PRIVATE),
    ("::ffff:10.0.0.1", PRIVATE),
    ("::10.0.0.1", PRIVATE),
    ("64:ff9b::10.0.0.1", PRIVATE),
    ("2002:0a00:0001::1", PRIVATE),  # 6to4 of 10.0.0.1
    ("fd12:3456::1", PRIVATE),
    ("172.16.0.1", NOBODY),  # not in the list above
    ("100.64.0.1", NOBODY),
    ("169.254.169.254", NOBODY),
    ("169.254.0.1", NOBODY),
    ("::ffff:169.254.169.254", NOBODY),
    ("64:ff9b::169.254.169.254", NOBODY),
    ("2002:a9fe:a9fe::1", NOBODY),
    ("fe80::1", NOBODY),
    ("fe80::1%lo", NOBODY),
    ("fd00:ec2::254", NOBODY),
    ("100.100.100.200", NOBODY),
    ("168.63.129.16", NOBODY),
    ("192.0.0.192", NOBODY),
    ("0.0.0.0", NOBODY),
    ("::", NOBODY),
    ("::ffff:0.0.0.0", NOBODY),
    ("224.0.0.1", NOBODY),
    ("ff02::1", NOBODY),
    ("255.255.255.255", NOBODY),
    ("240.0.0.1", NOBODY),
    ("198.18.0.1", NOBODY),
    ("192.0.2.1", NOBODY),
    ("nonsense", NOBODY),
    ("", NOBODY),
]


@pytest.mark.parametrize(("address", "may"), ADDRESSES)
def test_who_may_call_what(address, may) -> None:
    asked = [DEFAULT.refusal(address, 80, whom) for whom in list(Whom)[:3]]
    assert tuple(not refusal for refusal in asked) == may


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "169.254.0.0/16", "fe80::/10"])
@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "fd00:ec2::254", "0.0.0.0"])
def test_no_setting_opens_what_is_nobodys(network, address) -> None:
    reach = reach_of({whom: [network] for whom in list(Whom)[:3]}, [])
    assert all(reach.refusal(address, 80, whom) for whom in list(Whom)[:3])


def test_before_anything_is_set_only_public_addresses_are_called() -> None:
    assert address_guard.Reach().refusal("127.0.0.1", 80, Whom.GATEWAY)
    assert not address_guard.Reach().refusal("8.8.8.8", 80, Whom.GATEWAY)


OWN = [("127.0.0.1", 5432), ("localhost", 6379), ("db.internal.invalid", 7000), ("8.8.4.4", 443)]


@pytest.mark.parametrize(
    ("address", "port", "is_called"),
    [
        ("127.0.0.1", 5432, False),
        ("127.0.0.1", 6379, False),
        ("127.7.7.7", 5432, False),  # another address of this machine
        ("::1", 6379, False),
        ("::ffff:127.0.0.1", 5432, False),
        ("127.0.0.1", 3001, True),
        ("10.0.0.9", 5432, True),  # another machine's
        ("8.8.4.4", 443, False),
        ("8.8.4.4", 80, True),
        ("8.8.8.8", 7000, True),
    ],
)
def test_our_own_services_are_never_called(address, port, is_called) -> None:
    reach = reach_of({Whom.GATEWAY: LIVES_HERE}, OWN)
    assert (not reach.refusal(address, port, Whom.GATEWAY)) is is_called


def test_nor_by_the_address_that_this_machine_has_in_the_network() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing: only asks which address would
        here = probe.getsockname()[0]
    reach = reach_of({Whom.GATEWAY: ["0.0.0.0/0"]}, OWN)
    assert "Rollcall's own" in reach.refusal(here, 5432, Whom.GATEWAY)
    assert not reach.refusal(here, 3001, Whom.GATEWAY)


# --- as it is called ---------------------------------------------------------------------------
@pytest.fixture
def listener():
    """Counts who connects; answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


def was_connected_to(server) -> bool:
    try:
        server.accept()[0].close()
    except TimeoutError:
        return False
    return True


@pytest.fixture
def reach_is():
    before = address_guard.reach()
    yield address_guard.set_reach
    address_guard.set_reach(before)


# Every spelling that leads to 127.0.0.1.
SPELLINGS = ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "127.1", "[::ffff:127.0.0.1]"]


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_an_address_is_a_way_around(listener, reach_is, host) -> None:
    reach_is(reach_of({Whom.GATEWAY: ["10.0.0.0/8"]}, []))
    http = Http(f"http://{host}:{listener.getsockname()[1]}")
    with pytest.raises(ConnectionRefused, match="not public, and not in GATEWAY_NETWORKS"):
        http.call("GET", "/", deadline_seconds=2)
    assert not was_connected_to(listener)


@pytest.mark.parametrize("answers", [["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"]])
def test_a_name_that_changes_its_mind_is_connected_to_as_it_was_asked_about(
    listener, reach_is, monkeypatch, answers
) -> None:
    """The second answer of a rebinding name server is never asked for."""
    reach_is(reach_of({Whom.GATEWAY: []}, []))
    port, asked, connected = listener.getsockname()[1], [], []

    def resolve(host, port, **kwargs):
        asked.append(host)
        return [(socket.AF_INET, 1, 6, "", (answers[min(len(asked), 2) - 1], port))]

    def connect(self, address, *rest):
        connected.append(address)
        raise TimeoutError

    monkeypatch.setattr("gateways.wire.deadline.socket.getaddrinfo", resolve)
    monkeypatch.setattr("httpcore.SyncBackend.connect_tcp", connect)
    with pytest.raises((ConnectionRefused, TimeoutError)):
        Http(f"http://rebind.example:{port}").call("GET", "/", deadline_seconds=2)
    assert "127.0.0.1" not in connected and len(asked) == 1


def test_a_forward_goes_to_public_addresses_only(listener, reach_is) -> None:
    reach_is(reach_of({Whom.GATEWAY: LIVES_HERE, Whom.FORWARD: []}, []))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
    with pytest.raises(ConnectionRefused, match="not in FORWARD_NETWORKS"):
        Backend(url).hand_on(b"{}", headers={}, deadline_seconds=2)
    assert not was_connected_to(listener)


def test_what_a_gateway_may_be_is_no_way_in_for_a_forward(reach_is) -> None:
    """A connection that is kept alive for the one is not used for the other."""
    reach_is(reach_of({Whom.GATEWAY: LIVES_HERE, Whom.FORWARD: []}, []))
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as server:
        threading.Thread(target=_answer_forever, args=(server,), daemon=True).start()
        url = f"http://127.0.0.1:{port}"
        assert Http(url).call("GET", "/", deadline_seconds=5).status_code == 200
        with pytest.raises(ConnectionRefused):
            Backend(url).hand_on(b"{}", headers={}, deadline_seconds=2)


def _answer_forever(server) -> None:
    connection = server.accept()[0]
    with connection, suppress(OSError):
        while connection.recv(65536):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


# --- a process that runs code of others --------------------------------------------------------
GUARDED = """
import json, socket, sys, urllib.request
sys.path.insert(0, sys.argv[1])
from gateways.wire import address_guard as guard
said = guard.refuse_in_this_process(
    guard.reach_of({guard.Whom.ALERT: json.loads(sys.argv[3])}, []), guard.Whom.ALERT)
port = int(sys.argv[2])
ways = [
    lambda: socket.create_connection(("127.0.0.1", port), 2),
    lambda: socket.create_connection(("localhost", port), 2),
    lambda: socket.socket().connect(("127.0.0.1", port)),
    lambda: socket.socket().connect_ex(("127.0.0.1", port)),
    lambda: urllib.request.urlopen(f"http://2130706433:{port}/", timeout=2),
    lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", port)),
]
got = []
for way in ways:
    try:
        way(); got.append("connected")
    except guard.NotCalled: got.append("refused")
    except OSError as error: got.append("refused" if said.refused else repr(error))
print(json.dumps([got, said.refused]))
"""


@pytest.mark.parametrize(("networks", "word"), [([], "refused"), (["127.0.0.0/8"], "")])
def test_no_library_of_such_a_process_goes_around_it(listener, networks, word) -> None:
    port = str(listener.getsockname()[1])
    done = subprocess.run(
        [sys.executable, "-c", GUARDED, ".", port, json.dumps(networks)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    got, refused = json.loads(done.stdout)
    assert all(way == "refused" for way in got) is bool(word) is bool(refused)
    assert was_connected_to(listener) is not bool(word)
