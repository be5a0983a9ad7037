"""Errors of a run that did not start, or ended by itself. Each message is for whoever started it.

RunError
├── StartRefusedError       nothing was started
├── ProgramMissingError     a Temporal program is neither here nor to be had
├── NotReadyError           everything was started, but something stayed away
└── ChildDiedError          a program ended that should be running
"""


class RunError(Exception):
    """The base of all of them."""


class StartRefusedError(RunError):
    """Nothing was started; the message says in one sentence why, and what to do."""


class ProgramMissingError(RunError):
    """A Temporal program is missing and could not be installed; the message says what to
    install."""


class NotReadyError(RunError):
    """Everything was started, but did not become ready; the message says what is missing."""


class ChildDiedError(RunError):
    """A program ended that should be running; the message holds its log's last lines."""
