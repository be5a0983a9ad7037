"""One question of each response type, as an agent writes it."""

from __future__ import annotations

CHOOSE = {"type": "choose", "label": "Which carrier?", "choices": ["DHL", "UPS <fast>", "now"]}
TEXT = {
    "type": "text_input",
    "fields": [
        {"name": "choice", "label": "Reason", "required": True, "placeholder": "In a sentence"},
        {"name": "ticket.id"},
    ],
}
NUMBER = {"type": "number_input", "label": "How many?", "min": -1.5, "max": 100}
SCHEDULE = {"type": "schedule", "label": "When?"}
LATER = {"type": "schedule", "allow_immediate": False}
UPLOAD = {"type": "file_upload", "max_files": 2, "accept": ["application/pdf", ".csv"]}
