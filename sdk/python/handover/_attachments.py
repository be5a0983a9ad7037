"""The methods of `client.attachments`, step by step and without I/O."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel

from ._base import Call, Steps, path_of, read, retried, send
from ._options import Options
from ._patience import Patience, backoff
from ._waiting import Deadline
from .exceptions import HandoverError, WaitTimeoutError, WrongAnswerError
from .models import Attachment

UNHEARD = 202
UNSHOWN = (
    "The service has the file; no worker of it has shown the file with the decision so far."
    " client.attachments.list({!r}) tells when one has."
)

File = str | os.PathLike[str] | bytes | BinaryIO


class _Attached(BaseModel):
    attachments: list[Attachment]


@dataclass(frozen=True, slots=True)
class Content:
    name: str
    data: bytes

    def among(self, attached: list[Attachment]) -> Attachment | None:
        sha256 = hashlib.sha256(self.data).hexdigest()
        return next((each for each in attached if each.sha256 == sha256), None)


def read_file(file: File, name: str | None) -> Content:
    """Return the content and a name. Raises `OSError`, and `ValueError` if no name is known."""
    if isinstance(file, bytes):
        data, known = file, None
    elif isinstance(file, str | os.PathLike):
        data, known = Path(file).read_bytes(), Path(file).name
    else:
        data, known = file.read(), _name_of(file)
    if not (name := name or known):
        raise ValueError("name: bytes need one, with an ending, such as 'orders.csv'")
    return Content(name, data)


def _name_of(file: BinaryIO) -> str | None:
    name: object = getattr(file, "name", None)  # of a descriptor it is a number
    return Path(name).name if isinstance(name, str) else None


def upload(options: Options, content: Content, *, decision_id: str | None) -> Steps[Attachment]:
    if decision_id is not None:
        return (yield from _attach(options, decision_id, content))
    attachment = yield from send(options, _post("/attachments", content), Attachment)
    if content.among([attachment]) is None:
        raise WrongAnswerError("sha256", attachment.id)
    return attachment


def list_(options: Options, decision_id: str) -> Steps[list[Attachment]]:
    call = Call(method="GET", path=path_of(decision_id, "attachments"))
    return (yield from send(options, call, _Attached)).attachments


def _attach(options: Options, decision_id: str, content: Content) -> Steps[Attachment]:
    """Show one more file with a decision, once: after an attempt without an answer, look for it
    before sending it again."""
    patience = Patience(options.clock, options.retry_for)
    call = _post(path_of(decision_id, "attachments"), content)
    look = Call(method="GET", path=call.path)
    while True:
        try:
            answer = yield call
            attached = content.among(read(_Attached, answer).attachments)
        except HandoverError as error:
            call = replace(look, after=patience.pause(error))
            continue
        if attached:
            return attached
        if answer.status == UNHEARD:
            return (yield from _until_shown(options, decision_id, content))
        call = _post(look.path, content)


def _until_shown(options: Options, decision_id: str, content: Content) -> Steps[Attachment]:
    """Wait until a worker shows the file, which the service already has."""
    deadline = Deadline(options, options.retry_for)
    look = Call(method="GET", path=path_of(decision_id, "attachments"))
    patience = Patience(options.clock, options.retry_for)
    times = 0
    while left := deadline.left():
        times += 1
        look = replace(look, after=min(backoff(times), left))
        found, _ = yield from retried(look, patience, _Attached)
        if attached := content.among(found.attachments):
            return attached
    raise WaitTimeoutError(decision_id, options.retry_for, UNSHOWN.format(decision_id))


def _post(path: str, content: Content) -> Call:
    return Call(method="POST", path=path, file=(content.name, content.data))
