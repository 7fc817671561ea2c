from __future__ import annotations

import sys

from instance.manage import manage
from instance.throwaway import run_tests
from instance.up import up

WORDS = {"up": up, "test": run_tests, "manage": manage}

if __name__ == "__main__":
    sys.exit(WORDS[sys.argv[1]](sys.argv[2:]))
