"""Seal every secret again with the first key of FIELD_KEYS, so that other keys can be retired."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db import models, transaction

from accounts.store.encryption import (
    CannotOpen,
    is_sealed_with_the_first_key,
    seal,
    unseal,
)

PREFIX = "sealed"
# Rows locked and in memory at once. A forwarded body may be 1 MB.
ROWS_AT_ONCE = 20


@dataclass(slots=True)
class Rotation:
    """Counts for one column: values sealed again, values already current, and values that cannot be
    opened."""

    column: str
    resealed: int = 0
    already: int = 0
    closed: int = 0


def rotate() -> list[Rotation]:
    """Reseal every column that holds sealed values; one result per column. Safe to interrupt and
    repeat."""
    return [_rotate(model, field) for model, field in sealed_columns()]


def sealed_columns() -> Iterator[tuple[type[models.Model], str]]:
    for model in apps.get_models():
        for field in model._meta.local_concrete_fields:
            if field.name == PREFIX or field.name.startswith(f"{PREFIX}_"):
                yield model, field.name


def _rotate(model: type[models.Model], field: str) -> Rotation:
    found, last = Rotation(column=f"{model._meta.label}.{field}"), 0
    while (reached := _rotate_some(model, field, last, found)) is not None:
        last = reached
    return found


def _rotate_some(model: type[models.Model], field: str, after: int, found: Rotation) -> int | None:
    """Reseal the next rows. Return the id of the last row seen; None if there are no more."""
    with transaction.atomic():
        rows = list(
            model._default_manager.select_for_update(of=("self",))
            .only("pk", field)
            .filter(pk__gt=after)
            .order_by("pk")[:ROWS_AT_ONCE]
        )
        changed = [row for row in rows if _reseal(row, field, found)]
        model._default_manager.bulk_update(changed, [field])
    return rows[-1].pk if rows else None


def _reseal(row: models.Model, field: str, found: Rotation) -> bool:
    sealed = getattr(row, field)
    if not sealed:
        return False
    if is_sealed_with_the_first_key(sealed):
        found.already += 1
        return False
    try:
        setattr(row, field, seal(unseal(sealed)))
    except CannotOpen:
        found.closed += 1
        return False
    found.resealed += 1
    return True
