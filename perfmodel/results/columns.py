"""The one table of output quantities: name, unit and label of every column."""

from typing import NamedTuple


class Column(NamedTuple):
    """One quantity as it appears in Parquet, JSON, tables and on axes."""

    name: str
    """Path of the field in StepMetrics or SiteMetrics, dots for nesting; a name of its own in other
    tables."""
    unit: str
    """SI unit, empty for a ratio, a count or a text."""
    label: str
    """What a table head or an axis says, unit apart."""
    display: str = ""
    """Unit that people read, e.g. TFLOP/s; empty shows the SI unit."""

    @property
    def key(self) -> str:
        """Name of the Parquet column and JSON key: field name, unit as suffix."""
        stem = self.name.replace(".", "_")
        suffix = SUFFIX[self.unit]
        return stem if not suffix or stem.endswith(f"_{suffix}") else f"{stem}_{suffix}"


SUFFIX = {
    "": "",
    "s": "s",
    "B": "bytes",
    "B/s": "bytes_per_s",
    "W": "w",
    "J": "j",
    "K": "k",
    "Hz": "hz",
    "FLOP": "flop",
    "FLOP/s": "flop_per_s",
    "1/s": "per_s",
    "EUR": "eur",
    "kg": "kg",
    "m^3/s": "m3_per_s",
}

TIME_SPLIT = {
    "matrix": "matrix products",
    "attention": "attention",
    "elementwise": "memory-bound",
    "recompute": "recompute",
    "tensor": "tensor parallel",
    "context": "context parallel",
    "expert": "expert parallel",
    "offload": "offload",
    "host": "waiting for the host",
    "pipeline": "pipeline sends",
    "bubble": "pipeline bubble",
    "data": "data parallel",
    "optimizer": "optimiser",
    "straggler": "stragglers",
    "overhead": "host overhead",
}
"""Field of TimeSplit to label, in the order that figures stack them."""

MEMORY_SPLIT = {
    "weights": "weights",
    "gradients": "gradients",
    "optimizer": "optimiser states",
    "activations": "activations",
    "logits": "logits",
    "buffers": "communication buffers",
    "reserve": "framework reserve",
}
"""Field of MemorySplit to label."""

POWER_SPLIT = {
    "chips": "chips",
    "hosts": "hosts",
    "fans": "fans",
    "conversion": "power supplies",
    "network": "network",
    "storage": "storage and service",
    "distribution": "distribution",
    "cooling": "cooling",
}
"""Field of PowerSplit to label, in the order that figures stack them."""

STEP = (
    Column("step_time", "s", "step time"),
    Column("tokens_per_s_per_chip", "", "tokens/s per chip"),
    Column("model_flop_rate", "FLOP/s", "model FLOP/s per chip", "TFLOP/s"),
    Column("hardware_flop_rate", "FLOP/s", "hardware FLOP/s per chip", "TFLOP/s"),
    Column("mfu", "", "MFU", "%"),
    Column("hfu", "", "HFU", "%"),
    *(Column(f"time_split.{k}", "s", v) for k, v in TIME_SPLIT.items()),
    *(Column(f"memory_split.{k}", "B", v, "GB") for k, v in MEMORY_SPLIT.items()),
    Column("memory", "B", "memory per chip", "GB"),
    Column("memory_fraction", "", "memory used", "%"),
    Column("sent_scaleup", "B", "sent per chip, scale-up", "GB"),
    Column("sent_scaleout", "B", "sent per chip, scale-out", "GB"),
    Column("clock_ratio", "", "clock over specification, matrix products"),
    Column("chip_power", "W", "mean power of a chip", "W"),
    Column("bottleneck", "", "bottleneck"),
    Column("reason", "", "reason"),
    Column("feasible", "", "feasible"),
)
"""Fields of StepMetrics."""

SITE = (
    Column("tokens_per_s", "1/s", "tokens/s"),
    Column("chips_used", "", "chips in use"),
    Column("spares", "", "spare chips"),
    Column("site_power", "W", "site power", "MW"),
    Column("it_power", "W", "IT power", "MW"),
    Column("provisioned_power", "W", "provisioned power", "MW"),
    Column("pue", "", "PUE"),
    *(Column(f"power_split.{k}", "W", v, "MW") for k, v in POWER_SPLIT.items()),
    Column("energy_per_token", "J", "energy per token", "J"),
)
"""Fields of SiteMetrics."""

