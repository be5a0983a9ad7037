"""Errors of a request that was not sent, or not answered.

    OutgoingError
    ├── RefusedUrlError    this URL is not one to send to, however often it is tried
    ├── UnreachableError   the name, the server or its answer is missing, and may be there later
    └── TooMuchError       the answer is larger than what is taken of it

The text is a sentence for whoever gave the URL. It names no address that a name led to: that would
tell strangers what our own name server knows.
"""

from __future__ import annotations


class OutgoingError(Exception):
    pass


class RefusedUrlError(OutgoingError):
    pass


class UnreachableError(OutgoingError):
    pass


class TooMuchError(OutgoingError):
    pass
