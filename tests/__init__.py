"""The tests. A package, so that no other package's folder of this name can take its place in a spawned process."""
