"""The pages under docs/: every column, formula, link and operator of the code stands in them."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import perfmodel_kernels
from perfmodel.lowering import fabric, precision
from perfmodel.results.columns import COLUMNS
from perfmodel.spaces.layouts import Axes
from perfmodel.spaces.legality import IDLE_LAYERS
from perfmodel_kernels.transformer import (
    ELEMENTWISE,
    ELEMENTWISE_BLOCKS,
    GEMM_BLOCKS,
    GEMMS,
    LOW_PRECISION,
    SPLIT_ALWAYS,
    SPLIT_K,
    SPLIT_N,
    Model,
    Share,
    elementwise_bytes,
    gemm_shapes,
)

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
MODEL = (DOCS / "model.md").read_text(encoding="utf-8")
PAGES = [
    page
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md")))
    if page.exists()
]
KERNELS = [
    module.name
    for module in pkgutil.iter_modules(perfmodel_kernels.__path__)
    if not module.name.startswith("_")
]
HOUSE = ("lowering", "spaces", "engine", "studies", "results")

Cells = list[str]


def without_math_and_code(text: str) -> str:
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL)
    return re.sub(r"`[^`\n]*`|\$[^$\n]*\$", "", text)


def links(text: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", without_math_and_code(text))


def slug(heading: str) -> str:
    """Anchor that GitHub gives to a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def anchors(text: str) -> list[str]:
    return [slug(title) for title in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)]


def tables(text: str) -> Iterator[list[Cells]]:
    """Tables as rows of cells, the head first and the rule below it left out."""
    for block in re.findall(r"(?:^\|.*\|\n)+", text, flags=re.MULTILINE):
        rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in block.splitlines()]
        yield [rows[0], *rows[2:]]


def table(*head: str) -> list[Cells]:
    """Rows of the one table of the model page with this head."""
    found = [rows[1:] for rows in tables(MODEL) if rows[0] == list(head)]
    assert len(found) == 1, f"{len(found)} tables with the head {head}"
    return found[0]


COLUMN_TABLE = table("key", "label", "unit", "formula", "code")


def code_names() -> list[str]:
    """Names `module.function` in code type."""
    first = "|".join((*KERNELS, *HOUSE))
    return sorted(set(re.findall(rf"`((?:{first})(?:\.\w+)+)`", MODEL)))


def resolve(name: str) -> Any:
    first, *path = name.split(".")
    found = importlib.import_module(
        ("perfmodel_kernels." if first in KERNELS else "perfmodel.") + first
    )
    for part in path:
        if not hasattr(found, part):
            importlib.import_module(f"{found.__name__}.{part}")
        found = getattr(found, part)
    return found


def public_functions() -> list[str]:
    return [
        f"{name}.{function}"
        for name in KERNELS
        for function, value in vars(resolve(name)).items()
        if inspect.isfunction(value)
        and value.__module__ == f"perfmodel_kernels.{name}"
        and not function.startswith("_")
    ]


def test_every_column_stands_once_in_the_table_in_their_order() -> None:
    keys = [row[0].strip("`") for row in COLUMN_TABLE]
    assert keys == [column.key for column in COLUMNS.values()]


@pytest.mark.parametrize("column", COLUMNS.values(), ids=lambda column: column.key)
def test_a_column_has_its_label_unit_anchor_and_code(column: Any) -> None:
    row = next(row for row in COLUMN_TABLE if row[0] == f"`{column.key}`")
    assert row[1] == column.label
    assert not column.unit or row[2] == column.unit
    (target,) = links(row[3])
    assert target.removeprefix("#") in anchors(MODEL)
    assert callable(resolve(row[4].strip("`")))


@pytest.mark.parametrize("name", code_names())
def test_every_name_of_the_code_exists(name: str) -> None:
    assert resolve(name) is not None


@pytest.mark.parametrize("name", public_functions())
def test_every_public_function_of_the_kernels_is_named(name: str) -> None:
    assert f"`{name}`" in MODEL


def test_no_class_of_the_kernels_computes_a_formula_in_a_public_method() -> None:
    """A formula in a method would escape the list of functions."""
    for name in KERNELS:
        for owner in vars(resolve(name)).values():
            if inspect.isclass(owner) and owner.__module__ == f"perfmodel_kernels.{name}":
                methods = {m for m, value in vars(owner).items() if inspect.isfunction(value)}
                public = {m for m in methods if not m.startswith("_")}
                assert not public or owner.__name__.startswith("_"), (owner, public)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_headings_of_a_page_have_anchors_of_their_own(page: Path) -> None:
    found = anchors(page.read_text(encoding="utf-8"))
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("page", "target"),
    [(page, target) for page in PAGES for target in links(page.read_text(encoding="utf-8"))],
    ids=lambda value: value.name if isinstance(value, Path) else value,
)
def test_every_relative_link_leads_somewhere(page: Path, target: str) -> None:
    if re.match(r"[a-z]+:", target):
        return
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    assert file.exists()
    if anchor:
        assert anchor in anchors(file.read_text(encoding="utf-8"))


