"""The planted faults: what stands in the tables beside this file, read and put into a tree."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class MisplacedError(Exception):
    """A fault whose old text is not where its table says, or not there once."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One change for the worse. `id` is the table's file and its name there.

    `old` occurs once in `file`, or once in the function or class named `within`, and becomes `new`.
    `breaks` says what that does. `tests` are most likely to notice, the fast ones first; `widely`
    is where to look besides. `needs` is what a test starts that can notice at all: `temporal`,
    `skipped time`, `processes`, `a killed process`, `postgresql`, `redis`, `browser`; None for
    nothing slow.
    """

    id: str
    file: str
    old: str
    new: str
    breaks: str
    tests: tuple[str, ...]
    widely: tuple[str, ...]
    within: str | None = None
    needs: str | None = None

    def planted(self, source: str) -> str:
        """The file with this fault in it. Raises `MisplacedError`."""
        start, end = self._place(source)
        part = source[start:end]
        if part.count(self.old) != 1 or self.old == self.new:
            where = f"{self.file} ({self.within})" if self.within else self.file
            raise MisplacedError(f"{self.id}: {part.count(self.old)} times in {where}: {self.old}")
        return source[:start] + part.replace(self.old, self.new) + source[end:]

    def _place(self, source: str) -> tuple[int, int]:
        if self.within is None:
            return 0, len(source)
        named = f".{self.within}"
        found = [node for name, node in _definitions(ast.parse(source)) if name.endswith(named)]
        if len(found) != 1:
            raise MisplacedError(f"{self.id}: {len(found)} definitions of {self.within}")
        lines = source.splitlines(keepends=True)
        start = sum(map(len, lines[: found[0].lineno - 1]))
        return start, start + sum(map(len, lines[found[0].lineno - 1 : found[0].end_lineno]))


def faults() -> list[Fault]:
    """All of them, table by table."""
    return [fault for table in sorted(FOLDER.glob("*.toml")) for fault in _read(table)]


def _read(table: Path) -> Iterator[Fault]:
    told: dict[str, Any] = tomllib.loads(table.read_text())
    widely = tuple(told.pop("widely"))
    for name, fault in told.items():
        tests, within = tuple(fault.pop("tests")), fault.pop("in", None)
        yield Fault(id=f"{table.stem}.{name}", widely=widely, tests=tests, within=within, **fault)


def _definitions(node: ast.AST, outer: str = "") -> Iterator[tuple[str, Definition]]:
    """All functions and classes, by the names that lead to them: `.Store.close`."""
    for inner in ast.iter_child_nodes(node):
        name = outer
        if isinstance(inner, Definition):
            name = f"{outer}.{inner.name}"
            yield name, inner
        yield from _definitions(inner, name)
