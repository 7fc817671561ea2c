"""Run the health check as a person does."""

from __future__ import annotations

import io

from django.core.management import CommandError, call_command


class Monitor:
    """Runs the command; `code`, `out` and `err` hold the result of the last run."""

    def __call__(self, *arguments: str) -> int:
        out, err = io.StringIO(), io.StringIO()
        try:
            call_command("monitor_sessions", *arguments, stdout=out, stderr=err)
        except SystemExit as ended:
            self.code = ended.code
        except CommandError as error:
            self.code = error.returncode
            err.write(str(error))
        self.out, self.err = out.getvalue(), err.getvalue()
        return self.code
