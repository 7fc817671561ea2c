"""One running instance: its state directory, its embedded servers, its processes.

This package imports nothing of the apps: it runs before Django can.
"""

from __future__ import annotations
