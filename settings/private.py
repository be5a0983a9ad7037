"""The data folder and its files, which are this service's alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from stat import S_IMODE, S_ISLNK

OTHERS = 0o077
"""Rights of the group and of everybody else to a file."""


def create_once(path: Path, content: str) -> str:
    """Make a private file (0600) unless it is there, and return what it holds.

    Linking a finished file into place is what makes two processes that start together agree.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink(missing_ok=True)
    return path.read_text()


def keep_private(folder: Path) -> list[str]:
    """Take the data folder, and the files in it, from everybody else on the machine; what this
    process makes from here on is its own alone.

    Returns what could not be taken, as warnings: a folder that belongs to somebody else.
    """
    os.umask(OTHERS)
    open_to_others: list[str] = []
    for path in (folder, *folder.iterdir()) if folder.is_dir() else ():
        try:
            _take_from_others(path)
        except FileNotFoundError:  # a process beside this one has just removed it
            continue
        except PermissionError:
            open_to_others.append(
                f"HANDOVER_DATA_DIR: {path} is open to others on this machine and belongs to"
                " somebody else: let its owner take that away (`chmod go= …`)."
            )
    return open_to_others


def _take_from_others(path: Path) -> None:
    mode = path.lstat().st_mode
    if mode & OTHERS and not S_ISLNK(mode):
        path.chmod(S_IMODE(mode) & ~OTHERS)
