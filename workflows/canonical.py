"""JSON in the one form in which it is signed and compared (RFC 8785): that of `handover.proof`."""

from handover.proof import digest, dumps

__all__ = ["digest", "dumps"]
