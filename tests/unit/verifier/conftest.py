"""What the verifier's tests share."""

from tests.support.remembering import remembering

__all__ = ["remembering"]
