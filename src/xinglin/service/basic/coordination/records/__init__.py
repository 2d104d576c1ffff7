"""The contract ``records``: batches of record commitments, and the destruction of records."""
