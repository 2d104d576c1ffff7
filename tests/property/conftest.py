"""Fixtures of the property tests: the worlds whose chains and bundles they take."""

from tests.support.sample_world import intl_sample, sample

__all__ = ["intl_sample", "sample"]
