"""`python -m instance.preparation "migrate" "ensure_admin" …`: several commands, one process.

Django takes more than a second to load, and `./run up` has promised to be ready soon.
"""

from __future__ import annotations

import shlex
import sys

import django
from django.core.management import CommandError, call_command


def main(commands: list[str]) -> int:
    django.setup()
    for command in commands:
        print(f"manage.py {command}", flush=True)
        try:
            call_command(*shlex.split(command))
        except CommandError as error:
            print(f"{command.split()[0]}: {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
