"use strict";
// The controls of the page: sorting, filters, columns, copies and downloads. The page is complete without them. A text of
// the report becomes a text node or a value, never HTML.

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function controls(ariaLabel, ...parts) {
  return make("div", { className: "controls", role: "group", ariaLabel }, ...parts);
}

function checkBox(label, onchange) {
  const box = make("input", { type: "checkbox", checked: true, onchange: () => onchange(box.checked) });
  return make("label", {}, box, label);
}

/** Make a choice among the values that occur; without parts where there is nothing to choose. */
function choice(label, occurring, onchange) {
  const values = [...new Set(occurring)].filter(Boolean);
  const box = make("select", { onchange }, new Option("all", ""), ...values.map((value) => new Option(value, value)));
  return {
    parts: values.length > 1 ? [make("label", {}, label, box)] : [],
    matches: (value) => box.value === "" || box.value === value,
  };
}

/** Return each cell of some lines with the place that it has on the screen. */
function places(lines) {
  const taken = new Set();
  const found = [];
  for (const [y, line] of [...lines].entries()) {
    let x = 0;
    for (const cell of line.cells) {
      while (taken.has(`${y},${x}`)) x += 1;
      const { rowSpan: height, colSpan: width } = cell;
      for (let i = 0; i < height * width; i += 1) taken.add(`${y + Math.floor(i / width)},${x + (i % width)}`);
      found.push({ cell, y, x, height, width });
    }
  }
  return found;
}

/** Return the rows of a body: the lines that move together, the cells of the first one, and the family. */
function rowsOf(body) {
  const rows = [];
  const cells = places(body.rows);
  let heading = null;
  let end = 0;
  for (const [y, line] of [...body.rows].entries()) {
    const own = cells.filter((place) => place.y === y);
    if (own.length === 1 && own[0].cell.scope === "rowgroup") heading = line;
    else if (y < end || line.classList.contains("settings")) rows.at(-1).lines.push(line);
    else rows.push({ lines: [line], cells: own, heading, preset: line.dataset.preset });
    end = Math.max(end, ...own.map((place) => y + place.height));
  }
  for (const row of rows) {
    row.family = row.heading?.textContent.trim();
    row.name = [row.cells[0].cell, ...row.lines.slice(1)].map((part) => part.textContent).join(" ").toLowerCase();
  }
  return rows;
}

/** Return what a row is sorted by, a number or a text; null if nothing is there. */
function valueOf(row, column, isNumber) {
  const { cell, width } = row.cells.find((place) => place.x <= column && column < place.x + place.width);
  const text = cell.dataset.value ?? cell.textContent.trim();
  if (width > 1) return null;
  if (!isNumber) return text || null;
  const number = Number.parseFloat(text.replace(/^[<>] /, "").replace("−", "-"));
  const beyond = { "<": -1e-9, ">": 1e-9 }[text[0]] ?? 0;
  return Number.isNaN(number) ? null : number + beyond;
}

function ordered(rows, column, isNumber, direction) {
  const words = new Intl.Collator("en", { numeric: true });
  const sign = direction === "ascending" ? 1 : -1;
  return rows
    .map((row) => ({ row, value: valueOf(row, column, isNumber) }))
    .sort(({ value: a }, { value: b }) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (isNumber ? a - b : words.compare(a, b));
    })
    .map(({ row }) => row);
}

