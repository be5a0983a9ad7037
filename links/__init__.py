"""Link tokens, which name a recipient and a decision, and the codes that go with them.

The package is pure: activities mint, the API reads. A token never carries the choice, and it has no
expiry of its own: its rights follow from the decision (answer while pending, read afterwards).
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
