"""The table of every problem that this API can answer with; errors, OpenAPI and `/problems` read
it.

A `code` is a promise: it keeps its meaning and its status. A test provokes each over HTTP.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from handover.models import Decision

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """One kind of problem. `meaning` says what it means and what to do about it."""

    model_config = ConfigDict(frozen=True)

    code: str
    status: int
    title: str
    meaning: str

    @property
    def type(self) -> str:
        """Return a reference to this entry of the table, which the service itself answers."""
        return f"/problems/{self.code}"


class FieldError(BaseModel):
    """A wrong field. `field` is its name in the request, with dots into lists and objects."""

    field: str = Field(examples=["escalation.0.after_minutes"])
    message: str


class ProblemDocument(BaseModel):
    """A problem document, after RFC 9457."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="Where the service explains this code: `/problems/{code}`.")
    title: str = Field(description="The code in words; the same for every document of one code.")
    status: int = Field(description="The status of the response.")
    detail: str = Field(description="What went wrong this time, and what to do.")
    instance: str = Field(
        description="`urn:request:` and the response's `X-Request-Id`, which the log has too."
    )
    code: str = Field(description="A word that stays, for programs.")
    error: str = Field(description="The same sentence as `detail`.")
    errors: list[FieldError] = Field(default=[], description="The fields at fault, where any are.")
    form: str | None = Field(
        default=None, description="With `needs_code`: what to send back together with the code."
    )
    decision: Decision | None = Field(
        default=None, description="The decision as it stands, where it stands in the way."
    )


