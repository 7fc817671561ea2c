"""Logs as one JSON object a line, so that no value can forge a second line; and bounded, so that
no stranger can fill a disk."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from datetime import UTC, datetime

PERIOD_SECONDS = 60.0
# Lines of one kind (logger, level and text before its values) that a process writes in a period.
FIRST = 20
# Kinds that are counted apart; the texts are ours, so that there are never so many.
MOST_KINDS = 1000
Kind = tuple[str, int, str]


class JsonFormatter(logging.Formatter):
    r"""Time, level, logger, message, and the traceback if there is one.

    ASCII only: control characters, bidi marks and terminal escapes become \u escapes.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True)


class Counted(logging.Filter):
    """Let the first lines of each kind through, and count the others: one line a minute says how
    many there were.

    What Django refuses for its safety (a foreign Host, an odd path) comes from strangers: it is one
    line without their words and without a traceback.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._seen: Counter[Kind] = Counter()
        self._timer: threading.Timer | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "is_summary", False):
            return True
        if record.name.startswith("django.security.") and record.exc_info:
            record.msg = f"refused: {record.name.rpartition('.')[2]}"
            record.args, record.exc_info, record.exc_text = None, None, None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        with self._lock:
            kind = (record.name, record.levelno, str(record.msg)[:200])
            if len(self._seen) >= MOST_KINDS and kind not in self._seen:
                kind = ("", record.levelno, "other lines")
            self._seen[kind] += 1
            if self._timer is None:
                self._timer = threading.Timer(PERIOD_SECONDS, self.summarise)
                self._timer.daemon = True
                self._timer.start()
            return self._seen[kind] <= FIRST

    def summarise(self) -> None:
        """Write how many lines of each kind were not written, and begin anew."""
        with self._lock:
            seen, self._seen, self._timer = self._seen, Counter(), None
        for (name, level, text), times in seen.items():
            if times > FIRST:
                left_out = "%d more of these within %d s: %s"
                logging.getLogger(name).log(
                    level,
                    left_out,
                    times - FIRST,
                    PERIOD_SECONDS,
                    text,
                    extra={"is_summary": True},
                )
