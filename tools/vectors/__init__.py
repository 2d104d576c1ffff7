"""Makes the project's own vectors (docs/spec/vectors.md): a small world with fixed keys, a file for each format."""
