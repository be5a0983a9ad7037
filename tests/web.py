"""HTTP clients of the tests: they share one TLS context, since making one takes 30 ms."""

from __future__ import annotations

from typing import Any

import httpx2

TRUST = httpx2.create_ssl_context()


def client(**options: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(**{"verify": TRUST, **options})
