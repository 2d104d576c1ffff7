"""Makes and checks proof bundles: records and anchors proven to strangers (docs/spec/proof-bundle.md)."""
