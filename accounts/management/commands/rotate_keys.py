from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from accounts.management.command import RegisteringCommand
from accounts.store.rotation import rotate


class Command(RegisteringCommand):
    help = (
        "Seal every secret anew with the first of FIELD_KEYS. Doing it again changes nothing. "
        "Once it ends well, the other keys can be taken out."
    )

    def register(self, options: dict[str, Any]) -> tuple[str, dict[str, object]]:
        columns = rotate()
        closed = sum(column.closed for column in columns)
        if closed:
            names = ", ".join(f"{one.closed} in {one.column}" for one in columns if one.closed)
            raise CommandError(
                f"{closed} values are sealed with a key that is not in FIELD_KEYS ({names}); all "
                "others are sealed with the first key now. Add that key at the end and repeat, or "
                "set those secrets again"
            )
        resealed = sum(column.resealed for column in columns)
        already = sum(column.already for column in columns)
        return (
            f"Sealed {resealed} values anew with the first of FIELD_KEYS; {already} were already. "
            "The other keys are not needed any more.",
            {"resealed": resealed, "already": already},
        )
