"""`/problems`: the meanings of the codes. The `type` of every problem document leads here."""

from __future__ import annotations

from fastapi import APIRouter

from api.http import openapi
from api.problems.errors import NotFound
from api.problems.table import PROBLEMS, Problem

router = APIRouter(tags=["problems"])


@router.get("/problems")
async def problems() -> list[Problem]:
    """List every problem that this API can answer with, by status."""
    return sorted(PROBLEMS.values(), key=lambda problem: problem.status)


@router.get("/problems/{code}", responses=openapi.problems("not_found"))
async def problem(code: str) -> Problem:
    """Explain one code, and what to do about it."""
    if code not in PROBLEMS:
        raise NotFound(f"There is no problem of this name; `/problems` lists all {len(PROBLEMS)}.")
    return PROBLEMS[code]
