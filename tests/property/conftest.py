"""Fixtures of the property tests: the worlds whose chains and bundles they take, and a verifier that remembers."""

from tests.support.remembering import remembering
from tests.support.sample_world import intl_sample, sample

__all__ = ["intl_sample", "remembering", "sample"]
