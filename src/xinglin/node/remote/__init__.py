"""Speaking with running nodes over HTTP: the forms, signed requests, and clients that switch nodes (S6.2f)."""
