"""The one way out: every request to an address that a customer named is made here.

Whoever may name a URL could otherwise make this service knock on doors that only it can reach: its
own network, its cloud's metadata, itself.
"""

from outgoing.errors import OutgoingError, RefusedUrlError, TooMuchError, UnreachableError
from outgoing.exceptions import Exceptions
from outgoing.guarded import Answer, GuardedClient

__all__ = [
    "Answer",
    "Exceptions",
    "GuardedClient",
    "OutgoingError",
    "RefusedUrlError",
    "TooMuchError",
    "UnreachableError",
]
