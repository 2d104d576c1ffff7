"""A whole consortium on one machine, each node its own home and process: for development, and to begin a real one."""
