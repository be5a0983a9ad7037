"""The SQL store, for everything that outlives a decision or is no part of its history.

It has API keys, idempotency keys, deliveries of messages, refused responses, contents too large for
a history, and metadata of files. It is SQLite when embedded, PostgreSQL in production.
"""

from store.database import StoreAway, StoreError
from store.opening import Store, UnusableStoreError, open_store

__all__ = ["Store", "StoreAway", "StoreError", "UnusableStoreError", "open_store"]
