"""Declarative fault tests of a consortium on CometBFT: manifests, and the runner that plays them (S6.2b to S6.2f)."""
