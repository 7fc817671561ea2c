"""The webhooks and spontaneous behaviour of each gateway kind; its answers are in `dialects`."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.behaviours.behaviour import Behaviour
from simulator.behaviours.evolution import Evolution
from simulator.behaviours.waha import Waha
from simulator.behaviours.webjs import Webjs
from simulator.behaviours.wppconnect import Wppconnect
from simulator.behaviours.wwebjs_api import WwebjsApi

BEHAVIOURS: Mapping[str, Behaviour] = {
    nature.kind: nature for nature in (Webjs(), WwebjsApi(), Waha(), Evolution(), Wppconnect())
}
