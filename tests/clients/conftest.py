"""The agents of the API's tests."""

from tests.api.conftest import agent, operator

__all__ = ["agent", "operator"]
