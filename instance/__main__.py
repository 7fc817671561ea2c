from __future__ import annotations

import importlib
import sys

# Imported on demand: `manage` must start fast, and needs none of what `up` needs.
WORDS = {
    "up": "instance.commands.up",
    "test": "instance.commands.suite",
    "simulate": "instance.commands.simulate",
    "bench": "instance.commands.bench",
    "manage": "instance.commands.manage",
}

if __name__ == "__main__":
    sys.exit(importlib.import_module(WORDS[sys.argv[1]]).main(sys.argv[2:]))
