"""The gate: what was measured against bench/baseline.json."""

import json
from pathlib import Path
from typing import NamedTuple

BASELINE = Path(__file__).with_name("baseline.json")

BOUNDS = {"ratio": 1.5, "compilations": 1.0, "temporary_bytes": 1.1}
"""Kind of number to the multiple of the baseline at which the gate closes."""


class Reading(NamedTuple):
    """One number of one benchmark."""

    name: str
    kind: str
    value: float

    def fault(self, baseline: dict[str, dict[str, float]]) -> str:
        """Say what is wrong with it, nothing when it passes the gate."""
        known = baseline.get(self.name, {}).get(self.kind)
        if known is None:
            return f"{self.name}: no {self.kind} in {BASELINE.name}; run with --update-baseline"
        bound = BOUNDS[self.kind] * known
        if self.value <= bound:
            return ""
        return f"{self.name}: {self.kind} {self.value:.4g} is above {bound:.4g} ({known:.4g} known)"

    def row(self, baseline: dict[str, dict[str, float]]) -> str:
        """One line of the summary."""
        known = baseline.get(self.name, {}).get(self.kind)
        change = f"{self.value / known:8.2f}x" if known else "     new"
        return f"{self.name:32} {self.kind:16} {self.value:14.4g} {known or 0:14.4g} {change}"


def read_baseline() -> dict[str, dict[str, float]]:
    """Read what is known of every benchmark."""
    return json.loads(BASELINE.read_text()) if BASELINE.exists() else {}


def update_baseline(readings: list[Reading]) -> None:
    """Take these readings as the new baseline, others as they were."""
    known = read_baseline()
    for reading in readings:
        known.setdefault(reading.name, {})[reading.kind] = float(f"{reading.value:.4g}")
    BASELINE.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")
