"""Gateways: HTTP in, dataclasses out. One module per kind; no models, no ORM.

An adapter translates a gateway's words into the words of `gateways.base` and decides nothing.
"""

from __future__ import annotations
