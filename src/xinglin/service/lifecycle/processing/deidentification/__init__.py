"""De-identified copies by rules that are data (H3, H7, H8; GB/T 37964-2019)."""
