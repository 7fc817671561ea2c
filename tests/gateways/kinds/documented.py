"""WAHA and Evolution API in small, with the shapes of their documentation and source: neither could
be run. Each holds its sessions, remembers what it was asked, and answers over `transport`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

KEY = "admin-key-of-the-gateway"


def waha_session(name: str, status: str = "WORKING", *webhooks: dict[str, Any]) -> dict[str, Any]:
    """Return one whole entry of its list."""
    return {
        "name": name,
        "status": status,
        "config": {
            "metadata": {"user.id": "123", "user.email": "email@example.com"},
            "proxy": {"server": "localhost:3128", "username": "username", "password": "P@ssw0rd"},
            "noweb": {"store": {"enabled": True, "fullSync": False}},
            "webhooks": list(webhooks),
            "debug": False,
        },
        "me": {"id": "62811801641@c.us", "lid": "1@lid", "jid": "1:2@s", "pushName": "WAHA"},
        "presence": None,
        "timestamps": {"activity": 1763264512000},
        "assignedWorker": "waha",
    }


def waha_webhook(url: str, **fields: Any) -> dict[str, Any]:
    """Return one whole entry of `config.webhooks`."""
    return {
        "url": url,
        "events": ["session.status", "message"],
        "hmac": None,
        "retries": {"policy": "constant", "delaySeconds": 2, "attempts": 15},
        "customHeaders": None,
    } | fields


@dataclass
class Waha:
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    refuses_to_change: bool = False

    def hold(self, *sessions: dict[str, Any]) -> Waha:
        self.sessions |= {one["name"]: one for one in sessions}
        return self

    def webhooks(self, name: str) -> list[dict[str, Any]]:
        webhooks: list[dict[str, Any]] = self.sessions[name]["config"]["webhooks"]
        return webhooks

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, call: httpx.Request) -> httpx.Response:
        self.asked.append((call.method, call.url.raw_path.decode()))
        if call.headers.get("x-api-key") != KEY:
            return httpx.Response(401, json={"message": "Unauthorized", "statusCode": 401})
        path = call.url.path
        if path == "/api/sessions":
            all_of_them = call.url.params.get("all") == "true"
            shown = [
                one for one in self.sessions.values() if all_of_them or one["status"] != "STOPPED"
            ]
            return httpx.Response(200, json=shown)
        session = self.sessions.get(path.rpartition("/")[2])
        if session is None:
            body = {"message": "Session not found", "error": "Not Found", "statusCode": 404}
            return httpx.Response(404, json=body)
        return self._change(call, session) if call.method == "PUT" else self._one(session)

    def _one(self, session: dict[str, Any]) -> httpx.Response:
        engine = {"engine": "WEBJS", "WWebVersion": "2.3000", "state": "CONNECTED"}
        return httpx.Response(200, json=session | {"engine": engine})

    def _change(self, call: httpx.Request, session: dict[str, Any]) -> httpx.Response:
        if self.refuses_to_change:
            said = {"message": [f"no: {call.content.decode()}"], "statusCode": 422}
            return httpx.Response(422, json=said)
        session["config"] = json.loads(call.content)["config"]
        return httpx.Response(200, json=session)


def evolution_webhook(url: str, **fields: Any) -> dict[str, Any]:
    """Return the answer of `find`: a row of its database."""
    return {
        "id": "cm3k2j1h00001",
        "url": url,
        "headers": None,
        "enabled": True,
        "events": ["CONNECTION_UPDATE", "QRCODE_UPDATED", "MESSAGES_UPSERT"],
        "webhookByEvents": False,
        "webhookBase64": True,
        "createdAt": "2026-11-20T10:00:00.000Z",
        "updatedAt": "2026-11-20T10:00:00.000Z",
        "instanceId": "0f0a1b2c",
    } | fields


@dataclass
class Evolution:
    """`webhooks` by instance; None where none was ever set."""

    webhooks: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    hanging: frozenset[str] = frozenset()

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, call: httpx.Request) -> httpx.Response:
        self.asked.append((call.method, call.url.path))
        if call.headers.get("apikey") != KEY:
            said = {"message": "Unauthorized"}
            body = {"status": 401, "error": "Unauthorized", "response": said}
            return httpx.Response(401, json=body)
        name = call.url.path.rpartition("/")[2]
        if name in self.hanging:
            raise httpx.ReadTimeout("", request=call)
        if call.url.path == "/instance/fetchInstances":
            return httpx.Response(200, json=[_row(one) for one in self.webhooks])
        if name not in self.webhooks:
            said = {"message": [f'The "{name}" instance does not exist']}
            body = {"status": 404, "error": "Not Found", "response": said}
            return httpx.Response(404, json=body)
        if call.url.path.startswith("/webhook/find/"):
            return httpx.Response(200, json=self.webhooks[name])
        return self._set(name, json.loads(call.content)["webhook"])

    def _set(self, name: str, told: dict[str, Any]) -> httpx.Response:
        """Set the webhook. The input is `byEvents` and `base64`, the output `webhookByEvents`
        and `webhookBase64`."""
        renamed = {"byEvents": "webhookByEvents", "base64": "webhookBase64"}
        kept = {renamed.get(key, key): value for key, value in told.items()}
        self.webhooks[name] = evolution_webhook("") | kept
        return httpx.Response(201, json=self.webhooks[name])


def _row(name: str) -> dict[str, Any]:
    return {
        "id": "0f0a1b2c",
        "name": name,
        "connectionStatus": "open",
        "ownerJid": "62811801641@s.whatsapp.net",
        "profileName": "Alice",
        "number": None,
        "integration": "WHATSAPP-BAILEYS",
        "token": "token-of-the-instance",
        "disconnectionReasonCode": None,
        "disconnectionObject": None,
        "disconnectionAt": None,
        "updatedAt": "2026-11-20T10:00:00.000Z",
        "_count": {"Message": 12, "Contact": 3, "Chat": 2},
    }
