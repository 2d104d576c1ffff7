"""What binds records off the chain to commitments on it: batches, locators, status, anchors, outbox (S7.2e)."""
