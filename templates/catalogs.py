"""Translations: GNU gettext's catalogs, read from their sources so that no compiled copy of one can
be older than it."""

from __future__ import annotations

from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

FOLDER = Path(__file__).parent / "languages"


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Marks a text that is translated where it is shown, and not here."""
    return text


def catalog(language: str) -> Catalog:
    """The source of a translation. Raises `OSError` where there is none."""
    with (FOLDER / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


@lru_cache
def translations(language: str) -> NullTranslations:
    """What English becomes in this language."""
    if language == "en":
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, catalog(language))
    compiled.seek(0)
    return GNUTranslations(compiled)
