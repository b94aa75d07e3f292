"""The report's page in a real browser: opening it, and what a reader sees of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright

COMMANDS = ("chromium", "chromium-browser", "google-chrome")

TEXTS = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.data.trim() || node.parentElement.closest("script, option, title, desc")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects())
      if (box.width > 0 && box.height > 0 && node.parentElement.checkVisibility({contentVisibilityAuto: true}))
        found.push({node, box, text: node.data.trim()});
  }
  return found;
}"""
"""Each line of text that is visible, with its box."""

OVERLAPS = f"""() => {{
  const lines = ({TEXTS})().filter(({{node}}) => !node.parentElement.closest("svg"));
  lines.sort((a, b) => a.box.top - b.box.top);
  const found = [];
  lines.forEach((one, i) => {{
    for (const other of lines.slice(i + 1)) {{
      // Lines of one paragraph may touch.
      if (other.box.top > one.box.bottom - 3) break;
      if (one.node !== other.node && one.box.left < other.box.right - 1 && other.box.left < one.box.right - 1)
        found.push([one.text, other.text]);
    }}
  }});
  return found;
}}"""
"""The pairs of texts that cover each other, plots apart."""

CUT = f"""() => ({TEXTS})()
  .filter(({{node, box}}) => !node.parentElement.closest(".scroll") && (box.left < 0 || box.right > innerWidth))
  .map(({{text}}) => text)"""
"""The texts outside wide tables that do not fit on the screen."""

CONTRASTS = f"""() => {{
  const channels = (color) => {{
    const [r, g, b, alpha = 1] = color.match(/[\\d.]+/g).map(Number);
    return [r, g, b, alpha];
  }};
  const behind = (element) => {{
    let mixed = [0, 0, 0], left = 1;
    for (let each = element; each && left > 0; each = each.parentElement) {{
      const [r, g, b, alpha] = channels(getComputedStyle(each).backgroundColor);
      mixed = mixed.map((value, i) => value + left * alpha * [r, g, b][i]);
      left *= 1 - alpha;
    }}
    return left > 0 ? null : mixed;
  }};
  const luminance = (color) => {{
    const linear = (share) => share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = color.map((value) => linear(value / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }};
  return ({TEXTS})().map(({{node, text}}) => {{
    const element = node.parentElement;
    const style = getComputedStyle(element);
    const color = channels(element.closest("svg") ? style.fill : style.color).slice(0, 3);
    const [light, dark] = [luminance(color), luminance(behind(element))].sort((a, b) => b - a);
    return [(light + 0.05) / (dark + 0.05), text];
  }});
}}"""
"""Of each text, the contrast to what is behind it, as WCAG 2 defines it."""


def launched() -> Iterator[Browser]:
    """Yield a headless Chromium, the system's or playwright's own; skip where there is none."""
    with sync_playwright() as driver:
        path = next(filter(None, map(shutil.which, COMMANDS)), driver.chromium.executable_path)
        if not Path(path).exists():
            pytest.skip(f"no browser: neither {', '.join(COMMANDS)} nor that of `playwright install chromium` is there")
        # Chromium's sandbox does not start as root, as which containers run.
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, file: Path, script: str = "", **options: object) -> Iterator[Page]:
    """Open a page of this machine; fail if it requests anything else, writes to the console or opens a dialog.

    ``script`` runs before those of the page; ``options`` are those of a playwright context.
    """
    problems: list[str] = []
    with browser.new_context(**options) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.add_init_script(script)
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: problems.append(request.url))
        page.on("dialog", lambda dialog: (problems.append(dialog.message), dialog.dismiss()))
        page.goto(file.as_uri())
        assert problems.pop(0) == file.as_uri()
        yield page
    assert problems == []


def rows(table: Locator) -> list[str]:
    """Return the short names of a table's visible rows, from top to bottom; check that each is below its own title."""
    found: list[tuple[str, str]] = table.evaluate(
        """(table) => [...table.querySelectorAll("tr[data-preset]")].filter((line) => line.checkVisibility())
          .map((line) => [line.querySelector("a").hash, line.nextElementSibling.querySelector("code").innerText])"""
    )
    owners = table.page.locator("details[id^=row-]").evaluate_all(
        "(all) => all.map((each) => ['#' + each.id, each.querySelector('summary').innerText])"
    )
    assert all(f"({name})" in dict(owners)[row] for row, name in found)
    return [name for _, name in found]


def visible_numbers(table: Locator, name: str) -> list[str]:
    """Return the texts of the visible cells of a row, after checking that each ends where its heading does."""
    cells = table.locator("tr[data-preset]", has=table.page.locator("xpath=following-sibling::tr[1]", has_text=name))
    ends: dict[str, list[float]] = table.evaluate(
        """(table, name) => {
          const ends = (cells) => cells.filter((each) => each.checkVisibility())
            .map((each) => Math.round(each.getBoundingClientRect().right));
          const line = [...table.querySelectorAll("tr.settings")].find((each) => each.innerText.includes(name));
          const row = line.previousElementSibling;
          const heads = [...table.tHead.querySelectorAll("th:not([scope=colgroup])")];
          return {heads: ends(heads), cells: ends([...row.cells]), settings: ends([...line.cells])};
        }""",
        name,
    )
    assert set(ends["cells"]) <= set(ends["heads"])
    assert ends["settings"] == [max(ends["heads"])]
    return cells.locator("td:visible").all_inner_texts()
