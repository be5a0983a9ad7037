"""Valid response types, with the limits of the service."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from .._file_types import read_accept, read_entry
from .json_limits import MAX_INTEGER

SPELLINGS = {"text": "text_input", "number": "number_input"}


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _one_line(choice: str) -> str:
    if not choice.strip() or any(character < " " for character in choice):
        raise ValueError("a choice is one line, without control characters, and not blank")
    return choice


def _different(choices: list[str]) -> list[str]:
    if len({" ".join(choice.split()) for choice in choices}) < len(choices):
        raise ValueError("a choice is there twice; name each once")
    return choices


Label = Annotated[str, StringConstraints(strict=True, max_length=500)]
Short = Annotated[str, StringConstraints(strict=True, max_length=200)]
Offered = Annotated[Short, AfterValidator(_one_line)]
FieldName = Annotated[
    str, StringConstraints(strict=True, max_length=64, pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$")
]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-MAX_INTEGER, le=MAX_INTEGER)]
FileType = Annotated[str, StringConstraints(strict=True), AfterValidator(read_entry)]


class Plain(Strict):
    """A yes or no."""

    type: str


class Choose(Strict):
    type: str
    choices: Annotated[
        list[Offered], Field(min_length=1, max_length=50), AfterValidator(_different)
    ]
    label: Label | None = None


class NewTextField(Strict):
    name: FieldName
    label: Short | None = None
    required: StrictBool = False
    placeholder: Short | None = None


class TextInput(Strict):
    type: str
    fields: Annotated[list[NewTextField], Field(min_length=1, max_length=20)]


class NumberInput(Strict):
    type: str
    label: Label | None = None
    min: Number | None = None
    max: Number | None = None
    placeholder: Short | None = None


class Schedule(Strict):
    type: str
    label: Label | None = None
    allow_immediate: StrictBool | None = None


class FileUpload(Strict):
    type: str
    label: Label | None = None
    max_files: Annotated[int | None, Field(strict=True, ge=1, le=10)] = None
    accept: Annotated[
        list[FileType] | None, Field(min_length=1, max_length=20), AfterValidator(read_accept)
    ] = None


MODELS: dict[str, type[Strict]] = {
    "approve_deny": Plain,
    "confirm": Plain,
    "choose": Choose,
    "text_input": TextInput,
    "number_input": NumberInput,
    "schedule": Schedule,
    "file_upload": FileUpload,
}


class Kind(BaseModel):
    type: Literal[
        "approve_deny",
        "confirm",
        "choose",
        "text_input",
        "text",
        "number_input",
        "number",
        "schedule",
        "file_upload",
    ] = "approve_deny"


def read_response_type(given: Any) -> dict[str, Any]:
    """Return the type in its one spelling. Raises pydantic's ValidationError."""
    kind = Kind.model_validate(given).type
    told = cast(dict[str, Any], given) | {"type": SPELLINGS.get(kind, kind)}
    read = MODELS[told["type"]].model_validate(told)
    return read.model_dump(mode="json", exclude_none=True)


def complaints_about_type(told: dict[str, Any]) -> list[tuple[str, str]]:
    """Return complaints that concern no single field."""
    least, most = told.get("min"), told.get("max")
    if least is not None and most is not None and least > most:
        return [("response_type.max", "this is below `min`, so that no number would be allowed")]
    names = [field["name"] for field in told.get("fields") or ()]
    return [
        (f"response_type.fields.{index}.name", "two fields of one name; name each once")
        for index, name in enumerate(names)
        if name in names[:index]
    ]
