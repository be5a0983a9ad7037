"""Keeps the catalogs complete: it collects all our texts, and writes them into each catalog.

`make languages` runs it. It prints the texts without a translation, and then ends with status 1.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import write_po

from templates.catalogs import FOLDER, catalog
from templates.reader import LANGUAGES
from templates.rendering import environment

ROOT = FOLDER.parent.parent
ROOMS = ("activities", "api", "templates", "workflows")
TEMPLATES = (".html", ".txt")

KEYWORDS: dict[str, Any] = {
    **dict.fromkeys(("gettext", "_", "N_", "say"), None),
    "ngettext": (1, 2),
}
"""Names of the functions that translate, or mark for it; `ngettext` takes two texts."""

TRANSLATIONS = tuple(language for language in LANGUAGES if language != "en")


def extracted() -> Catalog:
    """Return every text that is translated, with the files that contain it."""
    found = Catalog()
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*")):
            for message in _texts(path):
                found.add(message, locations=[(path.relative_to(ROOT).as_posix(), 0)])
    return found


def updated(language: str) -> str:
    """Return the new content of this language's file: all of the texts, and no others."""
    translated = catalog(language)
    translated.update(extracted(), no_fuzzy_matching=True)
    written = BytesIO()
    write_po(
        written,
        translated,
        width=100,
        sort_output=True,
        omit_header=True,
        ignore_obsolete=True,
        include_lineno=False,
    )
    return f"{_header(language)}\n\n{written.getvalue().decode().strip()}\n"


def missing(language: str) -> list[str]:
    """Return the texts without a translation."""
    translated = catalog(language)
    return [
        _id(message)
        for message in extracted()
        if message.id and not _is_translated(translated.get(message.id))
    ]


def main() -> int:
    """Update the catalogs, and print what is missing in them."""
    status = 0
    for language in TRANSLATIONS:
        (FOLDER / f"{language}.po").write_text(updated(language), encoding="utf-8")
        for text in missing(language):
            sys.stdout.write(f"{language}: not translated: {text}\n")
            status = 1
    return status


def _texts(path: Path) -> Iterator[str | tuple[str, ...]]:
    if path.suffix == ".py":
        for _, text, _, _ in extract_from_file("python", path, KEYWORDS, strip_comment_tags=True):
            yield text
    elif path.suffix in TEMPLATES:
        # By the environment that renders them: the same text comes out of both.
        for _, function, text in environment.extract_translations(  # pyright: ignore[reportAttributeAccessIssue] - the extension adds it
            path.read_text(encoding="utf-8"), gettext_functions=tuple(KEYWORDS)
        ):
            one, *more = (text,) if isinstance(text, str) else text
            yield (one, more[0]) if function == "ngettext" else one


def _header(language: str) -> str:
    """Return our own header, which has a glossary and no dates."""
    return (FOLDER / f"{language}.po").read_text(encoding="utf-8").partition("\n\n")[0].strip()


def _is_translated(message: Message | None) -> bool:
    if message is None or message.fuzzy:
        return False
    forms = [message.string] if isinstance(message.string, str) else message.string
    return bool(forms) and all(forms)


def _id(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


if __name__ == "__main__":
    sys.exit(main())
