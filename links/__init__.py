"""Link tokens: who a link was made for, and which decision it is about; and the codes besides.

Pure. Activities mint, the API reads. A token never carries the choice, and it has no expiry of its
own: what it may do follows from the decision (answer while pending, read afterwards).
"""

from links.codes import Codes
from links.tokens import (
    BadTokenError,
    Link,
    LinkKeys,
    PersonalLink,
    SlackLink,
    UnknownLinkKeyError,
)

__all__ = [
    "BadTokenError",
    "Codes",
    "Link",
    "LinkKeys",
    "PersonalLink",
    "SlackLink",
    "UnknownLinkKeyError",
]
