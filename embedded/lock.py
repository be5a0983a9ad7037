"""One run at a time per data folder: two Temporal servers on one database would destroy it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded.errors import StartRefusedError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the data folder, made if need be. The system lets go of it when this process ends.

    Raises `StartRefusedError` when another run holds it, or when it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StartRefusedError(
            f"The data folder {folder} cannot be used ({error.strerror});"
            " name another one with HANDOVER_DATA_DIR."
        ) from None
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartRefusedError(
                f"Handover is already running on the data folder {folder} (process {file.read()}):"
                " stop it, or name another folder with HANDOVER_DATA_DIR."
            ) from None
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield
