"""A service in this process: what `dev_mode`, the terminal and `handover.testing` answer with."""
