"""Run a command as a person does."""

from __future__ import annotations

import json
from io import StringIO

from django.core.management import call_command


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def run_json(*words: str) -> dict:
    return json.loads(run(*words, "--json"))
