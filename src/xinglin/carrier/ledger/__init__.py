"""The ledger: transactions, apply_block, state, log, blocks, checkpoints, proofs, snapshots (design D5, D6)."""
