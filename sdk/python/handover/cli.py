"""The command `handover`: ask a person from a shell script or a CI job.

    handover ask "Deploy v42?" --approver approver@example.com --timeout 30m && ./deploy v42

It needs `pip install 'handover-sdk[cli]'`, and reads `HANDOVER_API_KEY` and `HANDOVER_BASE_URL`.
The exit codes of `ask` and `watch`:

0 approved: the action may run, of one with a payload what is on stdout
1 denied, cancelled, or changed in words only
2 expired: nobody answered in time
3 nothing is known: the service was not reached, refused the request, or something broke
4 open: nobody has decided yet (`ask --no-wait`, `watch --timeout`), or it is approved for later
64 the command was not understood
130 interrupted by Ctrl-C; the decision goes on

The other commands end with 0 when they succeed. Without its library the command ends with 3 and
nobody is asked.
"""

from __future__ import annotations

import sys
import traceback

from ._verdicts import ExitCode, Finished
from .exceptions import HandoverError

BY_LIBRARY = {"0": 0, "2": ExitCode.USAGE, "130": ExitCode.INTERRUPTED}
"""Our exit codes for typer's own: for its help, and for a mistake in the command."""


def main() -> None:
    """Run the command of `sys.argv`, and end the process with its exit code."""
    sys.exit(_exit_code())


def _exit_code() -> int:
    """Return the exit code. Only `Finished` is an answer, whatever exit code a library has for
    another end."""
    try:
        from ._commands import app

        app()
    except Finished as finished:
        return finished.code
    except SystemExit as ended:
        return BY_LIBRARY.get(str(ended.code or 0), ExitCode.FAILED)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except HandoverError as error:
        _say("\n".join([f"handover: {error}", *getattr(error, "__notes__", [])]))
    except ModuleNotFoundError as error:
        _without(error)
    except Exception:
        traceback.print_exc()
    return ExitCode.FAILED


def _without(error: ModuleNotFoundError) -> None:
    missing = (error.name or "").partition(".")[0]
    if missing not in ("typer", "rich"):
        traceback.print_exception(error)
        return
    _say(
        f"The command `handover` takes {missing}, which is not installed:"
        " pip install 'handover-sdk[cli]'"
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
