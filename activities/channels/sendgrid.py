"""E-mail by SendGrid.

Its library is synchronous. The activity around it is not, since it reads Temporal and the store. So
the blocking call runs in threads of its own, so that a slow provider starves nothing else, and with
a timeout, because a thread that never ends would keep its message for ever.
"""

# The library has no types.
# pyright: basic

from __future__ import annotations

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from email.headerregistry import Address as Mailbox
from http.client import HTTPException
from typing import Any

import sendgrid
from python_http_client.exceptions import HTTPError
from sendgrid.helpers.mail import (
    ClickTracking,
    CustomArg,
    From,
    Ganalytics,
    Header,
    Mail,
    OpenTracking,
    SubscriptionTracking,
    To,
    TrackingSettings,
)

from activities.channels.email import Email
from activities.channels.errors import (
    DeferredError,
    DeliveryError,
    RefusedError,
    UndeliverableError,
)
from activities.retry_after import retry_after
from handover.addresses import Address, is_among, one_form

# At DEBUG the library under SendGrid's logs the API key, and mails with their signed links.
logging.getLogger("python_http_client").setLevel(logging.INFO)

TIMEOUT = 15
"""Seconds for a call; well below the activity's own limit."""

THREADS = 16

SENDING = "mail.send"
"""The scope of a key that may send."""

ONE_PAGE = 50
"""Domains that SendGrid lists at once. If it lists as many, there may be more."""


class SendGrid:
    provider = "sendgrid"

    def __init__(self, api_key: str, host: str, timeout: int = TIMEOUT) -> None:
        self._client = sendgrid.SendGridAPIClient(api_key, host=host)
        self._client.client.timeout = timeout
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sendgrid")

    async def send(self, email: Email) -> str:
        """Send the mail and return SendGrid's `X-Message-Id`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._post, to_mail(email))

    async def check(self, sender: Mailbox) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._check, sender)

    def _check(self, sender: Mailbox) -> None:
        scopes = self._read("scopes", "scopes")
        if scopes is not None and SENDING not in scopes:
            raise RefusedError(
                "The key in HANDOVER_SENDGRID_API_KEY may not send mail. Give it the permission"
                " Mail Send, or make another key that has it."
            )
        senders = self._read("verified_senders", "results")
        domains = self._read("whitelabel/domains")
        if senders is None or domains is None or len(domains) >= ONE_PAGE:
            return  # what the key may not read, the first mail tells
        if not _is_verified(sender, senders, domains):
            raise RefusedError(
                f"The sender {sender.addr_spec} is not verified at SendGrid. Verify it, or its"
                " domain, under Sender Authentication, or change HANDOVER_EMAIL_FROM."
            )

    def _read(self, path: str, name: str | None = None) -> list[Any] | None:
        """Return the list in this answer, or the one under this name in it. None if the key may not
        read it, or the host has none. Raises `DeliveryError`."""
        try:
            answer = self._client.client._(path).get()  # pyright: ignore[reportCallIssue] - methods are made when they are called
            content = json.loads(answer.body)
        except HTTPError as error:
            if int(error.status_code) in (403, 404):
                return None
            raise delivery_error(error) from error
        except (OSError, HTTPException) as error:
            raise unreachable(error) from error
        except ValueError:
            return None
        listed = content.get(name) if name and isinstance(content, dict) else content
        return listed if isinstance(listed, list) else None

    def _post(self, mail: Mail) -> str:
        try:
            response = self._client.send(mail)
        except HTTPError as error:
            raise delivery_error(error) from error
        except (OSError, HTTPException) as error:
            raise unreachable(error) from error
        return response.headers.get("X-Message-Id") or mail.get()["headers"]["Message-ID"]


def to_mail(email: Email) -> Mail:
    """Return the mail in the form of SendGrid's library."""
    mail = Mail(
        from_email=From(email.sender.addr_spec, email.sender.display_name or None),
        to_emails=To(email.to.addr_spec),
        # What looks encoded would be decoded, by them or by a mail program, to anything.
        subject=email.subject.replace("=?", "= ?"),
        plain_text_content=email.text,
        html_content=email.html,
    )
    for name, value in email.headers.items():
        mail.add_header(Header(name, value))
    # SendGrid shows these in its events and logs: ids alone, which say nothing.
    mail.add_custom_arg(CustomArg("decision_id", email.decision_id))
    mail.add_custom_arg(CustomArg("message", email.message))
    # Tracking would rewrite the signed links, and lead each click past a third party.
    mail.tracking_settings = TrackingSettings(
        click_tracking=ClickTracking(enable=False, enable_text=False),
        open_tracking=OpenTracking(enable=False),
        subscription_tracking=SubscriptionTracking(enable=False),
        ganalytics=Ganalytics(enable=False),
    )
    return mail


def unreachable(error: Exception) -> DeferredError:
    return DeferredError(
        f"SendGrid cannot be reached: {error}. Where that stays so, check HANDOVER_SENDGRID_HOST,"
        " and that the worker may reach it."
    )


def delivery_error(error: HTTPError) -> DeliveryError:
    """Return the delivery error that SendGrid's answer means."""
    status, answer = int(error.status_code), _answer(error)
    if status == 429 or status >= 500:
        return DeferredError(f"SendGrid asks to try later ({status}).", retry_after(error.headers))
    if status == 400 and _blames_the_recipient(error):
        return UndeliverableError(f"SendGrid refuses the address: {answer}")
    if status in (401, 403):
        return RefusedError(
            f"SendGrid refuses us ({status}): {answer}. Check HANDOVER_SENDGRID_API_KEY, that the"
            " key may send mail, and that the sender HANDOVER_EMAIL_FROM is verified there."
        )
    return RefusedError(
        f"SendGrid refuses our request ({status}): {answer}. Check HANDOVER_EMAIL_FROM and"
        " HANDOVER_SENDGRID_HOST."
    )


def _is_verified(sender: Mailbox, senders: list[Any], domains: list[Any]) -> bool:
    """Return whether SendGrid takes mails from this address: it has verified the address or its
    domain."""
    verified = [each["from_email"] for each in senders if each.get("verified")]
    authenticated = [one_form(f"@{each['domain']}") for each in domains if each.get("valid")]
    return is_among(sender.addr_spec, verified) or Address.parse(sender.addr_spec).is_within(
        each.removeprefix("@") for each in authenticated
    )


def _errors(error: HTTPError) -> list[dict[str, Any]]:
    try:
        errors = json.loads(error.body)["errors"]
    except (ValueError, TypeError, KeyError):
        return []
    return [entry for entry in errors if isinstance(entry, dict)]


def _blames_the_recipient(error: HTTPError) -> bool:
    fields = [str(entry.get("field") or "") for entry in _errors(error)]
    return any(field.startswith("personalizations") and ".to" in field for field in fields)


def _answer(error: HTTPError) -> str:
    said = "; ".join(str(entry.get("message") or "") for entry in _errors(error))
    return " ".join(said.split())[:300].rstrip(".") or str(error.reason)
