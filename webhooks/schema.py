"""The calls that gateways may make, and the answers: OpenAPI, served at /api/schema.

The answers come from views that read their bodies as streams, so nothing can be derived from
serializers. The schema is written here, and a test compares it with the running web process.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, JsonResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema

from gateways.base import webhook_path
from gateways.kind import GatewayKind
from gateways.profiles import Profile
from gateways.registry import KINDS, default_kind
from gateways.signing import TEST_EVENT
from webhooks.models import Delivery

Json = dict[str, Any]
JSON = "application/json"
REFUSED = {"$ref": "#/components/schemas/Refused"}
KEY: list[Json] = [{"key_X-API-Key": []}, {"bearer": []}]

REFUSALS: Mapping[int, str] = {
    400: "Not readable: no JSON, not in the gateway's dialect, or broken off",
    401: "Not believed; the reason says which header is missing or wrong",
    404: "Nothing is there",
    408: "The body came too slowly",
    409: "Several gateways share the key, and nothing says which one speaks",
    413: "Too large",
    415: "Compressed",
    429: "Come again later; Retry-After says when, where that is known",
    502: "The backend that messages are handed on to redirects",
    503: "It could not be written down: send it again",
    508: "Rollcall has handed this on itself: the forward URL leads back to it",
}
OF_A_WEBHOOK = (400, 401, 404, 408, 409, 413, 415, 429, 502, 503, 508)
OF_A_READ = (401, 409, 503)
OF_A_BODY = (400, 401, 404, 408, 409, 413, 415, 503)


def text(description: str = "") -> Json:
    return {"type": "string"} | ({"description": description} if description else {})


def record(required: Iterable[str] = (), **fields: Json) -> Json:
    needed = {"required": list(required)} if required else {}
    return {"type": "object", "properties": fields} | needed


def maybe(schema: Json) -> Json:
    return schema | {"nullable": True}


NUMBER, YES_OR_NO = {"type": "integer"}, {"type": "boolean"}
SUCCESS = {"type": "boolean", "enum": [True]}
OLD_STATUS = text("One of the five words of the old database")
MOMENT = maybe({"type": "string", "format": "date-time"})

# --- webhooks -----------------------------------------------------------------------------------
TAKEN = record(
    ("success", "state"),
    success=SUCCESS,
    state={"type": "string", "enum": ["noted", "repeated", *Delivery.State.values]},
    delivery=NUMBER | {"description": "Its row in the inbox"},
    why=text("Why it was ignored, or given up"),
    wrong_path=text("Where to send instead: this path is not the right one"),
)
# When the examples were sent.
EXAMPLE_AT = datetime(2026, 1, 1, tzinfo=UTC)


def body_of(kind: GatewayKind) -> Json:
    """Return the body of a kind; more fields are allowed, and the schema refuses no value."""
    typed = {name: {"type": one} if one else {} for name, one in kind.body.fields.items()}
    return {
        "schema": record(kind.body.required, **typed),
        "example": kind.body.event(TEST_EVENT, EXAMPLE_AT),
    }


def webhook(kind: str, *, own_path: bool = False) -> Json:
    operation = {
        "operationId": f"webhook_{kind}" + ("_own_path" if own_path else ""),
        "tags": ["webhooks"],
        "summary": f"A webhook of a gateway of kind {kind}",
        "description": "200 means that it is committed. Where messages are handed on to a "
        "business's own backend, they are answered as that backend answers.",
        "requestBody": {"required": True, "content": {JSON: body_of(KINDS[kind])}},
        "responses": answers(TAKEN, OF_A_WEBHOOK),
        "security": ([{}] if own_path else []) + ways_in(KINDS[kind].profile),
    }
    if own_path:
        operation["parameters"] = [_in_path("token", "The gateway's own secret")]
    return operation


def ways_in(profile: Profile) -> list[Json]:
    """Return the security schemes, any one of which suffices; headers that belong together form
    one."""
    ways: list[Json] = []
    if signature := profile.signature:
        names = (signature.header, *signature.before_body)
        ways.append({f"key_{name}": [] for name in names})
    if profile.token:
        ways.append({"bearer": []})
    return ways + [{f"key_{name}": []} for name in profile.key_headers]


# --- the Node service's other calls -------------------------------------------------------------
ACCOUNT = record(
    id=NUMBER,
    workspace_id=NUMBER,
    session_id=maybe(text()),
    phone_number=maybe(text()),
    provider_type=text(),
    status=OLD_STATUS,
    last_activity_at=MOMENT,
    last_connected_at=MOMENT,
    health_score=NUMBER,
    created_at=MOMENT,
)
CLAIM = record(reason=text(), workspace_id={}, status=text("What it says of the session"))
CLAIMED = record(
    ("success", "applied", "status"), success=SUCCESS, applied=YES_OR_NO, status=OLD_STATUS
)


def listed(name: str, entry: Json) -> Json:
    entries = {"type": "array", "items": entry}
    fields: Mapping[str, Json] = {"success": SUCCESS, name: entries, "count": NUMBER}
    return record(tuple(fields), **fields)


def with_data(data: Json) -> Json:
    return record(("success", "data"), success=SUCCESS, data=data)


READS: Mapping[str, tuple[str, Json]] = {
    "ActiveAccounts": (
        "The sessions that people want to run",
        listed("sessions", ACCOUNT),
    ),
    "AccountsForCleanup": ("The accounts that people removed", listed("data", ACCOUNT)),
    "AccountBySession": ("The account that runs on a session", with_data(ACCOUNT)),
    "CleanupStats": ("Numbers about the cleaning up", with_data({"type": "object"})),
    "AccountStatus": (
        "What is known of a session",
        record(
            ("session_id", "status"),
            session_id=text(),
            status=OLD_STATUS,
            phone_number=maybe(text()),
            is_active=YES_OR_NO,
            last_activity_at=MOMENT,
            health_score=NUMBER,
        ),
    ),
}
CLAIMS: Mapping[str, tuple[str, Json, Json]] = {
    "MarkDisconnected": ("A claim that a session is lost, confirmed by a read", CLAIM, CLAIMED),
    "AccountStatus": ("A claim about the account with this id", CLAIM, CLAIMED),
    "CleanupLog": (
        "What became of a session's files",
        record(whatsapp_account_id={}, action={}, status={}, reason={}),
        record(("success",), success=SUCCESS),
    ),
}


def call(name: str, method: str, path: str) -> Json:
    """Return one of the Node service's other calls."""
    parameters = [_in_path("session_id", "As the gateway calls it")] * ("{session_id}" in path)
    operation = {
        "operationId": "_".join([method.lower(), *path.removeprefix("/api/").split("/")])
        .replace("{session_id}", "one")
        .replace("-", "_"),
        "tags": ["other calls of the Node service"],
        "parameters": parameters,
        "security": KEY,
    }
    if method == "GET":
        summary, found = READS[name]
        refusals = OF_A_READ + ((404,) if parameters else ())
        return operation | {"summary": summary, "responses": answers(found, refusals)}
    summary, said, found = CLAIMS[name]
    return operation | {
        "summary": summary,
        "requestBody": {"content": {JSON: {"schema": said}}},
        "responses": answers(found, OF_A_BODY),
    }