/** Make buttons of the headings: they sort in one direction, in the other, and return to the order of the report. */
function setUpSorting(table, rows) {
  const original = [...table.tBodies].map((body) => [body, [...body.rows]]);
  const sorted = make("tbody", {});
  const sort = (heading, column) => {
    const isNumber = heading.classList.contains("number");
    const directions = isNumber ? ["descending", "ascending"] : ["ascending", "descending"];
    const direction = directions[directions.indexOf(heading.ariaSort) + 1];
    for (const other of table.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
    for (const [body, lines] of original) body.append(...lines);
    sorted.remove();
    table.classList.toggle("sorted", direction !== undefined);
    if (direction === undefined) return;
    heading.ariaSort = direction;
    sorted.append(...ordered(rows, column, isNumber, direction).flatMap((row) => row.lines));
    table.append(sorted);
  };
  for (const row of rows) {
    if (row.family) row.cells[0].cell.append(make("span", { className: "family" }, row.family));
  }
  const heads = places(table.tHead.rows);
  for (const { cell, x } of heads.filter((place) => place.width === 1)) {
    const above = heads.find((place) => place.width > 1 && place.x <= x && x < place.x + place.width);
    const title = ["Sort by", above?.cell.textContent, cell.innerText].filter(Boolean).join(" ").replace(/\s+/g, " ");
    const onclick = () => sort(cell, x);
    cell.append(make("button", { type: "button", title, ariaLabel: title, onclick }, ...cell.childNodes));
  }
}

/** Return the filters of a table, and the number of rows that they leave. */
function rowFilters(rows) {
  const count = make("output", {});
  const apply = () => {
    const searched = text.value.trim().toLowerCase();
    for (const row of rows) {
      row.isShown = family.matches(row.family) && preset.matches(row.preset) && row.name.includes(searched);
      for (const line of row.lines) line.hidden = !row.isShown;
    }
    for (const { heading } of rows.filter((row) => row.heading)) {
      heading.hidden = !rows.some((row) => row.heading === heading && row.isShown);
    }
    count.textContent = `${rows.filter((row) => row.isShown).length} of ${rows.length} rows shown`;
  };
  const text = make("input", { type: "search", size: 14, oninput: apply });
  const family = choice("Family", rows.map((row) => row.family), apply);
  const preset = choice("Preset", rows.map((row) => row.preset), apply);
  apply();
  return rows.length > 1 ? [make("label", {}, "Method", text), ...family.parts, ...preset.parts, count] : [];
}

/** Return check boxes that hide columns, and parts of cells. */
function columnChoice(table) {
  const heads = places(table.tHead.rows);
  const cells = [...heads, ...[...table.tBodies].flatMap((body) => places(body.rows))];
  const hidden = new Set();
  const show = (head, isShown) => {
    for (let x = head.x; x < head.x + head.width; x += 1) hidden[isShown ? "delete" : "add"](x);
    for (const { cell, x, width } of cells) {
      const left = Array.from({ length: width }, (_, i) => x + i).filter((column) => !hidden.has(column)).length;
      cell.hidden = left === 0;
      if (width > 1) cell.colSpan = left || width;
    }
  };
  const boxes = heads
    .filter((head) => head.y === 0 && head.x > 0)
    .map((head) => checkBox(head.cell.innerText.replace(/\s+/g, " "), (isShown) => show(head, isShown)));
  for (const [part, label] of [["interval", "95 % intervals"], ["deviation", "± over seeds"]]) {
    const box = checkBox(label, (isShown) => table.classList.toggle(`without-${part}`, !isShown));
    if (table.querySelector(`.${part}`)) boxes.push(box);
  }
  return make("details", { className: "columns" }, make("summary", {}, "Columns"), make("div", {}, ...boxes));
}

/** Return a button that copies a text, and what it shows where there is no clipboard: the text, selected. */
function copyButton(label, text) {
  const said = make("output", {});
  const area = make("textarea", { readOnly: true, value: text, rows: 8, hidden: true, ariaLabel: "LaTeX to copy" });
  const onclick = async () => {
    try {
      await navigator.clipboard.writeText(text);
      said.textContent = "copied";
    } catch {
      said.textContent = "not copied: copy the selected text";
      area.hidden = false;
      area.select();
    }
  };
  return [make("button", { type: "button", onclick }, label), said, area];
}

function downloadButton([name, text]) {
  const onclick = () => make("a", { href: URL.createObjectURL(new Blob([text])), download: name }).click();
  return make("button", { type: "button", onclick }, `Download ${name}`);
}

/** Return what chooses comparisons, where there are several. */
function comparisonFilters(sections) {
  const count = make("output", {});
  const apply = () => {
    for (const section of sections) {
      section.hidden = !choices.every(([name, { matches }]) => matches(section.dataset[name]));
      for (const link of document.querySelectorAll(`nav [href="#${section.id}"]`)) link.parentNode.hidden = section.hidden;
    }
    const left = sections.filter((section) => !section.hidden).length;
    count.textContent = `${left} of ${sections.length} comparisons shown`;
  };
  const choices = Object.entries({ protocol: "Protocol", input: "Input", selection: "Selection rule" }).map(
    ([name, label]) => [name, choice(label, sections.map((section) => section.dataset[name]), apply)],
  );
  apply();
  const parts = choices.flatMap(([, { parts }]) => parts);
  return parts.length ? [...parts, count] : [];
}

/** Open all details while the page is printed: on paper nothing is hidden. */
function openOnPaper() {
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("main details:not([open], .columns)")];
    for (const each of opened) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of opened) each.open = false;
  });
}

const files = JSON.parse(document.getElementById("files").textContent);
const sections = [...document.querySelectorAll("section[data-protocol]")];
const downloads = Object.entries(files.downloads).map(downloadButton);
const parts = [...comparisonFilters(sections), ...downloads];
if (parts.length) document.querySelector("nav").after(controls("Report", ...parts));
for (const table of document.querySelectorAll("table.scores")) {
  const rows = [...table.tBodies].flatMap(rowsOf);
  if (table.classList.contains("filtered")) {
    const latex = files.latex[table.dataset.comparison];
    const box = table.closest(".scroll");
    const copy = latex === undefined ? [] : copyButton("Copy as LaTeX", latex);
    box.before(controls(`Table: ${box.ariaLabel}`, ...rowFilters(rows), columnChoice(table), ...copy));
  }
  setUpSorting(table, rows);
}
openOnPaper();
