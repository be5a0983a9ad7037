"""Measures what a decision costs, beside the least that Temporal itself would need for it: `make
bench`."""
