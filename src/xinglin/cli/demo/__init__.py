"""The demonstration: four homes in one process, real records, proofs, and tampering found (``xinglin demo``)."""
