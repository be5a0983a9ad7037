"""The one way out: this package makes every request to an address that a customer named.

Otherwise somebody who may name a URL could make this service call addresses that only it can reach:
its own network, its cloud's metadata, itself.
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