# --- the document -------------------------------------------------------------------------------
def answers(found: Json, refusals: Iterable[int]) -> Json:
    return {"200": _answer("Done", found)} | {
        str(status): _answer(REFUSALS[status], REFUSED) for status in sorted(refusals)
    }


def _answer(description: str, schema: Json) -> Json:
    return {"description": description, "content": {JSON: {"schema": schema}}}


def _in_path(name: str, description: str) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", "minLength": 1},
    }


def components() -> Json:
    ways = [way for kind in KINDS.values() for way in ways_in(kind.profile)]
    keys = sorted({name for way in ways for name in way} - {"bearer"})
    header: Json = {"type": "apiKey", "in": "header"}
    return {
        "schemas": {
            "Refused": record(
                ("success", "reason"),
                success={"type": "boolean", "enum": [False]},
                reason=text("What to do about it, for people"),
            )
        },
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer"},
            **{key: header | {"name": key.removeprefix("key_")} for key in keys},
        },
    }


class Described(AutoSchema):
    """The schema class that takes each operation from the tables above."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any
    ) -> Json:
        name = type(self.view).__name__
        if name in READS or name in CLAIMS:
            return call(name, method, path)
        return webhook(default_kind().name)  # for any kind: `each_kind` replaces it


def each_kind(result: Json, **kwargs: object) -> Json:
    """Replace our one route by one path for each kind. A hook of drf-spectacular."""
    paths: Json = {}
    for name in KINDS:
        paths[webhook_path(name)] = {"post": webhook(name)}
        paths[f"{webhook_path(name)}/{{token}}"] = {"post": webhook(name, own_path=True)}
    paths |= {path: methods for path, methods in result["paths"].items() if "webhooks/" not in path}
    for name, kind in KINDS.items():
        paths |= {path: {"post": wrong_path(path, name)} for path in kind.wrong_paths}
    return result | {"paths": paths, "components": components()}


def wrong_path(path: str, kind: str) -> Json:
    name = path.removeprefix("/api/").replace("/", "_").replace("-", "_")
    operation = webhook(kind)
    operation["description"] += f" The right path is {webhook_path(kind)}."
    return operation | {"deprecated": True, "operationId": f"wrong_{name}"}


@functools.cache
def document() -> Json:
    """Return the document, built once a process."""
    made: Json = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made


def schema(request: HttpRequest) -> JsonResponse:
    """Answer for anybody: it contains nothing that the source and our error answers do not
    reveal."""
    return JsonResponse(document())
