"""The page of a run: what it says, that it asks for nothing, and that names in it stay text."""

import base64
import hashlib
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from perfmodel.config.faults import Faults
from perfmodel.results.dataset import Run, open_run
from perfmodel.views.report import report
from tests.results.stored_runs import AXES, NAMES, grid, rows_of, write_run
from tests.views.browser import Browser, find_browser

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
VOID = {"meta", "link", "img", "br", "hr"}


class Page(HTMLParser):
    """Tags with their attributes, the text of the page, and tags that are not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    rows = rows_of(grid())
    rows["tokens_per_s_low"] = 0.9 * rows["tokens_per_s"]
    rows["tokens_per_s_high"] = 1.1 * rows["tokens_per_s"]
    return open_run(write_run(tmp_path_factory.mktemp("run"), rows))


@pytest.fixture(scope="module")
def text(run: Run) -> str:
    return report(run)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    rows = rows_of(grid())
    for key in ("chip", "layout", "reason", "bottleneck"):
        rows[key] = [f"{HOSTILE} {value}" for value in rows[key]]
    axes = [dict(axis, label=f"{HOSTILE} {axis['label']}") for axis in AXES]
    changes = dict.fromkeys(("title", "question", "site", "workload", "command"), HOSTILE)
    folder = write_run(
        tmp_path_factory.mktemp("hostile"),
        rows,
        axes=axes,
        scenario={HOSTILE: HOSTILE, "end": "</pre></details>"},
        device=HOSTILE,
        versions={HOSTILE: HOSTILE},
        **changes,
    )
    return report(open_run(folder))


def test_every_tag_is_closed(text: str) -> None:
    assert Page(text).open == []


def test_the_page_says_the_best_point_and_how_many_fit(text: str) -> None:
    assert (
        "Best of 108 points, 104 of them feasible: 169 M tokens/s at chips 262,144, chip gb300, "
        "bandwidth of a network card 200 GB/s with TP8 PP16 DP2048 MB1x16 zero1."
    ) in Page(text).text


def test_tables_hold_the_best_points_the_axes_and_the_reasons(text: str) -> None:
    said = Page(text).text
    for words in (
        "Best points by tokens/s",
        "tokens/s, low",
        "Axes; what counts of a value is its best point by tokens/s",
        "1,024: 1.27 M/s 262,144: 169 M/s",
        "Not feasible",
        "out of memory on every legal layout 4 3.7%",
    ):
        assert words in said
    assert len(Page(text).all("table")) == 3


def test_the_best_points_come_first(run: Run, text: str) -> None:
    rows = run.columns("tokens_per_s", "layout", "chip")
    best = np.argsort(-np.nan_to_num(rows["tokens_per_s"]))[:10]
    body = text.partition("<tbody>")[2].partition("</tbody>")[0]
    names = re.findall(rf"<td>({'|'.join(NAMES)})</td>", body)
    assert names == rows["chip"][best].tolist()


def test_the_page_says_where_the_numbers_come_from(run: Run, text: str) -> None:
    said = Page(text).text
    assert run.manifest.command in said
    assert run.manifest.inputs in said
    assert "jax 0.10.2" in said
    assert '"chips": 25000' in said


def test_every_figure_has_words_for_those_who_do_not_see_it(text: str) -> None:
    images = Page(text).all("img")
    assert len(images) == 7
    for image in images:
        assert len(image["alt"]) > 40
        data = base64.b64decode(image["src"].removeprefix("data:image/png;base64,"))
        assert data.startswith(b"\x89PNG")
    assert len({image["src"] for image in images}) == len(images)


def test_the_page_has_no_script_and_asks_for_nothing(text: str, hostile: str) -> None:
    for page in map(Page, (text, hostile)):
        assert not page.all("script")
        assert not page.all("iframe")
        addresses = [
            value
            for _, attributes in page.tags
            for name, value in attributes.items()
            if name in ("src", "href", "srcset", "action", "poster")
        ]
        assert all(address.startswith("data:") for address in addresses)
        assert not [name for _, one in page.tags for name in one if name.startswith("on")]
        assert not [one for _, one in page.tags if "style" in one]


def test_the_policy_admits_this_style_sheet_and_pictures_in_the_page_alone(text: str) -> None:
    page = Page(text)
    (policy,) = (one["content"] for one in page.all("meta") if "http-equiv" in one)
    (css,) = re.findall(r"<style>(.*?)</style>", text, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'"
    )
    assert "url(" not in css
    assert "@import" not in css


def test_a_name_that_is_a_script_stays_text(text: str, hostile: str) -> None:
    tags = {name for name, _ in Page(hostile).tags}
    assert tags == {name for name, _ in Page(text).tags}
    said = Page(hostile).text
    assert HOSTILE in said
    assert f"command {HOSTILE}" in said
    assert Page(hostile).open == []


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without figures, which take most of the time."""
    from perfmodel.views import report as module

    monkeypatch.setattr(module, "_pictures", lambda *_: [])


