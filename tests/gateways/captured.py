"""The traffic recorded from other kinds of gateways: tests/captures/<folder>/."""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "captures"


def recordings(folder: str) -> list[str]:
    """The names of its recordings that hold webhooks, without what follows the first dot."""
    return sorted(path.name.split(".")[0] for path in (FOLDER / folder).glob("*.webhooks.jsonl"))


def webhooks(folder: str, recording: str = "*") -> list[bytes]:
    """The bodies that were received, in their order."""
    lines = _lines(folder, f"{recording}.webhooks.jsonl")
    return [json.dumps(line["body"]).encode() for line in lines]


def calls(folder: str, recording: str = "*") -> list[dict]:
    """The calls of its API that got an answer: `path`, `status`, `body`, `label`, `t`."""
    return [
        {
            "t": line["t"],
            "label": line["label"],
            "path": line["request"]["path"],
            "status": line["response"]["status"],
            "body": line["response"]["body"],
        }
        for line in _lines(folder, f"{recording}.api.jsonl")
        if line.get("response")
    ]


def _lines(folder: str, pattern: str) -> list[dict]:
    found = sorted((FOLDER / folder).glob(pattern))
    return [json.loads(line) for path in found for line in path.read_text().splitlines()]
