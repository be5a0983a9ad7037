"""Locks in a forked process: another thread of its parent may have held one, and nobody here
releases it."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class HasLock(Protocol):
    def renew_lock(self) -> None:
        """Replace the lock by one that nobody holds."""
        ...


_owners: WeakSet[HasLock] = WeakSet()


def renew_in_children(owner: HasLock) -> None:
    """Renew the lock of this object in every process that is forked from this one, while it
    lives."""
    _owners.add(owner)


def _renew_all() -> None:
    for owner in _owners:
        owner.renew_lock()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_renew_all)
