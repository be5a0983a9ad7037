"""The report: a table for people, and a line for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isnan
from statistics import median

from benchmarks.bursts import Burst
from benchmarks.clicks import Clicks
from benchmarks.handing_over import HandedOver
from benchmarks.held import Held
from benchmarks.load import Round
from benchmarks.measures import Cost
from benchmarks.pages import Opened
from benchmarks.sdk import Weight

PROCESSES = ("server", "worker", "api", "load")


@dataclass(frozen=True)
class Results:
    """One contender's results: the cost of a decision, its rounds alone, and its rounds in the
    crowd."""

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
    bare: Results,
    plain: Results,
    default: Results,
    encrypted: Results,
    handed: HandedOver,
    opened: Opened,
    clicks: Clicks,
    weight: Weight,
    burst: Burst,
    held: Held,
) -> str:
    further = {
        "with_receipts": _headline(default, bare),
        "with_encryption": _headline(encrypted, bare) | _of_plain(encrypted, plain),
        "handed_over": {
            "message_ms_p50": round(handed.message(50), 2),
            "message_ms_p95": round(handed.message(95), 2),
            "activity_ms_p50": round(handed.activity(50), 2),
            "activity_ms_p95": round(handed.activity(95), 2),
        },
        "page": {
            "page_ms_p50": round(opened.page(50), 2),
            "read_ms_p50": round(opened.read(50), 2),
            "page_of_read_p50": round(opened.page(50) / opened.read(50), 3),
        },
        "sdk": {
            "click_to_create_ratio_p50": round(default.latency(50) / bare.latency(50), 3),
            "with_pauses_ratio_p50": round(clicks.create(50) / clicks.result(50), 3),
            "waiting_calls": weight.calls,
            "waiting_lost": weight.lost,
            "waiting_peak_mb": weight.peak_mb,
            "import_ms_p50": round(weight.import_ms, 1),
        },
        "burst": {
            "asked_per_second": round(burst.asked_per_second, 1),
            "told_per_second": round(burst.told_per_second, 1),
            "lag_s_p50": round(burst.lag(50), 2),
            "lag_s_p95": round(burst.lag(95), 2),
            "lag_s_most": round(max(burst.lags), 2),
            "lag_s_last": round(burst.last_lag, 2),
        },
        "held": {
            "waits": held.waits,
            **{f"{name}_cpu_ms_per_s": round(cpu, 1) for name, cpu in held.cpu.items()},
            "read_ms_p50": round(held.read(50), 1),
            "read_ms_p95": round(held.read(95), 1),
        },
    }
    return json.dumps(_headline(plain, bare) | further)


def burst_line(burst: Burst) -> str:
    return (
        f"{len(burst.lags):,} asked at {burst.asked_per_second:.1f} a second, told at"
        f" {burst.told_per_second:.1f}; s from asking to the mail: p50 {burst.lag(50):.2f},"
        f" p95 {burst.lag(95):.2f}, at most {max(burst.lags):.2f}; from the last question to the"
        f" last mail: {burst.last_lag:.2f}"
    )


def held_line(held: Held) -> str:
    busy = ", ".join(f"{name} {cpu:.0f}" for name, cpu in held.cpu.items())
    return (
        f"{held.waits:,} waits at rest: CPU ms a second: {busy}; ms of another's read meanwhile:"
        f" p50 {held.read(50):.1f}, p95 {held.read(95):.1f}"
    )


def handed_line(handed: HandedOver) -> str:
    return (
        f"ms from asking to the message handed over: p50 {handed.message(50):.1f},"
        f" p95 {handed.message(95):.1f}; to one bare activity: p50 {handed.activity(50):.1f},"
        f" p95 {handed.activity(95):.1f}"
    )


def page_lines(opened: Opened) -> str:
    return (
        f"ms to open a decision's page: p50 {opened.page(50):.1f}, p95 {opened.page(95):.1f};"
        f" to read it as JSON: p50 {opened.read(50):.1f}, p95 {opened.read(95):.1f}"
    )


def sdk_lines(clicks: Clicks, weight: Weight) -> str:
    return (
        f"ms from click to create returning, with pauses: p50 {clicks.create(50):.1f},"
        f" p95 {clicks.create(95):.1f}; from signal to result: p50 {clicks.result(50):.1f},"
        f" p95 {clicks.result(95):.1f}\n"
        f"{weight.calls:,} waiting calls in one process, over a killed API: {weight.lost} lost,"
        f" {weight.peak_mb:.0f} MB at most\n"
        f"ms to import handover, after what it depends on: {weight.import_ms:.0f}"
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
    """Return a setting's share of the plain approval."""
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
