"""Questions to an approver: the strict counterparts of `handover.models.ResponseType`.

What counts as an answer to each stands in `workflows.answers`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from handover._file_types import read_accept, read_entry
from workflows.answers import DEFAULT_FILES, MAX_FILES, MAX_NUMBER

SPELLINGS = {"text": "text_input", "number": "number_input"}
"""Other names of a type; answers have the one name."""


def _canonical(type: str) -> str:
    return SPELLINGS.get(type, type)


def _distinct(choices: list[str]) -> list[str]:
    """Refuse choices that are alike, also to the eye: it does not see the number of spaces."""
    if len({" ".join(choice.split()) for choice in choices}) < len(choices):
        raise ValueError("a choice is there twice; name each once")
    return choices


def _one_line(choice: str) -> str:
    """Refuse a choice of several lines: a form sends line breaks back as other ones."""
    if not choice.strip() or any(character < " " for character in choice):
        raise ValueError("a choice is one line, without control characters, and not blank")
    return choice


Label = Annotated[str, StringConstraints(strict=True, max_length=500)]
Short = Annotated[str, StringConstraints(strict=True, max_length=200)]
Offered = Annotated[
    str,
    StringConstraints(strict=True, max_length=200),
    AfterValidator(_one_line),
    Field(json_schema_extra={"pattern": r"\S"}),
]
FieldName = Annotated[
    str, StringConstraints(strict=True, max_length=64, pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$")
]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-MAX_NUMBER, le=MAX_NUMBER)]
FileType = Annotated[str, StringConstraints(strict=True), AfterValidator(read_entry)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ApproveDeny(_Strict):
    """Yes or no."""

    type: Literal["approve_deny"] = "approve_deny"


class Confirm(_Strict):
    """Yes or no, in the words Confirm and Decline."""

    type: Literal["confirm"]


class Choose(_Strict):
    """One of several choices."""

    type: Literal["choose"]
    choices: Annotated[list[Offered], Field(min_length=1, max_length=50), AfterValidator(_distinct)]
    label: Label | None = None


class NewTextField(_Strict):
    """A field for text. `name` is the key of its value in `response_data`."""

    name: FieldName
    label: Short | None = None
    required: StrictBool = False
    placeholder: Short | None = None


def _of_distinct_names(fields: list[NewTextField]) -> list[NewTextField]:
    names = [field.name for field in fields]
    twice = [index for index, name in enumerate(names) if name in names[:index]]
    if twice:
        why = PydanticCustomError("value_error", "two fields of one name; name each once")
        errors = [InitErrorDetails(type=why, loc=(i, "name"), input=names[i]) for i in twice]
        raise ValidationError.from_exception_data("fields", errors)
    return fields


class TextInput(_Strict):
    """One text or several."""

    type: Annotated[Literal["text_input", "text"], AfterValidator(_canonical)]
    fields: Annotated[
        list[NewTextField], Field(min_length=1, max_length=20), AfterValidator(_of_distinct_names)
    ]


class NumberInput(_Strict):
    """A number; `min` and `max` belong to what is allowed."""

    type: Annotated[Literal["number_input", "number"], AfterValidator(_canonical)]
    label: Label | None = None
    min: Number | None = None
    max: Number | None = None
    placeholder: Short | None = None

    @field_validator("max")
    @classmethod
    def _check_range(cls, most: float | None, info: ValidationInfo) -> float | None:
        least = info.data.get("min")
        if least is not None and most is not None and least > most:
            raise ValueError("this is below `min`, so that no number would be allowed")
        return most


class Schedule(_Strict):
    """The time at which the action may be done."""

    type: Literal["schedule"]
    label: Label | None = None
    allow_immediate: Annotated[
        StrictBool | None, Field(description="Whether `now` is an answer too; by default it is.")
    ] = None


class FileUpload(_Strict):
    """Files from the approver."""

    type: Literal["file_upload"]
    label: Label | None = None
    max_files: Annotated[
        int | None,
        Field(strict=True, ge=1, le=MAX_FILES, description=f"By default {DEFAULT_FILES}."),
    ] = None
    accept: Annotated[
        list[FileType] | None,
        Field(
            min_length=1,
            max_length=20,
            description="Media types (`image/*`) or endings (`.pdf`) of what is taken; by default"
            " all that is. They are told in the one form of each kind.",
        ),
        AfterValidator(read_accept),
    ] = None


class _Kind(BaseModel):
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


MODELS: dict[str, type[_Strict]] = {
    "approve_deny": ApproveDeny,
    "confirm": Confirm,
    "choose": Choose,
    "text_input": TextInput,
    "number_input": NumberInput,
    "schedule": Schedule,
    "file_upload": FileUpload,
}


def _read(value: Any) -> Any:
    """Read a type as its model. The union alone would put the type into the names of the fields at
    fault: `response_type.choose.choices`."""
    if isinstance(value, _Strict):
        return value
    if not isinstance(value, dict):
        raise ValueError('send an object with a type, such as {"type": "confirm"}')  # noqa: TRY004 - pydantic wants ValueError
    kind = _Kind.model_validate(value)
    return MODELS[_canonical(kind.type)].model_validate(value)


NewResponseType = Annotated[
    ApproveDeny | Confirm | Choose | TextInput | NumberInput | Schedule | FileUpload,
    Field(discriminator="type"),
    BeforeValidator(_read),
]
