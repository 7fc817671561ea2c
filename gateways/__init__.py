"""Gateways: HTTP in, dataclasses out. One folder per kind; no models, no ORM.

An adapter translates a gateway's terms into those of `gateways.base` and decides nothing.
"""

from __future__ import annotations
