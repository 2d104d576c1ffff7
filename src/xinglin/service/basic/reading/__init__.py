"""Reading: a request is decided, the record audited, the entry durable, then the content served (H4 to H7, S7.2a)."""
