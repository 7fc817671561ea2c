"""What an answer may be: at most 16 MB decompressed, no redirect, from a server with a trusted
certificate; and what an error may say of it."""

from __future__ import annotations

import datetime
import gzip
import ssl
import time
import tracemalloc
import zlib

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateways.base import BadAnswer, ConnectionRefused, GatewayError
from gateways.wire.http import MAX_ANSWER_BYTES, Http
from tests.gateways.wire.sockets import answer, read_request, serving

KEY = "s3cret/key+ü"


def get(base_url, transport=None):
    http = Http(base_url, secrets=(KEY,), transport=transport)
    return http.call("GET", "/health", query={"api_key": KEY}, deadline_seconds=10)


def saying(data):
    def handle(connection):
        read_request(connection)
        connection.sendall(data)

    return serving(handle)


def test_an_answer_of_16_mb_passes():
    with saying(answer(bytes(MAX_ANSWER_BYTES))) as base_url:
        assert len(get(base_url).body) == MAX_ANSWER_BYTES


def test_one_byte_more_does_not():
    with (
        saying(answer(bytes(MAX_ANSWER_BYTES + 1))) as base_url,
        pytest.raises(BadAnswer, match="longer than 16777216 bytes"),
    ):
        get(base_url)


def test_a_gzipped_answer_is_unpacked():
    packed = gzip.compress(b'{"status":"healthy"}')
    with saying(answer(packed, headers=b"Content-Encoding: gzip\r\n")) as base_url:
        assert get(base_url).body == b'{"status":"healthy"}'


def test_a_gzip_bomb_is_cut_while_it_is_unpacked():
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1024 * 1024)) for _ in range(160)) + packer.flush()
    with saying(answer(bomb, headers=b"Content-Encoding: gzip\r\n")) as base_url:
        tracemalloc.start()
        with pytest.raises(BadAnswer, match="longer than"):
            get(base_url)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert peak < 4 * MAX_ANSWER_BYTES


@pytest.mark.parametrize(
    ("body", "encoding", "why"),
    [
        (b"no gzip at all", b"gzip", "damaged"),
        (gzip.compress(b"{}" * 1000)[:-9], b"gzip", "breaks off"),
        (b"", b"br", "answered in 'br'"),
        (b"", b"gzip, gzip", "answered in 'gzip, gzip'"),
    ],
)
def test_packing_that_cannot_be_unpacked_is_a_bad_answer(body, encoding, why):
    headers = b"Content-Encoding: %b\r\n" % encoding
    with saying(answer(body, headers=headers)) as base_url, pytest.raises(BadAnswer, match=why):
        get(base_url)


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
def test_a_redirect_is_named_and_not_followed(status):
    location = b"Location: http://user:pw@elsewhere.example/login?api_key=s3cret%2Fkey\r\n"
    with (
        saying(answer(b"", status, location)) as base_url,
        pytest.raises(BadAnswer, match="redirects to http://elsewhere.example/login") as error,
    ):
        get(base_url)

    assert "pw@" not in str(error.value)
    assert "api_key" not in str(error.value)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000,
    ],
)
def test_what_is_not_http_or_breaks_off_is_a_bad_answer(data):
    with saying(data) as base_url, pytest.raises(BadAnswer, match="breaks off"):
        get(base_url)


@pytest.mark.parametrize(
    "base_url", ["gateway:3001", "ftp://gateway", "http://", "", "http://[::1"]
)
def test_an_impossible_base_url_is_refused(base_url):
    with pytest.raises(ConnectionRefused):
        get(base_url)


def test_a_key_that_no_header_can_hold_is_refused_without_showing_it():
    http = Http("http://127.0.0.1:9")
    with pytest.raises(ConnectionRefused) as error:
        http.call("GET", "/", headers={"X-API-Key": "two\nlines"}, deadline_seconds=5)

    assert "lines" not in str(error.value)


def test_no_error_shows_the_key_however_the_gateway_spells_it_back():
    spellings = (KEY, "s3cret%2Fkey%2B%C3%BC", "s3cret/key%2B%C3%BC")
    for spelling in spellings:
        location = f"http://gateway/{spelling}".encode()

        def answer_with(request, location=location):
            return httpx.Response(302, headers=[(b"Location", location)])

        with pytest.raises(GatewayError) as error:
            get("http://gateway", httpx.MockTransport(answer_with))
        assert "s3cret" not in str(error.value)


def test_the_environments_proxies_are_not_asked(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with saying(answer(b"{}")) as base_url:
        assert get(base_url).status_code == 200


def test_a_certificate_nobody_vouches_for_is_refused(tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))

    def handle(connection):
        with context.wrap_socket(connection, server_side=True) as secured:
            read_request(secured)
            secured.sendall(answer(b"{}"))

    with (
        serving(handle) as base_url,
        pytest.raises(ConnectionRefused, match="certificate verify failed"),
    ):
        get(base_url.replace("http://127.0.0.1", "https://localhost"))


def self_signed(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.fromtimestamp(time.time(), tz=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
