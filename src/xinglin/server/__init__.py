"""The HTTP application of a running node: listeners, limits, who may ask what (design D2; docs/spec/node-http.md)."""
