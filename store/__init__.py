"""The SQL store: what has to outlive a decision, or is no part of its history.

API keys, idempotency keys, what became of each message, responses that were refused, contents too
large for a history, and what is known of files. SQLite embedded, PostgreSQL in production.
"""

from store.database import StoreAway, StoreError
from store.opening import Store, UnusableStoreError, open_store

__all__ = ["Store", "StoreAway", "StoreError", "UnusableStoreError", "open_store"]