BARS = {
    column.name: column
    for column in (
        Column("step_time_low", "s", "step time, low"),
        Column("step_time_high", "s", "step time, high"),
        Column("tokens_per_s_low", "", "tokens/s, low"),
        Column("tokens_per_s_high", "", "tokens/s, high"),
        Column("extrapolated", "", "no run was measured with"),
    )
}
"""Ends of the 90 % interval of a prediction, and what no run was measured with."""

COLUMNS = {column.name: column for column in (*STEP, *SITE)}
"""Every output quantity by the name of its field."""

NETWORK = {
    column.name: column
    for column in (
        Column("ranks", "", "ranks"),
        Column("stride", "", "stride"),
        Column("size", "B", "size"),
        Column("time", "s", "time"),
        Column("bus_bandwidth", "B/s", "bus bandwidth", "GB/s"),
        Column("algorithm_bandwidth", "B/s", "algorithm bandwidth", "GB/s"),
        Column("algorithm_time", "s", "time by this algorithm"),
        Column("launch_time", "s", "launch"),
        Column("latency_time", "s", "steps over the level"),
        Column("transfer_time", "s", "bytes over the level"),
    )
}
"""Quantities of one collective on one network, by name."""

FLOWS = {
    column.name: column
    for column in (
        Column("hosts", "", "chips"),
        Column("links", "", "links"),
        Column("flows", "", "flows"),
        Column("rounds", "", "rounds"),
        Column("setup_wall", "s", "links and routes"),
        Column("solve_wall", "s", "solution"),
        Column("drain_wall", "s", "draining"),
        Column("mean_rate_fraction", "", "mean rate over line rate"),
        Column("p1_rate_fraction", "", "rate of the slowest hundredth"),
        Column("min_rate_fraction", "", "slowest"),
        Column("rate_fraction", "", "rate over line rate"),
        Column("quantile", "", "share of chips"),
        Column("unreachable_pairs", "", "pairs without a path"),
        Column("verified", "", "verified"),
        Column("slow_down", "", "slow-down by the slowest flow"),
        Column("makespan", "s", "all has arrived"),
        Column("mean_completion", "s", "mean flow has arrived"),
        Column("down", "", "down"),
        Column("used", "", "carry traffic"),
        Column("mean_load", "", "mean load", "%"),
        Column("max_load", "", "highest load", "%"),
        Column("full", "", "full"),
    )
}
"""Quantities of flows on a fabric, by name."""

POWER = (
    Column("power_cap", "W", "cap of a chip", "W"),
    Column("power_limit", "W", "grid connection", "MW"),
    Column("pue_coldest_month", "", "PUE, coldest month"),
    Column("pue_warmest_month", "", "PUE, warmest month"),
    Column("pue_hottest_hours", "", "PUE, hottest 1 % of the hours"),
    Column("outside_temperature", "K", "outside temperature"),
    Column("water_use", "m^3/s", "water", "m^3/day"),
    Column("reused_heat", "W", "heat put to use", "MW"),
)
"""Quantities of power that studies add to the rows of an evaluation."""

GOODPUT = {
    column.name: column
    for column in (
        Column("goodput", "", "goodput", "%"),
        Column("mtti", "s", "mean time to interrupt", "min"),
        Column("checkpoint_interval", "s", "work between checkpoints"),
        Column("restart", "s", "restart", "min"),
        Column("load", "s", "of it, reading the checkpoint"),
        Column("write", "s", "writing a checkpoint"),
        Column("stage", "s", "copying it off the chips"),
        Column("synchronous_goodput", "", "goodput, synchronous checkpoints", "%"),
        Column("asynchronous_goodput", "", "goodput, asynchronous checkpoints", "%"),
        Column("memory_goodput", "", "goodput, copies in memory and storage", "%"),
        Column("elastic_goodput", "", "goodput, elastic data parallelism", "%"),
        Column("replica_chips", "", "chips of a replica"),
        Column("corruption_factor", "", "left by silent corruption", "%"),
        Column("slow_factor", "", "left by slow nodes", "%"),
        Column("maintenance_factor", "", "left by planned stops", "%"),
        Column("shortage_factor", "", "left by a lack of spares", "%"),
        Column("useful_share", "", "useful share of the time", "%"),
        Column("useful_tokens_per_s", "", "useful tokens/s"),
        Column("spares_needed", "", "spare chips that cover repairs"),
        Column("spares_left", "", "chips that the layout leaves"),
        Column("failure_rate", "1/s", "failures per node"),
        Column("job_chips", "", "chips of the job"),
        Column("days", "s", "days", "d"),
        Column("predicted_low", "", "closed form, low", "%"),
        Column("predicted_high", "", "high", "%"),
        Column("published_low", "", "published, low", "%"),
        Column("published_high", "", "high", "%"),
    )
}
"""Quantities of goodput, by name."""

