"""Become a program that ends with its parent: `python -I tied.py PARENT_PID PROGRAM ARGUMENT...`.

Linux can send a signal to a process when its parent dies, also when nothing in the parent can act
any more (SIGKILL). Asked for here, between two `exec`, because Python code that runs between
`fork` and `exec` (`preexec_fn`) can deadlock. Elsewhere the program is simply started.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before it could be tied to
            sys.exit(1)
    try:
        os.execvp(command[0], command)  # noqa: S606 - replacing this process is what it is for
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
