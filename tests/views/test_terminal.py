"""What a user reads on a terminal, in a pipe and on a narrow window."""

import io
import sys

import numpy as np
import pytest

from perfmodel.results.columns import COLUMNS
from perfmodel.views import terminal

QUANTITIES = [COLUMNS[name] for name in ("step_time", "site_power", "feasible")]
ROWS = [
    ["gigafactory [red]", 100_000, 4.213, 143.2e6, True],
    ["AI factory", 25_000, np.nan, 35.0e6, np.bool_(False)],
]


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def sites():
    return terminal.table("Sites", ["site", "chips", *QUANTITIES], ROWS)


def test_a_table_names_every_column_and_shows_every_value(capsys):
    terminal.show(sites())
    title, head, rule, *lines = capsys.readouterr().out.splitlines()
    assert title == "Sites"
    assert head.split("  ")[0] == "site"
    assert all(word in head for word in ("chips", "step time", "site power", "feasible"))
    assert set(rule) == {"─"}
    assert lines[0].split("   ")[0] == "gigafactory [red]"
    assert lines[0].split()[-6:] == ["100,000", "4.21", "s", "143", "MW", "yes"]
    assert lines[1].split() == ["AI", "factory", "25,000", "–", "35.0", "MW", "no"]


def test_numbers_end_in_one_column(capsys):
    terminal.show(sites())
    lines = capsys.readouterr().out.splitlines()[3:5]
    assert len({line.index(" MW") for line in lines}) == 1


def test_a_pipe_gets_plain_text_without_trailing_blanks(capsys):
    terminal.show(sites(), terminal.split("Time", {"a": 1.0, "b": 3.0}, "s"))
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_a_terminal_gets_colour(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "stdout", Terminal())
    terminal.show(sites())
    assert "\x1b[1m" in sys.stdout.getvalue()


@pytest.mark.parametrize("width", [80, 120, 160])
def test_lines_fit_the_window_and_numbers_stay_whole(width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    columns = [COLUMNS[name] for name in ("tokens_per_s", "site_power", "memory", "step_time")]
    rows = [[f"site of a long name {i}", 1.53e8, 143.2e6, 71.2e9, 4.21] for i in range(3)]
    terminal.show(terminal.table("Sites", ["site", *columns], rows))
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= width
    assert text.count("153 M/s") == text.count("143 MW") == text.count("71.2 GB") == 3


def test_facts_give_a_line_to_each_quantity_and_a_column_to_each_site(capsys):
    rows = [{"step_time_s": 4.2, "site_power_w": 1.43e8}, {"step_time_s": 9.1}]
    terminal.show(terminal.facts("Sites", ["gigafactory", "AI factory"], QUANTITIES[:2], rows))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split("  ")[-1].strip() == "AI factory"
    assert lines[3].split() == ["step", "time", "4.20", "s", "9.10", "s"]
    assert lines[4].split() == ["site", "power", "143", "MW", "–"]


def test_a_split_shows_shares_that_sum_to_the_whole(capsys):
    parts = {"matrix products": 3.0, "attention": 1.0, "context parallel": 0.0}
    terminal.show(terminal.split("Time of a step", parts, "s"))
    title, matrix, attention, total = capsys.readouterr().out.splitlines()
    assert title == "Time of a step"
    assert matrix.split() == ["matrix", "products", "█" * terminal.BAR_WIDTH, "75.0%", "3.00", "s"]
    assert attention.count("█") == pytest.approx(terminal.BAR_WIDTH / 3, abs=1)
    assert total.split() == ["total", "4.00", "s"]


def test_an_encoding_without_blocks_and_dashes_is_served_too(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    terminal.show(sites(), terminal.split("Time", {"a": 1.0}, "s"))
    stream.flush()
    text = stream.buffer.getvalue().decode("ascii")
    assert "#" * terminal.BAR_WIDTH in text
    assert "143 MW" in text


def test_progress_is_silent_where_standard_error_is_no_terminal(capsys):
    with terminal.progress("layouts", 10) as advance:
        advance(10)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.strip() == ""


def test_progress_shows_what_is_done_on_standard_error(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with terminal.progress("layouts", 10) as advance:
        advance(5)
        advance(5)
    assert "layouts" in sys.stderr.getvalue()
    assert "100%" in sys.stderr.getvalue()
