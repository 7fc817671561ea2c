"""The languages of notices. Each is a module with the same names in its table."""

from __future__ import annotations

from collections.abc import Mapping

from notices.languages import en, id

LANGUAGES = [("en", "English"), ("id", "Bahasa Indonesia")]
TABLES: dict[str, Mapping[str, str]] = {"en": en.TEXTS, "id": id.TEXTS}
DEFAULT = "en"


def text(language: str, name: str, **values: object) -> str:
    """Return a text in this language, or in English."""
    return TABLES.get(language, TABLES[DEFAULT])[name].format(**values)
