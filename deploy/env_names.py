"""Reports unknown settings in .env: `python -m deploy.env_names`, status 0 or 1.

The compose file passes on only the settings that it names, so nobody else would notice a misspelt
one.
"""

from __future__ import annotations

import os
import sys

from settings import names
from settings.model import Settings


def main() -> int:
    """Return the exit status."""
    misspelt = list(names.misspelt(os.environ, Settings.model_fields))
    for sentence in (*misspelt, *names.unknown(os.environ, Settings.model_fields)):
        print(sentence)  # noqa: T201 - Docker keeps what it says
    return 1 if misspelt else 0


if __name__ == "__main__":
    sys.exit(main())
