"""Checks the environment's settings for connections, before one fails because of them."""

from __future__ import annotations

import os
from urllib.request import getproxies

from ._urls import WEB, complaint_about
from .exceptions import ConfigurationError

PROXIES = {f"{scheme}_proxy": scheme for scheme in ("http", "https", "all")}
SCHEMES = (*WEB, "socks5", "socks5h")


def check_environment() -> None:
    """Check the environment. Raises `ConfigurationError` for an impossible proxy, and for missing
    certificates."""
    for scheme, proxy in getproxies().items():
        if scheme not in PROXIES.values() or not proxy:
            continue
        if why := complaint_about(proxy if "://" in proxy else f"http://{proxy}", SCHEMES):
            raise ConfigurationError(f"{_set(f'{scheme}_proxy')} is no proxy: {why}, or unset it.")
    folders = os.environ.get("SSL_CERT_DIR")
    if folders and not any(map(os.path.isdir, folders.split(os.pathsep))):
        raise ConfigurationError(
            f"SSL_CERT_DIR is {folders!r}, and there is no such folder: name one with certificates,"
            " or unset it."
        )


def with_bad_proxy(error: Exception) -> ConfigurationError:
    """Return the error for a proxy that the HTTP library refuses."""
    return ConfigurationError(f"{_set(*PROXIES)} is no proxy: {error}. Change it, or unset it.")


def without_proxy_library() -> ConfigurationError:
    """Return the error for a SOCKS proxy without the package that it needs."""
    return ConfigurationError(
        f"{_set(*PROXIES)} names a SOCKS proxy, which takes another package:"
        " pip install 'httpx2[socks]', or unset it."
    )


def without_certificates(error: OSError) -> ConfigurationError:
    """Return the error for a file of certificates that cannot be read."""
    return ConfigurationError(
        f"SSL_CERT_FILE is {os.environ.get('SSL_CERT_FILE')!r}, which cannot be read"
        f" ({error.strerror or error}): name a file of certificates (PEM), or unset it."
    )


def _set(*names: str) -> str:
    """Return those of these variables that are set, as they are written there."""
    found = [name for name, value in os.environ.items() if name.lower() in names and value]
    return ", ".join(sorted(found)) or "The system's proxy"
