"""The files that pages load besides their images: stylesheets, scripts and an icon, from nowhere
but here.

A file's address has a digest of its content, so that a browser may keep it for ever.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from markupsafe import Markup

FOLDER = Path(__file__).parent.parent / "assets"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

path_shown: ContextVar[str] = ContextVar("path_shown", default="/d/token")
"""The path of the page that is being made. Its files and links are named relative to it, because a
proxy may put the service below a path of its own."""


def root() -> str:
    """Return the relative path from this page to the service's first path."""
    return "/".join([".."] * (path_shown.get().count("/") - 1)) or "."


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the pages. `digest` is a part of its address."""

    name: str
    content: bytes
    packed: bytes = field(repr=False)

    @classmethod
    def of(cls, file: Path) -> Asset:
        content = file.read_bytes()
        return cls(file.name, content, gzip.compress(content, mtime=0))

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()[:16]

    @property
    def type(self) -> str:
        return TYPES[Path(self.name).suffix]

    @property
    def address(self) -> str:
        stem, _, ending = self.name.rpartition(".")
        return f"{root()}/assets/{stem}.{self.digest}.{ending}"


@lru_cache(maxsize=1)
def assets() -> dict[str, Asset]:
    """Return the files by name."""
    return {file.name: Asset.of(file) for file in FOLDER.iterdir() if file.suffix in TYPES}


def loaders(nonce: str) -> dict[str, Callable[[str], Markup]]:
    """Return the functions with which templates load a file, by its name."""

    def style(name: str) -> Markup:
        tag = Markup('<link rel="stylesheet" href="{}" nonce="{}">')
        return tag.format(assets()[name].address, nonce)

    def script(name: str) -> Markup:
        tag = Markup('<script src="{}" nonce="{}" defer></script>')
        return tag.format(assets()[name].address, nonce)

    def icon(name: str) -> Markup:
        return Markup('<link rel="icon" href="{}">').format(assets()[name].address)

    return {"style": style, "script": script, "icon": icon}