@pytest.mark.usefixtures("bare")
def test_the_same_run_gives_the_same_page(run: Run) -> None:
    assert report(run) == report(open_run(run.folder))
    assert "No figure can be drawn from this run." in report(run)


@pytest.mark.usefixtures("bare")
def test_a_run_under_way_says_so(tmp_path: Path) -> None:
    run = open_run(write_run(tmp_path, missing=[1]))
    assert "The run is not complete: 2 of 3 chunks." in Page(report(run)).text


@pytest.mark.usefixtures("bare")
def test_a_workload_that_is_an_axis_is_no_fact_of_all_points(tmp_path: Path) -> None:
    rows = rows_of(grid())
    rows["workload"] = rows.pop("chip")
    axes = [AXES[0], dict(AXES[1], key="workload", label="workload"), AXES[2]]
    run = open_run(write_run(tmp_path, rows, axes=axes))
    assert "workload llama3-405b, replaced along an axis" in Page(report(run)).text


@pytest.mark.usefixtures("bare")
def test_conditions_are_said(run: Run) -> None:
    page = Page(report(run, run.conditions(["chip=gb300"])))
    assert "Points with chip=gb300." in page.text
    assert "mi300x" not in page.text
    assert "Not feasible" not in page.text


def test_a_run_without_a_feasible_point_says_so(tmp_path: Path) -> None:
    rows = rows_of([(1_024.0, "h100", 25e9), (1_500.0, "h100", 25e9)])
    page = Page(report(open_run(write_run(tmp_path, rows))))
    assert "None of 2 points is feasible." in page.text
    assert "out of memory on every legal layout 2 100.0%" in page.text


@pytest.mark.usefixtures("bare")
def test_conditions_that_no_point_meets_are_refused(run: Run) -> None:
    with pytest.raises(Faults, match="no point meets all conditions"):
        report(run, run.conditions(["mfu>0.99"]))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if find_browser() is None:
        pytest.skip("no Chromium is installed")
    started = Browser(tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


MEASURE = """({
  page: [document.documentElement.scrollWidth, document.documentElement.clientWidth],
  scripts: document.scripts.length,
  broken: [...document.images].filter(one => !one.complete || !one.naturalWidth).length,
  inside: [...document.querySelectorAll('.box')].filter(
    one => one.getBoundingClientRect().right <= document.documentElement.clientWidth).length,
  boxes: document.querySelectorAll('.box').length,
  styled: getComputedStyle(document.querySelector('.box')).overflowX,
})"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 390, 1200])
def test_a_browser_shows_the_page_without_an_error_or_a_request(
    browser: Browser, tmp_path: Path, text: str, hostile: str, width: int
) -> None:
    for name, page in (("plain", text), ("hostile", hostile)):
        path = tmp_path / f"{name}.html"
        path.write_text(page, "utf-8")
        seen = browser.look(path, width, MEASURE)
        assert seen.messages == []
        assert [url for url in seen.requests if not url.startswith("data:")] == [path.as_uri()]
        found = seen.measured
        assert found["page"][0] <= found["page"][1] == width
        assert found["inside"] == found["boxes"] >= 10
        assert (found["scripts"], found["broken"], found["styled"]) == (0, 0, "auto")


@pytest.mark.slow
def test_the_browser_of_these_tests_would_see_errors_and_requests(
    browser: Browser, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "broken.html"
    added = '<img src="there.png"><p style="width: 2000px">x</p><script>alert(1)</script>'
    path.write_text(text.replace("</main>", f"{added}</main>"), "utf-8")
    seen = browser.look(path, 390, MEASURE)
    assert any("Content Security Policy" in message for message in seen.messages)
    assert seen.measured["broken"] == 1
