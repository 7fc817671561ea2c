#!/usr/bin/env bash
# standardwebhooks for Python signs another moment than it is given where the time has a zone other
# than UTC: sign() takes the wall clock of that zone for UTC. The same moment in Jakarta's time gives
# the signature of seven hours later, so a receiver with the usual tolerance refuses the message.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check standardwebhooks==1.1.0

cat >"$folder/look.py" <<'END'
import sys
from datetime import UTC, datetime, timedelta, timezone
from importlib.metadata import version

from standardwebhooks import Webhook

signer = Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
moment = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
jakarta = moment.astimezone(timezone(timedelta(hours=7)))
right = signer.sign("msg_1", moment, "{}")
local = signer.sign("msg_1", jakarta, "{}")
later = signer.sign("msg_1", moment + timedelta(hours=7), "{}")
print("standardwebhooks", version("standardwebhooks"))
print("one moment, two zones, equal times:", moment == jakarta)
print("equal signatures:", right == local)
print("local equals the signature of 7 h later:", local == later)
sys.exit(not (moment == jakarta and right != local and local == later))
END
"$folder/venv/bin/python" "$folder/look.py"
