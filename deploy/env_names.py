"""Whether .env names settings that are none: `python -m deploy.env_names`, status 0 or 1.

The compose file hands on what it knows by name, so nobody else would hear of a misspelt one.
"""

from __future__ import annotations

import os
import sys

import setting_names
from config import Settings


def main() -> int:
    """The exit status."""
    misspelt = list(setting_names.misspelt(os.environ, Settings.model_fields))
    for sentence in (*misspelt, *setting_names.unknown(os.environ, Settings.model_fields)):
        print(sentence)  # noqa: T201 - Docker keeps what it says
    return 1 if misspelt else 0


if __name__ == "__main__":
    sys.exit(main())
