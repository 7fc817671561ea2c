"""The traffic recorded from other kinds of gateways: tests/captures/<folder>/."""

from __future__ import annotations

import json
from pathlib import Path

import httpx

KEY = "the-key"
FOLDER = Path(__file__).parents[2] / "captures"


def recordings(folder: str) -> list[str]:
    """The names of its recordings that hold webhooks, without what follows the first dot."""
    return sorted(path.name.split(".")[0] for path in (FOLDER / folder).glob("*.webhooks.jsonl"))


def webhooks(folder: str, recording: str = "*", *, before: float = float("inf")) -> list[bytes]:
    """The bodies that were received until that moment, in their order."""
    lines = _lines(folder, f"{recording}.webhooks.jsonl")
    return [json.dumps(line["body"]).encode() for line in lines if line["t"] <= before]


def moment(folder: str, recording: str, label: str, *, about: str = "") -> float:
    """Return the time at which the call with this label had been answered."""
    lines = _lines(folder, f"{recording}.api.jsonl")
    return max(
        line["t"] + line["ms"] / 1000
        for line in lines
        if line["label"] == label and about in line["request"]["path"]
    )


def answers(folder: str, recording: str, path: str) -> list[dict | None]:
    """Return all recorded answers to a path, in order; None for a call without one."""
    lines = _lines(folder, f"{recording}.api.jsonl")
    found = [line for line in lines if line.get("request", {}).get("path") == path]
    return [line["response"] and line["response"]["body"] for line in found]


def calls(folder: str, recording: str) -> list[dict]:
    """Return every recorded call with its answer, in order; a line without one is the
    recorder's."""
    return _lines(folder, f"{recording}.api.jsonl")


def gateway(
    folder: str, recording: str, *, until: str = "", about: str = ""
) -> httpx.MockTransport:
    """A gateway that answers each path as it did last before the call `until` (a label; `about`
    names its session where labels repeat), or at the end. What got no answer then hangs."""
    lines = [line for line in _lines(folder, f"{recording}.api.jsonl") if "request" in line]
    if until:
        ends = [
            position
            for position, line in enumerate(lines)
            if line["label"] == until and about in line["request"]["path"]
        ]
        lines = lines[: ends[-1] + 1]
    answers = {line["request"]["path"]: line["response"] for line in lines}

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode().replace(f"/{KEY}/", "/<secret-key>/")
        if path.endswith("/generate-token"):
            return httpx.Response(201, json={"token": f"token of {path}"})
        if path not in answers:
            return httpx.Response(404, text="not recorded")
        if answers[path] is None:
            raise httpx.ReadTimeout("", request=request)
        return httpx.Response(answers[path]["status"], json=answers[path]["body"])

    return httpx.MockTransport(answer)


def _lines(folder: str, pattern: str) -> list[dict]:
    found = sorted((FOLDER / folder).glob(pattern))
    return [json.loads(line) for path in found for line in path.read_text().splitlines()]
