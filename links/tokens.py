"""Signed tokens: `<key id>.<content>.<HMAC-SHA256>`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode

ANSWER = "handover.link.answer"
PERSONAL = "handover.link.personal"
SLACK = "handover.link.slack"
"""Salts of the signature: a token made for one purpose does not pass for another."""

ID = re.compile(r"[0-9a-f]{8}")
"""The id of a key. A token of ours begins with one."""


class BadTokenError(Exception):
    """The text is not a token of ours, or its key was revoked."""


class UnknownLinkKeyError(Exception):
    """The token's key is neither known nor revoked here: another process may know it."""

    def __init__(self, key_id: str) -> None:
        self.key_id = key_id
        super().__init__(
            f"This link was made with the key {key_id}, which this process does not know. An"
            " operator has to put it into HANDOVER_LINK_KEYS of every process, or its id into"
            " HANDOVER_REVOKED_KEYS where it is to count no more."
        )


@dataclass(frozen=True, slots=True)
class Link:
    """A link for one recipient of one decision."""

    decision_id: str
    approver: str


@dataclass(frozen=True, slots=True)
class PersonalLink:
    """A link to one person's inbox and settings. It shows all that waits for them, so it has an
    age."""

    approver: str
    minted_at: datetime


@dataclass(frozen=True, slots=True)
class SlackLink:
    """The meaning of a button in a Slack message: the answer of one recipient to what they were
    shown (`State.shown_digest`), pressed by the user to whom it was sent, whose id is unique in the
    workspace `team_id`."""

    decision_id: str
    approver: str
    digest: str
    team_id: str
    user_id: str


class LinkKeys:
    """Mints with the first key and reads tokens of all of them. `revoked` are ids of keys whose
    tokens no longer count.

    Reading raises `BadTokenError` and `UnknownLinkKeyError`.
    """

    def __init__(self, keys: Sequence[str], revoked: Collection[str] = ()) -> None:
        self._keys = {key_id(key): key for key in keys}
        self._newest = key_id(keys[0])
        self._revoked = frozenset(revoked)

    def mint(self, link: Link) -> str:
        return self._sign(ANSWER, [link.decision_id, link.approver])

    def read(self, token: str) -> Link:
        """Return the link that the token names."""
        decision_id, approver = self._signed(ANSWER, token, 2)
        return Link(decision_id, approver)

    def mint_personal(self, link: PersonalLink) -> str:
        return self._sign(PERSONAL, [link.approver, int(link.minted_at.timestamp())])

    def read_personal(self, token: str) -> PersonalLink:
        """Return the personal link that the token names, however old it is."""
        approver, minted_at = self._signed(PERSONAL, token, 2)
        return PersonalLink(approver, datetime.fromtimestamp(minted_at, UTC))

    def mint_slack(self, link: SlackLink) -> str:
        who = [link.team_id, link.user_id]
        return self._sign(SLACK, [link.decision_id, link.approver, link.digest, *who])

    def read_slack(self, token: str) -> SlackLink:
        """Return the Slack link that the token names."""
        return SlackLink(*self._signed(SLACK, token, 5))

    def _sign(self, purpose: str, content: list[Any]) -> str:
        return f"{self._newest}.{_serializer(self._keys[self._newest], purpose).dumps(content)}"

    def _signed(self, purpose: str, token: str, parts: int) -> list[Any]:
        made_with, _, signed = token.partition(".")
        if ID.fullmatch(made_with) and signed and made_with not in (*self._keys, *self._revoked):
            raise UnknownLinkKeyError(made_with)
        try:
            content = _serializer(self._keys[made_with], purpose).loads(signed)
            is_spelled_right = _is_canonical(signed.rpartition(".")[2])
        except (KeyError, BadSignature, ValueError, TypeError) as error:
            raise BadTokenError from error
        if not is_spelled_right or not isinstance(content, list) or len(content) != parts:
            raise BadTokenError
        return content


def _is_canonical(signature: str) -> bool:
    """Return whether this is the one text of its signature: the last character of base64 has unused
    bits."""
    return base64_encode(base64_decode(signature)).decode() == signature


def key_id(key: str) -> str:
    """Return the id of a link key, with which its tokens begin."""
    return hashlib.sha256(key.encode()).hexdigest()[:8]


@lru_cache
def _serializer(key: str, purpose: str) -> URLSafeSerializer:
    return URLSafeSerializer(key, salt=purpose, signer_kwargs={"digest_method": hashlib.sha256})
