"""The API as it is on a machine whose clock is an hour behind."""

from datetime import UTC, datetime, timedelta

import api.decisions.clock
from api.main import app

__all__ = ["app"]


def an_hour_ago() -> datetime:
    return datetime.now(UTC) - timedelta(hours=1)


api.decisions.clock.now = an_hour_ago