_TABLE = (
    Problem(
        code="bad_request",
        status=400,
        title="Unreadable request",
        meaning="The body cannot be read as what its Content-Type says. Send well-formed JSON, or"
        " multipart form data where a file is asked for.",
    ),
    Problem(
        code="unauthorized",
        status=401,
        title="No valid API key",
        meaning="The request has no API key, or one that is not known here, was revoked or has"
        " expired. Send `Authorization: Bearer ho_…` with a key of this service.",
    ),
    Problem(
        code="malformed_key",
        status=401,
        title="This is no API key",
        meaning="What was sent as an API key cannot be one: a character is wrong or missing. Copy"
        " the key whole; it has `ho_` and 49 letters and digits.",
    ),
    Problem(
        code="missing_scope",
        status=403,
        title="The key may not do this",
        meaning="The API key is valid, and this is beyond what it may do. Ask the operator for a"
        " key with the scope that `detail` names.",
    ),
    Problem(
        code="not_signed",
        status=403,
        title="Not signed by whom it comes from",
        meaning="What a provider tells this service is taken with the provider's signature alone,"
        " and soon after it was signed. Compare the key in the settings with the provider's, and"
        " the clocks.",
    ),
    Problem(
        code="own_decision",
        status=403,
        title="Nobody approves their own request",
        meaning="The key that resolves a decision must belong to somebody other than the agent"
        " that asked. Use another key, or let the approver answer.",
    ),
    Problem(
        code="approver_not_allowed",
        status=403,
        title="The key may not ask this approver",
        meaning="The API key asks certain people only, and `errors` names who is none of them."
        " Nobody was asked. Ask somebody else, or the operator for another key.",
    ),
    Problem(
        code="not_found",
        status=404,
        title="Not there",
        meaning="There is no such thing under this path for this key. What belongs to another agent"
        " is not there either.",
    ),
    Problem(
        code="method_not_allowed",
        status=405,
        title="Method not allowed",
        meaning="This path exists and does not take this method. The header `Allow` names those"
        " that it takes.",
    ),
    Problem(
        code="already_settled",
        status=409,
        title="The decision is over",
        meaning="The decision is settled and changes no more. `decision` is how it ended; ask anew"
        " if that is not enough.",
    ),
    Problem(
        code="late",
        status=409,
        title="The time to answer is over",
        meaning="The request came after `expires_at`. The decision expires within seconds; ask anew"
        " to have it decided.",
    ),
    Problem(
        code="changed",
        status=409,
        title="What is asked has changed",
        meaning="The decision was changed after it was read, by an attachment for example. Read it"
        " again, then answer what is asked now.",
    ),
    Problem(
        code="too_many_codes",
        status=409,
        title="All codes are used up",
        meaning="Ten codes were mailed to this approver for this decision, and none of them holds"
        " any more: this link cannot answer it. If the approver did not ask for them, somebody else"
        " has the link. A key that may resolve can answer in their place.",
    ),
    Problem(
        code="not_permitted",
        status=409,
        title="The decision does not permit its action",
        meaning="Nobody has permitted the action, or not yet: `decision` says how it stands. Do not"
        " run it.",
    ),
    Problem(
        code="already_claimed",
        status=409,
        title="Somebody else runs the action, or has run it",
        meaning="A permitted action runs once, and this one was claimed before:"
        " `decision.execution` says by whom, since when, and how it ended. Do not run it; ask anew"
        " to have it run again.",
    ),
    Problem(
        code="not_claimed",
        status=409,
        title="There is no such claim",
        meaning="The decision was not claimed under this `claim_id`. Report with that of your own"
        " claim.",
    ),
    Problem(
        code="already_reported",
        status=409,
        title="It was reported otherwise",
        meaning="How the run of this claim ended was reported before, and stays as it is:"
        " `decision.execution` has it, unless it was given back.",
    ),
    Problem(
        code="own_key",
        status=409,
        title="The key of this very request",
        meaning="Nobody revokes the key that they are using, so that there is always one left. Use"
        " another administrator's key.",
    ),
    Problem(
        code="gone",
        status=410,
        title="No longer kept",
        meaning="It was here, and its record is no longer kept. To ask again, use a new"
        " `Idempotency-Key`.",
    ),
    Problem(
        code="content_too_large",
        status=413,
        title="The body is too large",
        meaning="The body is larger than anything that this path takes. Send less.",
    ),
    Problem(
        code="file_too_large",
        status=413,
        title="The file is too large",
        meaning="A file has at most 10 MB. Send a smaller one, or a link to it in `context`.",
    ),
    Problem(
        code="invalid_request",
        status=422,
        title="The request is not valid",
        meaning="Some fields cannot stay as they are; `errors` names each. Nothing was changed."
        " Correct them and send it again.",
    ),
    Problem(
        code="idempotency_key_reused",
        status=422,
        title="The Idempotency-Key belongs to another request",
        meaning="This key came with another request before. Use a new key for each decision, and"
        " the same key only to repeat the same request.",
    ),
    Problem(
        code="invalid_answer",
        status=422,
        title="The answer does not fit the question",
        meaning="The decision does not offer this answer, or its data do not fit its"
        " `response_type`. The decision is still pending and the attempt is in its record.",
    ),
    Problem(
        code="needs_code",
        status=422,
        title="A code is needed besides",
        meaning="The answer counts only together with the code that was mailed to the approver."
        " The decision is still pending. Send the same answer again, with the code as `code`"
        " and with the `form` of this answer.",
    ),
    Problem(
        code="not_longer",
        status=422,
        title="That would not be an extension",
        meaning="The new deadline has to be later than the present one, and within the longest"
        " time that a decision may take.",
    ),
    Problem(
        code="unknown_attachment",
        status=422,
        title="No such attachment",
        meaning="The request names a file that this key has not uploaded, or that is a decision's"
        " already. Upload it with `POST /attachments` first.",
    ),
    Problem(
        code="too_many_attachments",
        status=422,
        title="Too many attachments",
        meaning="A decision has at most 5 attachments. Leave some out.",
    ),
    Problem(
        code="file_type_refused",
        status=422,
        title="Files of this type are not taken",
        meaning="Judged by its content, the file is none of the types that are taken: images, PDF,"
        " office documents, text, CSV, Markdown, JSON and XML.",
    ),
    Problem(
        code="file_empty",
        status=422,
        title="The file is empty",
        meaning="The file has no content. Send one that has.",
    ),
    Problem(
        code="rate_limited",
        status=429,
        title="Too many requests",
        meaning="More requests came with this key in a minute than it may make. Send the same"
        " request again after the seconds in `Retry-After`.",
    ),
    Problem(
        code="quota_exceeded",
        status=429,
        title="The month's decisions are used up",
        meaning="The key has made all the decisions that it may make in a calendar month (UTC)."
        " Nothing was created. Ask the operator for more.",
    ),
    Problem(
        code="messages_behind",
        status=429,
        title="More is asked than people can be told",
        meaning="Messages to approvers wait, because more is asked than can be sent. Nothing was"
        " created: the question would have been told late. Send the same request again after the"
        " seconds in `Retry-After`.",
    ),
    Problem(
        code="internal",
        status=500,
        title="A fault of the service",
        meaning="Something went wrong that is not the client's fault. It is logged under the id in"
        " `instance`; tell the operator.",
    ),
    Problem(
        code="lists_unavailable",
        status=501,
        title="Lists are not available",
        meaning="The Temporal server does not have the search attributes that lists need. Waiting"
        " does not help: the operator has to register them. Single decisions can be read.",
    ),
    Problem(
        code="unavailable",
        status=503,
        title="Away for the moment",
        meaning="A part that the service needs cannot be reached. Send the same request again after"
        " the seconds in `Retry-After`, with the same `Idempotency-Key`.",
    ),
    Problem(
        code="unconfirmed",
        status=503,
        title="Not known whether it was taken",
        meaning="The connection to Temporal broke, or an answer did not come in time, while this"
        " was handed over: it may be in the decision's history, or not. Read the decision: what was"
        " taken shows there. Sending the same again is safe, but for a file, which may be shown"
        " twice.",
    ),
)

PROBLEMS = {problem.code: problem for problem in _TABLE}
