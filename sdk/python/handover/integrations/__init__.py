"""Handover inside the frameworks that agents are built with; each takes the extra of its name."""
