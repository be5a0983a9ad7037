"""Settings: read by the composition roots (`worker.py`, `api.main`, `embedded`) only."""
