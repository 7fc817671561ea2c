"""What each kind of gateway says and does by itself; what it answers stands in `dialects`."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.natures.evolution import Evolution
from simulator.natures.nature import Nature
from simulator.natures.waha import Waha
from simulator.natures.webjs import Webjs
from simulator.natures.wppconnect import Wppconnect
from simulator.natures.wwebjs_api import WwebjsApi

NATURES: Mapping[str, Nature] = {
    nature.kind: nature for nature in (Webjs(), WwebjsApi(), Waha(), Evolution(), Wppconnect())
}
