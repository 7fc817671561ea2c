"""docs/deploying.md, done: its commands as written bring up what answers, reads and stops."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

import pytest
import redis

from config.version import VERSION
from tests.deploy.deployment import LIMIT_SECONDS, Deployment, a_deployment
from tests.deploy.written import script
from tests.instance.running import until

pytestmark = pytest.mark.timeout(600)
NOBODY = "http://127.0.0.1:1"
READ_IN_VAIN = "SELECT 1 FROM accounts_gateway WHERE blind_since IS NOT NULL"
BEHIND_NGINX = {"Host": "rollcall.example.com", "X-Forwarded-Proto": "https"}
ADMIN = {
    "DJANGO_SUPERUSER_USERNAME": "ann",
    "DJANGO_SUPERUSER_EMAIL": "ann@example.com",
    "DJANGO_SUPERUSER_PASSWORD": "correct horse battery",
}


def test_the_commands_as_written_prepare_run_check_and_stop(tmp_path: Path) -> None:
    with a_deployment(tmp_path) as deployment:
        it_is_prepared(deployment)
        web_answers_behind_nginx_only(deployment)
        beat_rings_and_the_worker_reads(deployment)
        for name in ("beat", "worker", "live", "web"):
            assert deployment.stop(name) == 0, deployment.log(name).read_text()


def it_is_prepared(deployment: Deployment) -> None:
    prepare = script("Prepare").replace("createsuperuser", "createsuperuser --noinput")
    said = deployment.run(prepare, **ADMIN)
    assert "System check identified no issues" in said
    assert deployment.rows("SELECT username, is_superuser FROM auth_user") == [("ann", True)]
    assert (deployment.directory / "lib" / "static" / "dashboard" / "rollcall.css").exists()


def web_answers_behind_nginx_only(deployment: Deployment) -> None:
    deployment.start("web")
    deployment.until_ready()
    status, body = asked(deployment, "/health", BEHIND_NGINX)
    assert (status, json.loads(body)) == (200, {"status": "ok", "version": VERSION})
    assert asked(deployment, "/static/dashboard/rollcall.css", BEHIND_NGINX)[0] == 200
    assert asked(deployment, "/admin/login/", BEHIND_NGINX)[0] == 200
    assert asked(deployment, "/health", {"Host": "rollcall.example.com"})[0] == 301
    assert asked(deployment, "/health", {**BEHIND_NGINX, "Host": "elsewhere.example.com"})[0] == 400


def beat_rings_and_the_worker_reads(deployment: Deployment) -> None:
    deployment.manage(f"gateway_add --name gw --kind webjs --url {NOBODY} --api-key key")
    deployment.start("beat")
    with redis.Redis.from_url(deployment.redis_url) as broker:
        until(lambda: broker.llen("celery") > 0, limit_seconds=LIMIT_SECONDS)
    deployment.start("live")
    deployment.start("worker")
    until(lambda: bool(deployment.rows(READ_IN_VAIN)), limit_seconds=LIMIT_SECONDS)
    said = deployment.until_it_passes(script("Check"))
    assert "pong" in said
    assert f'"version": "{VERSION}"' in said


def asked(deployment: Deployment, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", deployment.port, timeout=LIMIT_SECONDS)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
