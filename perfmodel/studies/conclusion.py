"""The paragraph that closes a comparison, computed from its rows."""

import math

from perfmodel.studies.best_layout import Row
from perfmodel.studies.decomposition import decompose
from perfmodel.studies.scaling import FIXED, GROWING, REFERENCE

SMALL = 0.98
"""Factors closer to one than this are not worth a word."""


WORDS = {FIXED: "a fixed batch", GROWING: "a batch that grows to the critical one"}
"""A batch rule in a sentence."""


def conclude(pairs: list[tuple[str, Row, Row]], curves: list[Row]) -> str:
    """Says what the larger site buys under each batch rule, and why it is not the ratio of chips.

    Parameters
    ----------
    pairs
        Rule, row of the larger site and row of the AI factory; the first workload is told.
    curves
        Scaling curves, for the same question asked of one kind of chip.

    Returns
    -------
    str
        One paragraph; empty without a pair.
    """
    if not pairs:
        return ""
    workload = pairs[0][1]["workload"]
    told = [pair for pair in pairs if pair[1]["workload"] == workload]
    sentences = [_opening(told[0][1], told[0][2])]
    sentences += [_rule(rule, site, base) for rule, site, base in told]
    sentences += _same_chip(told[0][2], curves)
    return " ".join(sentence for sentence in sentences if sentence)


def _opening(site: Row, base: Row) -> str:
    times = site["chips"] / base["chips"]
    return (
        f"{site['site']} has {times:.2f} times the chips of {base['site']} "
        f"({site['chips']:,} against {base['chips']:,})."
    )


def _rule(rule: str, site: Row, base: Row) -> str:
    name = site["workload"]
    if not site["feasible"] or not base["feasible"]:
        missing = base if site["feasible"] else site
        return f"With {WORDS[rule]}, {name} has no feasible layout on {missing['site']}."
    gained = site["tokens_per_s"] / base["tokens_per_s"]
    terms = [term for term in decompose(site, base) if term.term != "chips"]
    gains = [term for term in terms if term.factor > 1.0 / SMALL]
    losses = [term for term in terms if term.factor < SMALL]
    batch = site["batch_sequences"] * site["sequence_length"] / 1e6
    text = (
        f"With {WORDS[rule]} ({batch:.0f} M tokens a step) it trains {name} "
        f"{gained:.2f} times as fast, {_useful(site, base)}, and reaches the same loss "
        f"{_sooner(site, base)} times as soon, at {_dearer(site, base)}"
    )
    if gains:
        text += f": beside the chips it gains from {_list(gains)}"
    if losses:
        text += f"{', and' if gains else ':'} it loses to {_list(losses)}"
    return text + "."


def _useful(site: Row, base: Row) -> str:
    """Ratio of what failures leave, and that of the case with the most and the fewest."""
    key = "useful_tokens_per_s"
    middle, many, few = (site[k] / base[k] for k in (key, f"{key}_low", f"{key}_high"))
    return f"{middle:.2f} times with failures ({many:.2f} with many, {few:.2f} with few)"


def _sooner(site: Row, base: Row) -> str:
    return f"{base['fixed_loss_time_s'] / site['fixed_loss_time_s']:.2f}"


def _dearer(site: Row, base: Row) -> str:
    """Energy of a token, cost and carbon of one that is kept, where both sites have a price."""
    kinds = {
        "the energy per token": "energy_per_token_j",
        "the cost": "million_tokens_eur",
        "the carbon of a token that is kept": "million_tokens_carbon_kg",
    }
    ratios = {name: site[key] / base[key] for name, key in kinds.items()}
    told = [f"{ratio:.2f} times {name}" for name, ratio in ratios.items() if math.isfinite(ratio)]
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"


def _list(terms: list) -> str:
    ordered = sorted(terms, key=lambda term: -abs(term.log))
    return ", ".join(f"{term.term} (x{term.factor:.2f})" for term in ordered)


def _same_chip(base: Row, curves: list[Row]) -> list[str]:
    """The same question with one kind of chip, from the curve of the AI factory."""
    parts = []
    for rule in dict.fromkeys(row["rule"] for row in curves):
        points = {
            row["chips"]: row
            for row in curves
            if row["rule"] == rule and row["curve"] == base["site"]
        }
        small, large = points.get(REFERENCE), points.get(4 * REFERENCE)
        if small and large and small["feasible"] and large["feasible"]:
            gained = large["tokens_per_s"] / small["tokens_per_s"]
            useful = large["useful_tokens_per_s"] / small["useful_tokens_per_s"]
            told = f"{useful:.2f} with failures, {_sooner(large, small)} to the same loss"
            parts.append((gained, f"{gained:.2f} with {WORDS[rule]} ({told})"))
    if not parts:
        return []
    worst = min(gain for gain, _ in parts)
    lost = 1.0 - worst / 4.0
    ending = f"; the fixed batch alone costs {lost:.0%} of it" if math.isfinite(lost) else ""
    texts = " and ".join(text for _, text in parts)
    return [f"Four times the chips of one kind ({base['chip']}) buy a factor {texts}{ending}."]
