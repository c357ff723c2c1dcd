"""Tables of numbers drawn as SVG on the server, in light and in dark. Colour is never alone: lines differ in dash."""

import io
import threading
from typing import TYPE_CHECKING, Any

from service.review.statistics.figures import StatisticsTable
from service.style import Theme, colours

if TYPE_CHECKING:  # the plotting library takes a second to import: the first drawing pays for it, not every start
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.text import Text

SERIES = {
    "Blocked": "block",
    "Warned": "warn",
    "Allowed": "allow",
    "Overturned": "person",
    "Wrongly blocked": "block",
}
"""The design token of each column's line; other columns are `soft`."""
_DASHES = ("-", (0, (6, 2)), (0, (2, 2)))
_MARKS = ("s", "^", "o")
_ONE = threading.Lock()  # the plotting library keeps its settings for the whole process
_FONT = {"font.size": 10, "font.family": "sans-serif", "svg.fonttype": "none", "svg.hashsalt": "desk"}


def plot(table: StatisticsTable, theme: Theme, *, narrow: bool = False) -> bytes:
    """The drawing of a table as SVG; `narrow` for a page no wider than a telephone, so that its words stay legible."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    palette = colours(theme)
    with _ONE, mpl.rc_context(_FONT):
        height = 2.6 if table.kind == "days" else 0.25 + 0.31 * len(table.rows[:12])
        figure = Figure(figsize=(3.7 if narrow else 6.4, height), layout="constrained")
        axes = figure.add_subplot()
        _plain(axes, palette)
        if table.kind == "days":
            _days(axes, table, palette, most=4 if narrow else 8)
        else:
            _bars(axes, table, palette, narrow=narrow)
        target = io.BytesIO()
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None})
    return target.getvalue()


def _plain(axes: "Axes", palette: dict[str, str]) -> None:
    axes.tick_params(colors=palette["soft"], length=0)
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("bottom",))
        spine.set_color(palette["edge"])


def _days(axes: "Axes", table: StatisticsTable, palette: dict[str, str], *, most: int) -> None:
    from matplotlib.ticker import MaxNLocator

    days = [str(row[0])[5:] for row in table.rows]
    for number, name in enumerate(column for column in table.columns[1:] if not column.startswith("Share")):
        values: list[Any] = [row[number + 1] for row in table.rows]
        colour = palette[SERIES.get(name, "soft")]
        style = {"linestyle": _DASHES[number % 3], "marker": _MARKS[number % 3], "markersize": 4}
        axes.plot(range(len(days)), values, color=colour, label=name, linewidth=1.8, clip_on=False, **style)  # type: ignore[arg-type]
    step = max(1, -(-len(days) // most))
    axes.set_xticks(range(0, len(days), step), days[::step])
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=palette["edge"], linewidth=0.7)
    axes.legend(
        frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(-0.02, 1), labelcolor=palette["ink"],
        columnspacing=1.1, handlelength=1.5, handletextpad=0.5,
    )  # fmt: skip


def _bars(axes: "Axes", table: StatisticsTable, palette: dict[str, str], *, narrow: bool) -> None:
    from matplotlib.ticker import PercentFormatter

    rows = table.rows[:12][::-1]
    values: list[Any] = [row[1] for row in rows]
    bars = axes.barh([str(row[0]) for row in rows], values, color=palette["soft"], height=0.6)
    texts = [_said(value, row, share=table.share, narrow=narrow) for value, row in zip(values, rows, strict=True)]
    labels = axes.bar_label(bars, texts, padding=4, color=palette["ink"])
    axes.set_xlim(0, 1.4 if table.share else max([*values, 0.001]) * 1.25)  # shares stand on one scale
    if table.share:
        axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xticks([])
    _make_room(axes, labels, values)


def _make_room(axes: "Axes", labels: "Sequence[Text]", values: "Sequence[float]") -> None:
    """Shorten the bars, all alike, until what stands behind them is inside the drawing."""
    for label in labels:
        label.set_in_layout(False)  # the layout would make the axes smaller instead, and cut what is left
    axes.figure.draw_without_rendering()  # type: ignore[union-attr]
    whole = axes.get_window_extent().width
    for label, value in zip(labels, values, strict=True):
        room = max(whole - label.get_window_extent().width - 8, whole / 10)
        axes.set_xlim(0, max(axes.get_xlim()[1], value * whole / room))


def _said(value: float, row: tuple[object, ...], *, share: bool, narrow: bool) -> str:
    """What stands at the end of a bar: a count, a share with its count, or a share of a whole; its interval where there
    is room, and in the table."""
    if not share:
        return f"{value:,}"
    if len(row) > 3:
        _, _, _, whole, low, high = row
        return f"{value:.0%} of {whole}" if narrow else f"{value:.0%} of {whole} ({low:.0%} to {high:.0%})"
    return f"{value:.0%} ({row[-1]})"
