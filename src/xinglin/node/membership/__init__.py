"""Members that apply, are reviewed, voted in, join and leave (docs/spec/membership.md)."""
