"""The page in a browser: quiet, alone, sorted and narrowed by clicks, readable on any screen and on paper."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import page_results as made
import pytest

from adapterstilts.experiment.typology import against_gain
from adapterstilts.report.page import write_page

playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright: pip install 'adapterstilts[dev]'")

WIDE, NARROW, PAPER = 1600, 400, 1030  # pixels; the last is A4 across, without its margins
SMALLEST = 11
RUNS = "#seeds table"
LEAVES = """() => Array.from(document.querySelectorAll('main *, nav *'))
    .filter((one) => one.checkVisibility() && Array.from(one.childNodes).some((n) => n.nodeType === 3 && n.data.trim()))
    .map((one) => {
        const scale = one.ownerSVGElement ? one.getScreenCTM().a : 1;
        return [one.textContent.trim().slice(0, 40), parseFloat(getComputedStyle(one).fontSize) * scale];
    })"""
OUTSIDE = """() => Array.from(document.querySelectorAll('body *'))
    .filter((one) => one.checkVisibility() && !one.closest('.scroll > *'))
    .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map((one) => one.outerHTML.slice(0, 80))"""
CUT = """() => Array.from(document.querySelectorAll('.scroll'))
    .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent.trim().slice(0, 80))"""


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        program = shutil.which("chromium") or started.chromium.executable_path
        if not Path(program).exists():
            pytest.skip("no browser: apt-get install chromium, or playwright install chromium")
        opened = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    study = made.results()
    return write_page(study, made.judged(study), tmp_path_factory.mktemp("page") / "page.html", against_gain(study))


@pytest.fixture
def show(browser, file):
    """Open the page at a width; afterwards it must have said nothing and asked for nothing but itself."""
    pages, heard, asked = [], [], []

    def opened(width: int = WIDE):
        page = browser.new_page(viewport={"width": width, "height": 900})
        pages.append(page)
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        return page

    yield opened
    for page in pages:
        page.close()
    assert heard == []
    assert set(asked) <= {file.as_uri()}


def open_all(page) -> None:
    page.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")


def column(page, table: str, number: int) -> list[str]:
    return page.locator(f"{table} tbody tr > :nth-child({number})").all_inner_texts()


def heading(page, table: str, number: int):
    return page.locator(f"{table} thead th:nth-child({number})")


def test_the_page_opens_without_a_word_and_asks_for_nothing_else(browser, file):
    heard, asked = [], []
    page = browser.new_page()
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    open_all(page)
    page.evaluate("() => document.querySelectorAll('button').forEach((one) => one.click())")
    assert page.locator("section").count() == 17
    assert page.locator("figure svg").first.is_visible()
    assert heard == []
    assert asked == [file.as_uri()]
    page.close()


def test_the_page_would_be_kept_from_fetching(browser, file, tmp_path):
    heard, asked = [], []
    page = browser.new_page()
    page.on("console", lambda message: heard.append(message.text))
    page.on("requestfinished", lambda request: asked.append(request.url))
    text = file.read_text(encoding="utf-8").replace("<h1>", '<img src="other.png"><h1>', 1)
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    page.goto((tmp_path / "page.html").as_uri())
    assert any("Content Security Policy" in message for message in heard)
    assert not [url for url in asked if url.endswith("other.png")]
    page.close()


def test_figures_sort_by_size_both_ways_and_what_is_missing_stays_last(show):
    page = show()
    open_all(page)
    title = heading(page, RUNS, 6)
    assert title.get_attribute("aria-sort") == "none"
    title.locator("button").click()
    assert title.get_attribute("aria-sort") == "ascending"
    rising = column(page, RUNS, 6)
    title.locator("button").click()
    assert title.get_attribute("aria-sort") == "descending"
    falling = column(page, RUNS, 6)
    assert rising[-1] == falling[-1] == "hole"
    assert [float(one) for one in rising[:-1]] == sorted(float(one) for one in rising[:-1])
    assert falling[:-1] == rising[:-1][::-1]


def test_amounts_sort_by_what_they_mean_not_by_how_they_are_written(show):
    page = show()
    open_all(page)
    heading(page, "#headline table", 2).locator("button").click()
    assert column(page, "#headline table", 2) == ["24.6k", "49.2k", "1.3M"]
    assert column(page, "#headline table", 1) == ["lora", "bottleneck", "full"]


def test_words_sort_by_the_alphabet_and_only_one_heading_is_sorted(show):
    page = show()
    open_all(page)
    heading(page, RUNS, 6).locator("button").click()
    heading(page, RUNS, 1).locator("button").click()
    assert column(page, RUNS, 1) == sorted(column(page, RUNS, 1))
    sorted_by = [one.get_attribute("aria-sort") for one in page.locator(f"{RUNS} thead th").all()]
    assert sorted_by == ["ascending", "none", "none", "none", "none", "none"]


def test_a_heading_sorts_by_the_keyboard(show):
    page = show()
    open_all(page)
    heading(page, RUNS, 4).locator("button").focus()
    page.keyboard.press("Enter")
    assert heading(page, RUNS, 4).get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Space")
    assert heading(page, RUNS, 4).get_attribute("aria-sort") == "descending"


def test_the_last_row_stays_last_when_a_table_is_sorted(show):
    page = show()
    table = "#languages table >> nth=0"
    page.locator(table).locator("thead th:nth-child(2) button").click()
    assert page.locator(table).locator("tr").last.inner_text().startswith("mean")
    shown = page.locator(table).locator("tbody tr > :nth-child(2)").all_inner_texts()
    assert [float(one) for one in shown] == sorted(float(one) for one in shown)


def test_languages_that_are_not_chosen_leave_rows_panels_and_means(show):
    page = show()
    mean = page.locator("#languages table >> nth=0").locator("tfoot td >> nth=1")
    before = mean.inner_text()
    page.locator(".chooser input[value=sw]").uncheck()
    assert page.locator("[data-language=sw]:visible").count() == 0
    assert page.locator("figure[data-language=de]:visible").count() == len(made.TARGETS)
    scores = made.results().scores
    own = scores[(scores.method == "full") & (scores.way == "mnli") & (scores.target == "xnli")]
    kept = own[own.language.isin(["de", "th", "zh"])].groupby("language").score.mean()
    assert mean.inner_text() == f"{kept.mean():.1f}" != before


def test_no_language_has_no_mean_and_all_have_the_first_one(show):
    page = show()
    means = page.locator("#languages tfoot td")
    before = means.all_inner_texts()
    page.locator(".chooser [data-none]").click()
    assert set(means.all_inner_texts()) == {"–"}
    assert page.locator("#languages tbody tr:visible").count() == 0
    page.locator(".chooser [data-all]").click()
    assert means.all_inner_texts() == before


def test_a_taught_language_is_in_no_mean(show):
    page = show()
    page.locator(".chooser input[value=de]").uncheck()
    with_english = page.locator("#languages tfoot td").all_inner_texts()
    page.locator(".chooser input[value=en]").uncheck()
    assert page.locator("#languages tr[data-language=en]:visible").count() == 0
    assert page.locator("#languages tfoot td").all_inner_texts() == with_english


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_nothing_reaches_over_the_edge_of_a_screen(show, width):
    page = show(width)
    open_all(page)
    seen = page.evaluate("() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert seen[0] <= seen[1] == width
    assert page.evaluate(OUTSIDE) == []


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_text_is_large_enough_to_be_read(show, width):
    page = show(width)
    open_all(page)
    sizes = page.evaluate(LEAVES)
    assert len(sizes) > 500
    assert [one for one in sizes if one[1] < SMALLEST] == []


def test_a_picture_fits_a_narrow_screen_without_scrolling(show):
    page = show(NARROW)
    open_all(page)
    assert page.locator("figure .scroll").count() > 10
    assert page.evaluate(CUT.replace("'.scroll'", "'figure .scroll'")) == []


def test_on_paper_everything_is_open_and_nothing_is_cut(show):
    page = show(PAPER)
    page.emulate_media(media="print")
    page.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert page.locator("nav").is_hidden()
    assert page.evaluate(CUT) == []
    assert page.evaluate(OUTSIDE) == []
    page.evaluate("() => window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() > 0


def test_paper_gets_all_sections(show):
    page = show()
    printed = page.pdf(prefer_css_page_size=True, print_background=True, tagged=True, outline=True)
    titles = page.locator("h2").all_inner_texts()
    found = re.findall(rb"/Title \(([^)]*)\)", printed)
    assert printed.startswith(b"%PDF")
    assert len(titles) == 17
    assert [title for title in titles if title.encode() not in found] == []
    assert page.locator("details:not([open])").count() > 0  # as it was
