"""The API answers of each gateway kind; its webhooks and own actions are in `behaviours`."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.dialects import evolution, waha, webjs, wppconnect, wwebjs_api
from simulator.dialects.dialect import Dialect

DIALECTS: Mapping[str, Dialect] = {
    "webjs": webjs.DIALECT,
    "wwebjs_api": wwebjs_api.DIALECT,
    "waha": waha.DIALECT,
    "evolution": evolution.DIALECT,
    "wppconnect": wppconnect.DIALECT,
}
