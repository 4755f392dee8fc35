"""Measurements: ours and a plain form side by side in one run, their ratio, and the budget beside it."""
