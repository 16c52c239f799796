"""A picture of an overview: what each way and method scores, beside what it trains."""

from __future__ import annotations

from html import escape
from io import StringIO
from pathlib import Path

from adapterstilts.report.overview import Overview
from adapterstilts.report.tables import amount
from adapterstilts.store.atomic import write_text

_COLOURS = {"lora": "#1b7f79", "bottleneck": "#c9772b", "full": "#5b5ea6"}


def draw(overview: Overview, file: Path, title: str) -> Path:
    """Draw every target's zero-shot scores, a row of points a way and method, as SVG; return the file."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    means, trained = overview.zero_shot(), overview.costs()["trained"]
    targets = list(means.columns)
    settings = {"svg.hashsalt": "adapterstilts", "svg.fonttype": "none", "font.size": 9}
    drawn = StringIO()
    with mpl.rc_context(settings):
        figure = Figure(figsize=(2.0 + 1.7 * len(targets), 1.2 + 0.32 * len(means)), layout="constrained")
        axes = figure.subplots(1, len(targets), sharey=True, squeeze=False)[0]
        for target, plot in zip(targets, axes, strict=True):
            for place, ((_, method), score) in enumerate(zip(overview.rows, means[target], strict=True)):
                colour = _COLOURS.get(method, "#555555")
                plot.plot([score], [place], "o", color=colour, markersize=6)
                plot.annotate(f"{score:.1f}", (score, place), (0, 5), textcoords="offset points", ha="center", size=7)
            plot.set_title(target, size=10)
            plot.axvline(means[target].iloc[0], color="#999999", linewidth=0.8, linestyle=":")
            plot.grid(axis="x", color="#e5e5e5")
            plot.set_axisbelow(True)
            plot.spines[["top", "right", "left"]].set_visible(False)
            plot.tick_params(axis="y", length=0)
            plot.margins(x=0.25, y=0.12)
        labels = [f"{', '.join(row)}  ({amount(count)})" for row, count in zip(overview.rows, trained, strict=True)]
        axes[0].set_yticks(range(len(means)), labels)
        axes[0].invert_yaxis()
        figure.suptitle(f"{title}\nin brackets: parameters trained for a target, without its head", size=10)
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Title": title})
    svg = drawn.getvalue()
    svg = svg[svg.index("<svg") :]  # without a document type, which would be fetched from elsewhere
    write_text(file, svg.replace("</title>", f"</title>\n <desc>{_in_words(overview)}</desc>", 1))
    return file


def _in_words(overview: Overview) -> str:
    """Say what the picture shows, for those who cannot see it."""
    many = zip(overview.rows, overview.zero_shot().to_dict("records"), strict=True)
    told = (
        f"{' by '.join(row)}: {', '.join(f'{one} {score:.1f}' for one, score in scores.items())}"
        for row, scores in many
    )
    return escape("; ".join(told))
