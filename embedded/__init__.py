"""Everything on one machine: a Temporal dev server, the worker and the API, by one command."""
