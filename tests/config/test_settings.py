"""A deployment's settings: from its environment alone, careful unless told otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment

ROOT = Path(__file__).parents[2]
DEPLOYMENT = {
    "SECRET_KEY": "k" * 60,
    "DATABASE_URL": "postgresql://rollcall:pw@127.0.0.1:1/main",
    "REDIS_URL": "redis://:pw@127.0.0.1:1/0",
}


def settings_with(said: dict[str, str], *names: str) -> dict[str, Any]:
    """The named settings as a process of that environment sees them."""
    shown = ", ".join(f"{name!r}: getattr(settings, {name!r})" for name in names)
    answer = python(f"from config import settings; print({{{shown}}})", said)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = eval(answer.stdout)  # noqa: S307 — our own print, above
    return found


def refusal(said: dict[str, str]) -> str:
    """Return what `manage.py` says when it cannot start."""
    answer = python("import runpy, sys; sys.argv = ['manage.py', 'check']; "
                    "runpy.run_path('manage.py', run_name='__main__')", said)  # fmt: skip
    assert answer.returncode == 1, answer.stdout
    return answer.stderr


def python(code: str, said: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **said}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True
    )


def test_a_deployment_is_careful_unless_told_otherwise() -> None:
    found = settings_with(
        DEPLOYMENT, "DEBUG", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT",
        "ALLOWED_HOSTS", "CELERY_TASK_ALWAYS_EAGER",
    )  # fmt: skip
    assert found == {
        **{"DEBUG": False, "CELERY_TASK_ALWAYS_EAGER": False},
        **{"SESSION_COOKIE_SECURE": True, "CSRF_COOKIE_SECURE": True, "SECURE_SSL_REDIRECT": True},
        "ALLOWED_HOSTS": ["127.0.0.1", "localhost", "[::1]"],
    }


def test_every_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    names = (*DEPLOYMENT, "FIELD_KEYS")
    for name in names:
        (tmp_path / name).write_text(f"{DEPLOYMENT.get(name, 'newer, older')}\n")
    said = {f"{name}_FILE": str(tmp_path / name) for name in names}
    found = settings_with(said, "SECRET_KEY", "REDIS_URL", "DATABASES", "FIELD_KEYS")
    assert found["SECRET_KEY"] == DEPLOYMENT["SECRET_KEY"]
    assert found["REDIS_URL"] == DEPLOYMENT["REDIS_URL"]
    assert found["DATABASES"]["default"]["NAME"] == "main"
    assert found["FIELD_KEYS"] == ["newer", "older"]


@pytest.mark.parametrize("name", DEPLOYMENT)
def test_what_is_needed_is_asked_for_by_name_in_one_line(name: str) -> None:
    said = refusal({key: value for key, value in DEPLOYMENT.items() if key != name})
    assert said.startswith(f"rollcall: {name} is not set")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    "name,value", [("LOG_LEVEL", "loud"), ("REDIS_URL", "127.0.0.1:6379"), ("DEBUG", "perhaps")]
)
def test_what_makes_no_sense_is_named_in_one_line(name: str, value: str) -> None:
    said = refusal({**DEPLOYMENT, name: value})
    assert said.startswith(f"rollcall: {name}")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    "url,broker",
    [
        ("redis://:pw@127.0.0.1:6379/3", "redis://:pw@127.0.0.1:6379/3"),
        ("rediss://u:pw@redis.example.com/0", "rediss://u:pw@redis.example.com/0"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=0"),
        ("unix://:pw@/run/redis.sock?db=2", "redis+socket://:pw@/run/redis.sock?virtual_host=2"),
        (
            "unix:///my%20run/redis.sock?password=p%40w&username=u",
            "redis+socket://u:p%40w@/my%20run/redis.sock?virtual_host=0",
        ),
    ],
)
def test_celery_finds_the_redis_of_redis_url(url: str, broker: str) -> None:
    assert environment.broker(url) == broker


@pytest.mark.parametrize("url", ["unix://", "unix://host/run/redis.sock", "unix:///", "http://h/0"])
def test_a_redis_url_that_names_none(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="unix://:password@/path/to/redis.sock"):
        environment.broker(url)


def test_celery_takes_nothing_but_json(settings) -> None:
    from config.celery import app

    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == app.conf.event_serializer == "json"
    assert settings.CELERY_RESULT_SERIALIZER == "json"
