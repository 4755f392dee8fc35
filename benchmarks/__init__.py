"""Measurements: each puts ours and a plain form side by side in one run and tells the ratio, with the budget beside it."""
