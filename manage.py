#!/usr/bin/env python
from __future__ import annotations

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"rollcall: {error}")
    except OperationalError as error:  # it is away, or refuses us
        sys.exit(f"rollcall: the database: {str(error).strip().splitlines()[0]}")
