"""Destruction: retention, holds, orders by two accounts, shredding, certificates (S7.1f, S8.1; design D10)."""
