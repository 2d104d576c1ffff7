"""The patient index (患者主索引, EMPI): which registrations are of one person, within a node and across nodes (H1)."""