def test_the_index_lists_every_page() -> None:
    listed = set(links((DOCS / "README.md").read_text(encoding="utf-8")))
    pages = {page.name for page in DOCS.glob("*.md") if page.name != "README.md"}
    assert listed == {*pages, "gallery/README.md"}


def test_the_gallery_answers_every_shipped_sweep() -> None:
    names = {path.stem for path in (ROOT / "configs" / "sweeps").glob("*.toml")}
    gallery = DOCS / "gallery"
    listed = links((gallery / "README.md").read_text(encoding="utf-8"))
    assert {name.removesuffix(".md") for name in listed if "/" not in name} == names
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in names:
        page = (gallery / f"{name}.md").read_text(encoding="utf-8")
        assert f"perfmodel sweep {name} --out run" in page
        assert f"]({name}.png)" in page and (gallery / f"{name}.png").exists()
        assert f"| `{name}` |" in readme


def formulas(text: str) -> list[str]:
    display = re.findall(r"^\$\$\n(.*?)\n\$\$$", text, flags=re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^\$\$\n.*?\n\$\$$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert "$$" not in rest
    rest = re.sub(r"`[^`\n]*`", "", rest)
    for line in rest.splitlines():
        assert line.count("$") % 2 == 0, f"a formula is not closed: {line}"
    return display + re.findall(r"\$([^$\n]+)\$", rest)


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_formulas_survive_markdown(page: Path) -> None:
    """Markdown takes backslashes before punctuation and lines that look like lists or titles."""
    for formula in formulas(page.read_text(encoding="utf-8")):
        assert not re.search(r"\\[^A-Za-z]", formula), formula
        assert not re.search(r"^\s*([-+*=#>]|\d+\. )", formula, flags=re.MULTILINE), formula
        assert formula.count("{") == formula.count("}"), formula
        assert formula.count(r"\left") - formula.count(r"\leftarrow") == formula.count(r"\right")


def test_every_reference_that_is_cited_is_listed_and_the_other_way_round() -> None:
    listed = {row[0] for row in table("mark", "reference")}
    cited = set(re.findall(r"\[([A-Z0-9-]+)\]\(#references\)", MODEL))
    assert cited == listed


def test_constants_have_the_values_of_the_code() -> None:
    for name, value, _ in table("constant", "value", "unit"):
        assert resolve(name.strip("`")) == float(value)


def test_rates_of_load_balancing_are_those_of_the_code() -> None:
    (rows,) = (rows for rows in tables(MODEL) if rows[0][0] == "sub-flows")
    written = [tuple(map(float, row[1:])) for row in rows]
    ring, random = fabric._SHIFT, fabric._RANDOM
    assert written == [fabric._SUB_FLOWS, ring.mean, ring.low, random.mean, random.low]


def test_number_formats_have_the_widths_of_the_code() -> None:
    (rows,) = (rows[1:] for rows in tables(MODEL) if rows[0][0] == "format")
    assert [row[0] for row in rows] == list(precision._FORMATS)
    for name, _, width, cast in rows:
        known = precision._FORMATS[name]
        assert evaluated(width, {}) == pytest.approx(known.element_bytes)
        assert evaluated(cast.partition(":")[0], {}) == pytest.approx(known.cast_bytes)


def test_axes_of_the_search_have_the_values_of_the_code() -> None:
    axes = Axes()
    rows = {row[0]: row[1:] for row in table("axis", "values", "legal where")}
    for symbol, values in (
        ("$p_t$", axes.tp),
        ("$p_c$", axes.cp),
        ("$p_p$", tuple(range(1, axes.pp + 1))),
        ("$v$", tuple(range(1, axes.vpp + 1))),
        ("$p_e$", axes.ep),
        ("$b$", axes.micro_batch),
    ):
        ends = [int(number) for number in re.findall(r"\d+", rows[symbol][0])]
        assert (ends[0], ends[-1]) == (values[0], values[-1])
        assert set(ends) <= set(values)
    words = {"zero1": "ZeRO-1", "zero3": "ZeRO-3"}
    assert rows["sharding"][0] == ", ".join(words[name] for name in axes.sharding)
    assert rows["recompute"][0] == ", ".join(axes.recompute)
    assert f"{IDLE_LAYERS} L" in rows["$v$"][1]


EXAMPLE = Model(
    layers=9.0, hidden=640.0, heads=12.0, kv_heads=4.0, qk_dim=48.0, v_dim=32.0, latent=0.0,
    q_rank=96.0, q_compressed=1.0, kv_rank=56.0, rope_dim=16.0, ffn=1792.0, gate=1.0,
    vocabulary=5120.0, tied=0.0, positions=0.0, biases=0.0, norm_vectors=1.0, qk_norm=0.0,
    experts=16.0, top_k=3.0, expert_ffn=352.0, shared_ffn=416.0, leading_dense=2.0,
    expert_share=1.0, unit_limit=3.0, imbalance=1.0, prediction_layers=1.0, window=2048.0,
    window_share=0.0,
    causal=1.0,
)  # fmt: skip
"""Widths that no two symbols share."""

LENGTH = 2048.0
VARIANTS = [
    {"latent": 0.0, "gate": 1.0},
    {"latent": 1.0, "gate": 0.0},
    {"latent": 1.0, "q_compressed": 0.0, "q_rank": 640.0},
]


def symbols(model: Model) -> dict[str, float]:
    return {
        "a": model.heads, "a_k": model.kv_heads, "d_q": model.qk_dim, "d_v": model.v_dim,
        "d_r": model.rope_dim, "h": model.hidden, "s": LENGTH, "f": model.ffn,
        "f_e": model.expert_ffn, "f_s": model.shared_ffn, "E": model.experts, "k": model.top_k,
        "V": model.vocabulary, "r_q": model.q_rank, "r_k": model.kv_rank, "greek_gamma": model.gate,
        "greek_lambda": model.latent, "greek_kappa": model.q_compressed,
        "R": model.heads * model.qk_dim + model.kv_heads * model.qk_dim,
    }  # fmt: skip


def evaluated(cell: str, known: dict[str, float]) -> float:
    """Value of a sum of products as a cell writes it, a blank or nothing for multiplication."""
    tokens = re.findall(
        r"[A-Za-z]+(?:_\w+)?|[\d.]+|[-+/()]", cell.strip("$").replace("\\", "greek_")
    )
    parts: list[str] = []
    for token in tokens:
        if parts and token not in "+-/)" and parts[-1] not in "+-/(":
            parts.append("*")
        parts.append(token)
    return float(eval(" ".join(parts), {"__builtins__": {}}, dict(known)))


def whole(model: Model, tp: float = 1.0) -> tuple[Model, Share]:
    values = Model(*(jnp.asarray(value, float) for value in model))
    share = Share(
        tokens=64.0,
        sequences=1.0,
        length=LENGTH,
        tp=tp,
        cp=1.0,
        ep=1.0,
        etp=1.0,
        span=LENGTH,
        sequence_split=1.0,
    )
    return values, Share(*(jnp.asarray(value, float) for value in share))


@pytest.mark.parametrize("change", VARIANTS)
def test_widths_of_the_product_table_are_those_of_the_code(change: dict[str, float]) -> None:
    model = EXAMPLE._replace(**change)
    shape = gemm_shapes(*whole(model))
    rows = table("row", "$N$", "$K$", "split", "format", "blocks")
    assert [row[0] for row in rows] == list(GEMMS)
    for number, row in enumerate(rows):
        assert evaluated(row[1], symbols(model)) == float(np.asarray(shape.n)[number, 0]), row[0]
        assert evaluated(row[2], symbols(model)) == float(np.asarray(shape.k)[number, 0]), row[0]


BLOCKS = {
    "layers": (1, 1, 0, 0, 0),
    "dense": (1, 0, 0, 0, 0),
    "expert": (0, 1, 0, 0, 0),
    "prediction": (0, 0, 1, 0, 0),
    "embedding": (0, 0, 0, 1, 0),
    "output": (0, 0, 0, 0, 1),
}


def test_split_format_and_blocks_of_the_product_table_are_those_of_the_code() -> None:
    rows = table("row", "$N$", "$K$", "split", "format", "blocks")
    assert [row[3] == "N" for row in rows] == SPLIT_N.tolist()
    assert [row[3] == "K" for row in rows] == SPLIT_K.tolist()
    assert [row[4] == "low" for row in rows] == LOW_PRECISION.tolist()
    assert [list(BLOCKS[row[5]]) for row in rows] == GEMM_BLOCKS.tolist()


@pytest.mark.parametrize("change", VARIANTS)
def test_the_table_of_memory_bound_operators_is_that_of_the_code(change: dict[str, float]) -> None:
    model = EXAMPLE._replace(**change)
    values, share = whole(model)
    passes = [
        np.asarray(column) / float(share.tokens) for column in elementwise_bytes(values, share)
    ]
    rows = table("row", "forward [B/token]", "backward [B/token]", "split", "blocks")
    assert [row[0] for row in rows] == list(ELEMENTWISE)
    for number, row in enumerate(rows):
        for column, cell in zip(passes, row[1:3], strict=True):
            assert evaluated(cell, symbols(model)) == pytest.approx(column[number]), row[0]
    assert [row[3] == "always" for row in rows] == SPLIT_ALWAYS.tolist()
    assert [list(BLOCKS[row[4]]) for row in rows] == ELEMENTWISE_BLOCKS.tolist()
