"""A service in this process, behind `dev_mode`, the terminal and `handover.testing`."""
