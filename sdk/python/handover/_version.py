"""The one version, of the SDK and of the service."""

__version__ = "0.1.0"
