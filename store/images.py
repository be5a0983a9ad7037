"""The images that agents point to. Their content is in the file storage."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.exc import IntegrityError

from store.database import Database
from store.tables import images


@dataclass(frozen=True, slots=True)
class Image:
    """The `number`th image of a decision. `file` names its content and `type` its media type, or
    `problem` says why there is none."""

    decision_id: str
    number: int
    url: str
    fetched_at: datetime
    file: str | None = None
    type: str | None = None
    size: int | None = None
    problem: str | None = None


class Images:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, decision_id: str, number: int) -> Image | None:
        columns = (images.c[each.name] for each in fields(Image))
        query = select(*columns).where(*_is(decision_id, number))
        row = await self._database.read_one(query)
        return Image(**row._mapping) if row else None

    async def keep(self, image: Image) -> Image:
        """Keep this in place of a failure; return it, or the image that was already there."""
        failed = delete(images).where(
            *_is(image.decision_id, image.number), images.c.file.is_(None)
        )
        for _ in range(2):  # another process may have written its failure in between
            try:
                async with self._database.begin() as connection:
                    await connection.execute(failed)
                    await connection.execute(insert(images).values(asdict(image)))
            except IntegrityError:
                continue
            return image
        return await self.find(image.decision_id, image.number) or image


def _is(decision_id: str, number: int) -> tuple[ColumnElement[bool], ...]:
    return images.c.decision_id == decision_id, images.c.number == number
