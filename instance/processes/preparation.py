"""`python -m instance.processes.preparation "migrate" …`: several commands in one process.

Django takes more than a second to load, and `./run up` must be ready soon.
"""

from __future__ import annotations

import shlex
import sys

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import DatabaseError


def main(commands: list[str]) -> int:
    try:
        django.setup()
        for command in commands:
            print(f"manage.py {command}", flush=True)
            call_command(*shlex.split(command))
    except (CommandError, ImproperlyConfigured, DatabaseError) as error:
        print(str(error).strip())  # the operator can fix it; any other error shows its trace
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
