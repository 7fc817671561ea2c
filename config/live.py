"""`python -m config.live --bind 127.0.0.1:8001`: the process of the live streams."""

from __future__ import annotations

import os

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from live.server import main  # its modules need Django's models

    main()
