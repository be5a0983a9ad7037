"""Runs of what was permitted: each is claimed once, and reported by whoever claimed it.

The store decides who comes first, and is believed in nothing else: a claim and a report count with
the signature of this service alone.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from api.decisions.clock import Clock
from api.decisions.signing import Signer
from api.problems.errors import NeedsOperator
from handover.models import Execution, ExecutionStatus, Signature, Status
from histories.reading import Live, Reading
from store import Store
from store.executions import ClaimRow, ReportRow
from workflows import proof
from workflows.statements import Claim, Report, SignedClaim, SignedReport

log = logging.getLogger(__name__)

SAME = {"decision_id", "number", "run_id", "request_digest", "agent", "claim_id", "worker"}
"""Fields that a claim and its row name alike."""
PERMITTING = (Status.APPROVED, Status.MODIFIED, Status.SCHEDULED)
FORGED = (
    "The store says that the action of this decision was claimed, and this service has not signed"
    " that. Nothing may run on it; tell an operator."
)


@dataclass(frozen=True, slots=True)
class Run:
    """A claim, and how its run ended."""

    claim: SignedClaim
    report: SignedReport | None

    @property
    def is_given_back(self) -> bool:
        return self.report is not None and self.report.status == ExecutionStatus.NOT_RUN

    def was_given_back(self, at: datetime) -> bool:
        """Return whether the run had been given back by this time."""
        return self.is_given_back and self.report is not None and self.report.received_at <= at

    @property
    def execution(self) -> Execution:
        claim, report = self.claim, self.report
        return Execution(
            status=report.status if report else ExecutionStatus.CLAIMED,
            claim_id=claim.claim_id,
            claimed_by=claim.agent,
            worker=claim.worker,
            claimed_at=claim.received_at,
            finished_at=report.received_at if report else None,
            result=report.result if report else None,
        )


@dataclass(frozen=True, slots=True)
class Runs:
    """All runs of a decision that this service has signed, in order; `is_whole` unless the store
    has others too."""

    signed: Sequence[Run]
    is_whole: bool

    @property
    def current(self) -> Execution | None:
        """The execution that keeps all others from claiming."""
        last = self.signed[-1] if self.signed else None
        return last.execution if last and not last.is_given_back else None

    @property
    def next_number(self) -> int:
        return self.signed[-1].claim.number + 1 if self.signed else 0


class Executions:
    def __init__(self, store: Store, signer: Signer, clock: Clock) -> None:
        self._store = store.executions
        self._signer = signer
        self._clock = clock

    async def of(self, reading: Reading) -> Runs:
        """Return the runs of this decision. None is looked for if nothing was permitted."""
        is_permitting = isinstance(reading, Live) and reading.state.status in PERMITTING
        may_have_run = reading.annulled or is_permitting
        rows = await self._store.of(reading.decision_id) if may_have_run else []
        runs = [self._run(claim, report) for claim, report in rows]
        signed = [run for run, _ in runs if run]
        is_whole = all(whole for _, whole in runs)
        if not is_whole:
            log.error("the store has executions of %s that are not signed", reading.decision_id)
        return Runs(signed, is_whole)

    async def claim(
        self, reading: Live, agent: str, claim_id: str, worker: str | None, instead_of: str | None
    ) -> tuple[Execution, bool]:
        """Return the execution that this decision has from now on, and whether it is this new
        claim, which takes the place of the one that it names.

        Raises `NeedsOperator`.
        """
        while True:
            runs = await self._whole(reading)
            if runs.current and not _gives_way(runs.current, instead_of, claim_id):
                return runs.current, False
            at = await self._clock.now()
            said = _claim(reading, runs.next_number, agent, claim_id, worker, at)
            claim = self._signer.sign(said, SignedClaim)
            if await self._store.claim(_claim_row(claim)):
                return Run(claim, None).execution, True

    async def report(
        self, reading: Reading, claim_id: str, status: str, result: str | None
    ) -> Run | None:
        """Return the run of this claim with its report, which is the first that came; None if there
        is no such claim. Raises `NeedsOperator`."""
        run = _of_claim(await self._whole(reading), claim_id)
        if run is None or run.report:
            return run
        said = _report(run.claim, status, result, await self._clock.now())
        report = self._signer.sign(said, SignedReport)
        if await self._store.report(said.decision_id, said.number, _report_row(report)):
            return Run(run.claim, report)
        return _of_claim(await self._whole(reading), claim_id)

    async def _whole(self, reading: Reading) -> Runs:
        runs = await self.of(reading)
        if not runs.is_whole:
            raise NeedsOperator(FORGED)
        return runs

    def _run(self, claim_row: ClaimRow, report_row: ReportRow | None) -> tuple[Run | None, bool]:
        """Return the signed part of a row, and whether that is all of it."""
        with suppress(ValueError):  # of a row that is no claim at all
            claim = _signed_claim(claim_row)
            if proof.verified(claim, self._signer.keyring):
                return self._ended(claim, report_row)
        return None, False

    def _ended(self, claim: SignedClaim, row: ReportRow | None) -> tuple[Run, bool]:
        if row is None:
            return Run(claim, None), True
        with suppress(ValueError):  # of a row that is no report at all
            report = _signed_report(claim, row)
            if proof.verified(report, self._signer.keyring):
                return Run(claim, report), True
        return Run(claim, None), False


def _gives_way(execution: Execution, named: str | None, claim_id: str) -> bool:
    """Return whether it is the one that a further claim names, which may take its place."""
    if execution.status not in (ExecutionStatus.CLAIMED, ExecutionStatus.FAILED):
        return False
    return execution.claim_id == named != claim_id


def _of_claim(runs: Runs, claim_id: str) -> Run | None:
    """Return the newest run of this claim, as one that was given back may be claimed again under
    the same name."""
    return next((run for run in reversed(runs.signed) if run.claim.claim_id == claim_id), None)


def _claim(
    reading: Live, number: int, agent: str, claim_id: str, worker: str | None, at: datetime
) -> Claim:
    return Claim(
        decision_id=reading.decision_id,
        run_id=reading.run_id,
        request_digest=reading.input.request_digest,
        received_at=at,
        number=number,
        agent=agent,
        claim_id=claim_id,
        worker=worker,
    )


def _claim_row(claim: SignedClaim) -> ClaimRow:
    return ClaimRow(
        **claim.model_dump(include=SAME),
        claimed_at=claim.received_at,
        claim_key=claim.signature.key_id,
        claim_signature=claim.signature.value,
    )


def _signed_claim(row: ClaimRow) -> SignedClaim:
    return SignedClaim(
        **{name: getattr(row, name) for name in SAME},
        received_at=row.claimed_at,
        signature=Signature(key_id=row.claim_key, value=row.claim_signature),
    )


def _report(claim: Claim, status: str, result: str | None, at: datetime) -> Report:
    return Report(
        decision_id=claim.decision_id,
        run_id=claim.run_id,
        request_digest=claim.request_digest,
        received_at=at,
        number=claim.number,
        agent=claim.agent,
        claim_id=claim.claim_id,
        status=status,
        result=result,
    )


def _report_row(report: SignedReport) -> ReportRow:
    return ReportRow(
        status=report.status,
        result=report.result,
        finished_at=report.received_at,
        report_key=report.signature.key_id,
        report_signature=report.signature.value,
    )


def _signed_report(claim: Claim, row: ReportRow) -> SignedReport:
    said = _report(claim, row.status, row.result, row.finished_at)
    signature = Signature(key_id=row.report_key, value=row.report_signature)
    return SignedReport(**said.model_dump(), signature=signature)
