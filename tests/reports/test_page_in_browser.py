"""The report's page in a real browser: its controls, what it may load, and how it looks on screens and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from support.browser import CONTRASTS, CUT, OVERLAPS, launched, opened, rows, visible_numbers
from support.report_case import Report
from support.store_factory import always, make_row, right, write_seed

from mer_bench.store import Store
from mer_bench_reports import write_report

pytestmark = pytest.mark.slow

CLIPBOARD = """Object.defineProperty(navigator, "clipboard", {
  value: {writeText: async (text) => { window.copied = text; }},
})"""
NO_CLIPBOARD = "Object.defineProperty(navigator, 'clipboard', {value: undefined})"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from launched()


@pytest.fixture(scope="module")
def file(report: Report) -> Path:
    return report.store.path / "out" / "report.html"


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    with opened(browser, file) as page:
        yield page


def scores(report: Report, column: str, slice_name: str) -> dict[str, str]:
    """Return the texts of a column of the CSV for the rows of comparison 1, empty where a row has none."""
    lines = [line for line in report.csv if (line["comparison"], line["kind"]) == ("1", "measured")]
    # The mean over several seeds comes last.
    return {line["row"]: line[column] for line in lines if line["slice"] == slice_name}


def block(file: Path, number: int) -> str:
    """Return the LaTeX of a comparison, which blank lines separate from others."""
    blocks = file.with_suffix(".tex").read_text("utf-8").split("\n\n")
    [found] = [each for each in blocks if f"Comparison {number}:" in each]
    return found


def test_a_heading_sorts_the_rows_by_its_numbers_and_back(page: Page, report: Report) -> None:
    table = page.locator("table[data-comparison='1']")
    original = rows(table)
    uf1 = {name: float(text) for name, text in scores(report, "uf1", "smic").items() if text}
    missing = [name for name in original if name not in uf1]
    upward = sorted(uf1, key=lambda name: uf1[name])
    button = table.get_by_role("button", name="Sort by SMIC UF1")
    heading = table.locator("th", has=page.get_by_role("button", name="Sort by SMIC UF1"))
    families = table.get_by_text("Deep learning")
    assert len(uf1) > 3
    assert len(missing) == 1
    assert original not in (upward + missing, upward[::-1] + missing)

    button.click()
    assert rows(table) == upward[::-1] + missing
    expect(heading).to_have_attribute("aria-sort", "descending")
    assert families.locator("visible=true").count() == 3
    button.focus()
    page.keyboard.press("Enter")
    assert rows(table) == upward + missing
    expect(heading).to_have_attribute("aria-sort", "ascending")
    page.keyboard.press("Space")
    assert rows(table) == original
    assert table.locator("[aria-sort]").count() == 0
    assert families.locator("visible=true").count() == 1


def test_numbers_are_sorted_by_size_whatever_their_text(page: Page) -> None:
    """A cell may state its number apart from its text, which has a unit."""
    table = page.locator("table[data-comparison='1']")
    names = [name for name in rows(table) if not name.startswith("a-net")]
    cells = table.locator("tr[data-preset] > td:nth-child(2):not([colspan])")
    texts = ["9", "> 9", "−1.5", "< 0.001", "1 h"]
    cells.evaluate_all("(cells, texts) => cells.forEach((cell, i) => { cell.textContent = texts[i]; })", texts)
    cells.last.evaluate("(cell) => { cell.dataset.value = '20'; }")
    for _ in range(2):
        table.get_by_role("button", name="Sort by Full UF1").click()
    assert rows(table)[:5] == [names[i] for i in (2, 3, 0, 1, 4)]


def test_texts_are_sorted_as_words_and_only_one_column_sorts(page: Page) -> None:
    table = page.locator("table[data-comparison='1']")
    table.get_by_role("button", name="Sort by CASME II UAR").click()
    table.get_by_role("button", name="Sort by Method").click()
    titles = [text.partition("\n")[0] for text in table.locator("tbody th[scope=row] a").all_inner_texts()]
    assert titles == ["alpha net", "alpha net", "Beta net", "Floor", "Lab trick", "SVM"]
    assert table.locator("[aria-sort]").count() == 1


def test_every_table_of_scores_sorts_and_lines_below_one_cell_move_together(page: Page) -> None:
    table = page.locator("table.scores:has(tbody th[rowspan])").first
    together = table.evaluate("(table) => [...table.tBodies].map((body) => body.innerText)")
    button = table.locator("thead th.number button").first
    for _ in range(2):
        button.click()
        text = table.locator("tbody").last.inner_text()
        assert all(lines in text for lines in together)
    assert page.locator("table.scores:not(:has(thead button))").count() == 0
    unnamed = page.locator("button, input, select, textarea").evaluate_all(
        "(all) => all.filter((each) => !(each.ariaLabel || each.textContent || each.labels?.[0]?.textContent))"
    )
    assert unnamed == []


def test_rows_are_filtered_by_family_preset_and_text(page: Page) -> None:
    table = page.locator("table[data-comparison='1']")
    controls = page.get_by_role("group", name="Table: Scores of comparison 1")
    family, preset, text = (controls.get_by_label(name) for name in ("Family", "Preset", "Method"))
    floor, svm, *deep, lab = rows(table)

    family.select_option("Deep learning")
    assert rows(table) == deep
    expect(controls.get_by_text("3 of 6 rows shown")).to_be_visible()
    assert table.locator("th[scope=rowgroup]:visible").all_inner_texts() == ["Deep learning"]
    preset.select_option("paper")
    assert rows(table) == deep[1:]
    family.select_option("all")
    preset.select_option("fixed")
    assert rows(table) == [svm]
    preset.select_option("all")
    text.fill("LAB t")
    assert rows(table) == [lab]
    text.fill(floor[-4:])
    assert rows(table) == [floor]
    # Scores are no names.
    text.fill("0.7")
    expect(controls.get_by_role("status").get_by_text("0 of 6 rows shown")).to_be_visible()


def test_comparisons_are_filtered(page: Page) -> None:
    controls = page.get_by_role("group", name="Report")
    shown = page.locator("section[data-protocol] > h2:visible")
    controls.get_by_label("Selection rule").select_option("last")
    assert [text[:13] for text in shown.all_inner_texts()] == ["Comparison 1:"]
    controls.get_by_label("Selection rule").select_option("all")
    controls.get_by_label("Protocol").select_option("loso-casme3@1")
    assert [text[:13] for text in shown.all_inner_texts()] == ["Comparison 3:"]
    expect(controls.get_by_text("1 of 3 comparisons shown")).to_be_visible()
    links = page.locator("nav a:visible").all_inner_texts()
    assert links == ["Comparison 3", "Selection rules", "Published scores", "Checks", "Provenance"]
    # All rows have one input: there is nothing to choose.
    assert controls.get_by_label("Input").count() == 0


def test_hidden_columns_leave_each_cell_below_its_heading(page: Page, report: Report) -> None:
    table = page.locator("table[data-comparison='1']")
    controls = page.get_by_role("group", name="Table: Scores of comparison 1")
    [incomplete] = [name for name, text in scores(report, "uf1", "full").items() if not text]
    [svm] = [name for name in rows(table) if name.startswith("svm")]
    controls.get_by_text("Columns").click()
    for name in ("SAMM", "Full", "Folds"):
        controls.get_by_label(name, exact=True).uncheck()
    controls.get_by_label("95 % intervals").uncheck()
    expected = [scores(report, metric, name)[svm] for name in ("smic", "casme2") for metric in ("uf1", "uar")]
    shown = [text.split()[0] for text in visible_numbers(table, svm)]
    assert shown[:4] == [f"{float(text):.4f}" for text in expected]
    assert table.get_by_text("SAMM").locator("visible=true").count() == 0
    assert table.locator(".interval:visible").count() == 0 < table.locator(".deviation:visible").count()
    visible_numbers(table, incomplete)
    # Headings of one column look as before.
    aligned = table.locator("thead th.number").evaluate_all(
        "(all) => all.map((each) => getComputedStyle(each).textAlign)"
    )
    assert set(aligned) == {"right"}
    controls.get_by_label("± over seeds").uncheck()
    assert table.locator(".deviation:visible").count() == 0
    controls.get_by_label("SAMM", exact=True).check()
    assert table.get_by_text("SAMM").locator("visible=true").count() == 1
    visible_numbers(table, incomplete)


def test_the_latex_of_a_comparison_is_copied(browser: Browser, file: Path) -> None:
    with opened(browser, file, CLIPBOARD) as page:
        for number in (2, 1):
            page.get_by_role("button", name="Copy as LaTeX").nth(number - 1).click()
            assert page.evaluate("window.copied") == block(file, number)
        expect(page.get_by_text("copied", exact=True)).to_have_count(2)


def test_without_a_clipboard_the_latex_is_selected(browser: Browser, file: Path) -> None:
    with opened(browser, file, NO_CLIPBOARD) as page:
        page.get_by_role("button", name="Copy as LaTeX").nth(1).click()
        area = page.get_by_label("LaTeX to copy").locator("visible=true")
        expect(area).to_have_value(block(file, 2))
        assert area.evaluate("(each) => each.value.slice(each.selectionStart, each.selectionEnd)") == block(file, 2)


def download(page: Page, name: str) -> bytes:
    with page.expect_download() as started:
        page.get_by_role("button", name=f"Download {name}").click()
    assert started.value.suggested_filename == name
    return Path(started.value.path()).read_bytes()


def test_downloads_are_the_files_of_the_report(page: Page, file: Path) -> None:
    for name in ("report.csv", "report.json", "report.bib"):
        assert download(page, name) == file.with_name(name).read_bytes()


def test_hostile_texts_do_nothing(browser: Browser, store: Store, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)></script><script>alert(2)</script>\r<!--<script>\\u003c&lt;"
    words = {"title": hostile, "family": hostile, "preset": hostile, "input_name": hostile, "params": {"a": hostile}}
    write_seed(store, make_row("one", **words), right, failed={"smic-s1": hostile})  # type: ignore[arg-type]
    write_seed(store, make_row("two", **{**words, "family": "deep", "preset": "<b>"}), right)  # type: ignore[arg-type]
    write_seed(store, make_row("other", protocol=hostile, **words), always(1))  # type: ignore[arg-type]
    files = write_report(store, tmp_path)
    with opened(browser, files["html"], NO_CLIPBOARD) as page:
        for button in page.locator("table[data-comparison] thead button", has_text="Method").all():
            button.click()
        page.get_by_role("button", name="Copy as LaTeX").first.click()
        for choice in page.locator("select").all():
            choice.select_option(index=1)
        assert page.locator("img").count() == 0
        assert page.locator("script").count() == 2
        # A family and a preset; a carriage return is a blank.
        values = page.locator("option").evaluate_all("(all) => all.map((each) => each.value)")
        assert values.count(hostile.replace("\r", " ")) == 2
        assert all(download(page, f"report.{kind}") == files[kind].read_bytes() for kind in ("csv", "json"))


def test_the_browser_refuses_what_the_page_must_not_do(browser: Browser, file: Path) -> None:
    attempts = {
        "fetch('http://127.0.0.1:9/x').catch(() => 0)": "connect-src",
        "document.images[0].src = 'http://127.0.0.1:9/x'": "img-src",
        "frames[0].location = 'http://127.0.0.1:9/x'": "frame-src",
        "document.body.setAttribute('style', 'color: red')": "style-src-attr",
        "try { document.body.innerHTML = '<b>' } catch {}": "require-trusted-types-for",
        "document.forms[0].submit()": "form-action",
    }
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(file.as_uri())
        page.evaluate("['img', 'iframe', 'form'].forEach((tag) => document.body.append(document.createElement(tag)))")
        page.evaluate("document.forms[0].action = 'http://127.0.0.1:9/x'")
        for attempt, directive in attempts.items():
            refused = """new Promise((resolve) => {
              addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective), {once: true});
              setTimeout(resolve, 2000, "nothing");
            })"""
            assert page.evaluate(f"() => {{ const refused = {refused}; {attempt}; return refused; }}") == directive


def test_a_script_that_is_not_the_page_s_own_does_not_run(browser: Browser, file: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed.html"
    added = "<script>window.found = 1</script><p onclick='1'></p><style>* { color: red }</style></body>"
    changed.write_text(file.read_text("utf-8").replace("</body>", added), encoding="utf-8")
    with browser.new_context() as context:
        page = context.new_page()
        listener = (
            "addEventListener('securitypolicyviolation', ({effectiveDirective}) => found.push(effectiveDirective))"
        )
        page.add_init_script(f"window.found = []; {listener}")
        page.goto(changed.as_uri())
        assert sorted(page.evaluate("found")) == ["script-src-attr", "script-src-elem", "style-src-elem"]


def test_without_scripts_everything_is_there_and_no_control(browser: Browser, file: Path) -> None:
    with opened(browser, file, java_script_enabled=False) as page:
        assert page.locator("button, input, select, textarea, .controls").count() == 0
        table = page.locator("table[data-comparison='1']")
        assert len(rows(table)) == 6
        assert table.locator("tr:visible").count() == table.locator("tr").count()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_what_is_behind_them(browser: Browser, file: Path, scheme: str) -> None:
    with opened(browser, file, color_scheme=scheme) as page:
        page.locator("details").evaluate_all("(all) => all.forEach((each) => { each.open = true; })")
        background = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
        contrasts = page.evaluate(CONTRASTS)
    assert (max(background) < 60) == (scheme == "dark")
    assert len(contrasts) > 1000
    assert [pair for pair in contrasts if pair[0] < 4.5] == []


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_on_paper_all_is_open_and_nothing_overlaps(browser: Browser, file: Path, *, scripts: bool) -> None:
    # The width of A4 between its margins.
    size = {"width": 1031, "height": 700}
    with opened(browser, file, java_script_enabled=scripts, color_scheme="dark", viewport=size) as page:
        closed = page.locator("details:not([open])").count()
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        for matrix in page.locator("details .confusion, details dl").all():
            assert matrix.is_visible()
        assert page.evaluate(OVERLAPS) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert page.evaluate(CUT.replace('!node.parentElement.closest(".scroll")', "true")) == []
        assert page.locator(".controls:visible, nav:visible").count() == 0
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert [pair for pair in page.evaluate(CONTRASTS) if pair[0] < 4.5] == []
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("details:not([open])").count() == closed > 10
        assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


def test_a_phone_shows_everything_without_scrolling_the_page_sideways(browser: Browser, file: Path) -> None:
    with opened(browser, file, viewport={"width": 400, "height": 800}) as page:
        page.locator("details").evaluate_all("(all) => all.forEach((each) => { each.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        assert page.evaluate(CUT) == []
        unreachable = page.locator(".scroll :is(td, th)").evaluate_all(
            """(cells) => cells.filter((cell) => {
              const box = cell.closest(".scroll");
              box.scrollLeft = cell.offsetLeft;
              const seen = cell.getBoundingClientRect(), room = box.getBoundingClientRect();
              return seen.width && (seen.left < room.left - 1 || seen.left > room.right || room.right > 400);
            }).map((cell) => cell.innerText)"""
        )
        assert unreachable == []
        assert page.locator(".scroll").first.evaluate("(box) => box.scrollWidth > box.clientWidth")


def test_tables_of_all_slices_fit_a_window_of_1280_px(browser: Browser, file: Path) -> None:
    with opened(browser, file, viewport={"width": 1280, "height": 900}) as page:
        tables = page.locator(".scroll:has(> .filtered)")
        for text in ("deterministic", "±"):
            assert tables.first.get_by_text(text).count(), text
        assert tables.evaluate_all("(all) => all.map((b) => b.scrollWidth - b.clientWidth)") == [0] * 5
