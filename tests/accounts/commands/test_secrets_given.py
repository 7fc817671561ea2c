"""Keys need not be on a command line, which everybody on the machine can read."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError

from accounts.models import Channel, Gateway
from tests.accounts.commands.running import run

pytestmark = pytest.mark.django_db
ADD = ("gateway_add", "--name", "node-1", "--kind", "webjs", "--url", "http://10.0.0.5:3001")


def keys(purpose: str) -> list[str]:
    return [row.secret for row in Gateway.objects.get().secrets.filter(purpose=purpose)]


@pytest.fixture
def typed(monkeypatch):
    def type_in(text: str) -> None:
        monkeypatch.setattr("sys.stdin", StringIO(text))

    return type_in


def test_by_standard_input_one_line_each(typed):
    typed("the key\nthe secret\n")

    said = run(*ADD, "--api-key", "-", "--hmac-secret", "-")

    assert (keys("api_key"), keys("hmac")) == (["the key"], ["the secret"])
    assert "the key" not in said


def test_by_a_file_each(tmp_path: Path):
    for name in ("key", "secret"):
        (tmp_path / name).write_text(f"the {name}\n")

    run(
        *ADD,
        *("--api-key-file", str(tmp_path / "key")),
        *("--hmac-secret-file", str(tmp_path / "secret")),
    )

    assert (keys("api_key"), keys("hmac")) == (["the key"], ["the secret"])


def test_an_apprise_url_by_a_file(tmp_path: Path):
    (tmp_path / "url").write_text("json://127.0.0.1:1/token\n")

    run("channel_add", "--name", "chat", "--apprise-file", str(tmp_path / "url"))

    assert Channel.objects.get().target == "json://127.0.0.1:1/token"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--api-key", "-"], "--api-key -: standard input has no line for it"),
        (["--api-key-file", "/nowhere"], "--api-key-file /nowhere: No such file or directory"),
        (["--api-key-file", "/dev/null"], "--api-key-file /dev/null is empty"),
        (["--api-key", "x", "--api-key-file", "/y"], "give --api-key or --api-key-file, not both"),
    ],
)
def test_what_cannot_be_read_is_said_and_nothing_is_made(typed, words, says):
    typed("")

    with pytest.raises(CommandError) as error:
        run(*ADD, *words)

    assert str(error.value) == says
    assert not Gateway.objects.exists()
