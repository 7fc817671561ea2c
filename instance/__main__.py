from __future__ import annotations

import importlib
import sys

# Imported when asked for: `manage` must start fast, and needs none of what `up` needs.
WORDS = {
    "up": "instance.up",
    "test": "instance.suite",
    "simulate": "instance.simulate",
    "bench": "instance.bench",
    "manage": "instance.manage",
}

if __name__ == "__main__":
    sys.exit(importlib.import_module(WORDS[sys.argv[1]]).main(sys.argv[2:]))
