"""What each kind of gateway says and does by itself; what it answers stands in `dialects`."""

from __future__ import annotations

from collections.abc import Mapping

from gateways.simulator.natures.evolution import Evolution
from gateways.simulator.natures.nature import Nature
from gateways.simulator.natures.waha import Waha
from gateways.simulator.natures.webjs import Webjs
from gateways.simulator.natures.wppconnect import Wppconnect
from gateways.simulator.natures.wwebjs_api import WwebjsApi

NATURES: Mapping[str, Nature] = {
    nature.kind: nature for nature in (Webjs(), WwebjsApi(), Waha(), Evolution(), Wppconnect())
}
