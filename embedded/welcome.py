"""The text of a run once it is ready."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from embedded.plan import Plan
from settings.secrets import load_secrets


def welcome(plan: Plan, environment: Mapping[str, str], wrong: str) -> str:
    """Return the addresses and what to try first, after the list of what is `wrong`, if anything
    is."""
    key_file = plan.data / "api-key"
    key = key_file.read_text().strip()
    return f"""
{_running(wrong)}

  API          {plan.api_url}
  API key      {key}  (kept in {key_file})
  {_email(plan)}
  {_temporal(plan, environment)}
  Logs         {plan.data / "logs"}

Ask for an approval from another terminal, and answer it from the e-mail:

  curl -sS "{plan.api_url}/decisions?wait=60" \\
    -H "Authorization: Bearer $(cat {shlex.quote(str(key_file))})" \\
    -H "Content-Type: application/json" \\
    -d '{{"action": "Refund order 1142", "approver": "approver@example.com"}}'

or from Python (`.venv/bin/python` has the package):

  from handover import HandoverClient

  client = HandoverClient(api_key="{key}", base_url="{plan.api_url}")
  decision = client.decisions.create(
      action="Refund order 1142", approver="approver@example.com", timeout_minutes=30)
  print(decision.status, decision.approved)

Ctrl-C stops everything. What is pending then goes on with the next `make run`.
"""


def _running(wrong: str) -> str:
    if wrong:
        return f"Handover is running, and not everybody can be asked.\n\n  {wrong}"
    return "Handover is running."


def _email(plan: Plan) -> str:
    if plan.settings.email != "outbox":
        return f"E-mail       is sent with {plan.settings.email}"
    token = load_secrets(plan.settings).outbox_token
    return f"Outbox       {plan.api_url}/outbox/{token}  (e-mails end up here)"


def _temporal(plan: Plan, environment: Mapping[str, str]) -> str:
    if plan.dev_server:
        return f"Temporal UI  http://{plan.ports.temporal_ui.address}"
    return f"Temporal     {environment['TEMPORAL_ADDRESS']}"
