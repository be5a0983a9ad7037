"""Metadata of files. Their content is in the file storage, under the same id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, func, insert, select, update

from handover.models import Attachment
from store.database import Database
from store.tables import attachments


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file: the agent whose decision it belongs to, and who sent it.

    `decision_id` is None for a file that an agent uploaded before it asked.
    """

    attachment: Attachment
    agent: str
    uploaded_by: str
    decision_id: str | None = None


class Attachments:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, file: StoredFile) -> None:
        values = {
            **file.attachment.model_dump(include=set(Attachment.model_fields)),
            "agent": file.agent,
            "uploaded_by": file.uploaded_by,
            "decision_id": file.decision_id,
            "created_at": datetime.now(UTC),
        }
        async with self._database.begin() as connection:
            await connection.execute(insert(attachments).values(values))

    async def give(self, attachment_id: str, agent: str, decision_id: str) -> None:
        """Make a file part of a decision, whose agent may fetch it then."""
        given = (
            update(attachments)
            .where(attachments.c.id == attachment_id)
            .values(agent=agent, decision_id=decision_id)
        )
        async with self._database.begin() as connection:
            await connection.execute(given)

    async def remove(self, attachment_id: str) -> None:
        async with self._database.begin() as connection:
            await connection.execute(delete(attachments).where(attachments.c.id == attachment_id))

    async def count(self, decision_id: str, uploaded_by: str) -> int:
        """Return how many files somebody has sent for one decision."""
        query = select(func.count()).where(
            attachments.c.decision_id == decision_id, attachments.c.uploaded_by == uploaded_by
        )
        return await self._database.read_value(query)

    async def find(self, attachment_id: str) -> StoredFile | None:
        query = select(attachments).where(attachments.c.id == attachment_id)
        row = await self._database.read_one(query)
        if row is None:
            return None
        return StoredFile(
            Attachment(**{name: getattr(row, name) for name in Attachment.model_fields}),
            agent=row.agent,
            uploaded_by=row.uploaded_by,
            decision_id=row.decision_id,
        )