COST = {
    column.name: column
    for column in (
        Column("equipment", "EUR", "equipment of a chip"),
        Column("building", "EUR", "building of a chip"),
        Column("capital", "EUR", "capital of a chip"),
        Column("capital_rate", "", "cost of capital", "%"),
        Column("energy", "EUR", "energy of a chip and year"),
        Column("yearly", "EUR", "cost of a chip and year"),
        Column("chip_hour", "EUR", "chip-hour"),
        Column("hour_equipment", "EUR", "of it, equipment"),
        Column("hour_building", "EUR", "of it, building"),
        Column("hour_operation", "EUR", "of it, operation"),
        Column("hour_energy", "EUR", "of it, energy"),
        Column("useful_share", "", "useful share of the time", "%"),
        Column("useful_chip_hour", "EUR", "useful chip-hour"),
        Column("million_tokens", "EUR", "million tokens"),
        Column("run", "EUR", "run"),
        Column("million_tokens_carbon", "kg", "carbon of a million tokens", "g"),
        Column("run_carbon", "kg", "carbon of the run", "t"),
        Column("chips_bought", "", "chips"),
        Column("share_of_announced", "", "of those announced", "%"),
        Column("provisioned", "W", "provisioned power", "MW"),
        Column("year", "", "year"),
    )
}
"""Quantities of cost, by name."""


def elasticity(aim: str, counted: str = "") -> Column:
    """Relative change of an aim over relative change of a figure of the hardware.

    Parameters
    ----------
    aim
        Name of a quantity in :data:`COLUMNS`.
    counted
        ``whole`` where switches and modules change by whole ones only.
    """
    name = "_".join(filter(None, (aim, "elasticity", counted)))
    return Column(name, "", COLUMNS[aim].label)


def slope(aim: str) -> Column:
    """Change of an aim over change of a figure of the hardware, both in SI."""
    return Column(f"{aim}_slope", "", f"{COLUMNS[aim].label}, SI over SI")


TRAINING = {
    column.name: column
    for column in (
        Column("tokens", "", "tokens to train"),
        Column("active_parameters", "", "parameters that a token passes"),
        Column("loss", "", "loss by the law, nats"),
        Column("excess_loss", "", "of it, above what no size removes"),
        Column("batch_tokens", "", "batch, tokens"),
        Column("critical_batch_tokens", "", "critical batch, tokens"),
        Column("useful_share", "", "useful share of the time", "%"),
        Column("useful_tokens_per_s", "", "useful tokens/s"),
        Column("training_time", "s", "time of the run", "d"),
        Column("run_energy", "J", "energy of the run", "GWh"),
        Column("run", "EUR", "run"),
        Column("run_carbon", "kg", "carbon of the run", "t"),
        Column("tokens_needed", "", "tokens to the same loss"),
        Column("fixed_loss_time", "s", "time to the same loss", "d"),
        Column("fixed_loss", "EUR", "run to the same loss"),
        Column("window", "s", "time given", "d"),
        Column("largest_parameters", "", "best model in that time, parameters"),
        Column("largest_tokens", "", "its tokens by the law"),
        Column("largest_processed", "", "its tokens at this batch"),
        Column("largest_loss", "", "its loss, nats"),
        Column("largest_excess_loss", "", "of it, above what no size removes"),
        Column("window_energy", "J", "energy of that time", "GWh"),
        Column("window_cost", "EUR", "cost of that time"),
        Column("window_carbon", "kg", "carbon of that time", "t"),
        Column("parameters", "", "parameters"),
    )
}
"""Quantities of training runs, by name."""


def _with_ends(name: str, unit: str, label: str, display: str = "") -> tuple[Column, ...]:
    """A quantity, and its least and largest value over cases."""
    ends = [Column(f"{name}_{end}", unit, f"{label}, {end}", display) for end in ("low", "high")]
    return Column(name, unit, label, display), *ends


OUTCOME = {
    column.name: column
    for column in (
        *_with_ends("useful_share", "", "useful share of the time", "%"),
        *_with_ends("useful_tokens_per_s", "", "useful tokens/s"),
        *_with_ends("million_tokens", "EUR", "million tokens"),
        *_with_ends("million_tokens_carbon", "kg", "carbon of a million tokens", "kg"),
        *_with_ends("fixed_loss_time", "s", "time to the same loss", "d"),
    )
}
"""What a comparison adds to a row: failures, prices, carbon and time to a loss, low to high."""
