"""What was measured: a table for people, and a line for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isnan
from statistics import median

from benchmarks.load import Round
from benchmarks.measures import Cost
from benchmarks.pages import Opened

PROCESSES = ("server", "worker", "api", "load")


@dataclass(frozen=True)
class Results:
    """One contender's: what a decision costs, its rounds alone, and its rounds in the crowd."""

    name: str
    cost: Cost
    alone: list[Round] = field(default_factory=list[Round])
    crowd: list[Round] = field(default_factory=list[Round])

    @property
    def per_second(self) -> float:
        return median(played.per_second for played in self.crowd)

    def latency(self, percent: int) -> float:
        return median(played.latency(percent) for played in self.alone)

    def cpu(self, process: str) -> float:
        return median(played.cpu_each(process) for played in self.crowd)


def json_line(
    bare: Results, plain: Results, default: Results, encrypted: Results, opened: Opened
) -> str:
    further = {
        "with_receipts": _headline(default, bare),
        "with_encryption": _headline(encrypted, bare) | _of_plain(encrypted, plain),
        "page": {
            "page_ms_p50": round(opened.page(50), 2),
            "read_ms_p50": round(opened.read(50), 2),
            "page_of_read_p50": round(opened.page(50) / opened.read(50), 3),
        },
    }
    return json.dumps(_headline(plain, bare) | further)


def page_lines(opened: Opened) -> str:
    return (
        f"ms to open a decision's page: p50 {opened.page(50):.1f}, p95 {opened.page(95):.1f};"
        f" to read it as JSON: p50 {opened.read(50):.1f}, p95 {opened.read(95):.1f}"
    )


def _headline(product: Results, bare: Results) -> dict[str, float]:
    return {
        "throughput_ratio": round(product.per_second / bare.per_second, 3),
        "latency_ratio_p50": round(product.latency(50) / bare.latency(50), 3),
        "latency_ratio_p95": round(product.latency(95) / bare.latency(95), 3),
        "actions_per_decision": round(product.cost.actions, 2),
        "events_per_decision": round(product.cost.events, 2),
        "history_bytes_per_decision": round(product.cost.history_bytes),
    }


def _of_plain(product: Results, plain: Results) -> dict[str, float]:
    """What a setting leaves of the plain approval."""
    return {
        "throughput_of_plain": round(product.per_second / plain.per_second, 3),
        "latency_p50_of_plain": round(product.latency(50) / plain.latency(50), 3),
    }


def table(columns: Sequence[Results], at_once: int) -> str:
    measures: dict[str, Callable[[Results], float]] = {
        f"settled per second, {at_once} at once": lambda one: one.per_second,
        "ms from click to agent, p50, 1 at once": lambda one: one.latency(50),
        "ms from click to agent, p95, 1 at once": lambda one: one.latency(95),
        "Actions per decision": lambda one: one.cost.actions,
        "events per decision": lambda one: one.cost.events,
        "history bytes per decision": lambda one: one.cost.history_bytes,
    }
    for process in PROCESSES:
        measures[f"CPU ms per decision: {process}"] = lambda one, p=process: one.cpu(p)
    rows = [["", *(one.name for one in columns)]]
    rows += [[name, *(_number(of(one)) for one in columns)] for name, of in measures.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    )


def _number(value: float) -> str:
    if isnan(value):
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}"
