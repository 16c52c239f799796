"use strict";
(function () {
  const page = (what) => Array.from(document.querySelectorAll(what));

  // Sorting: figures by their size, words by the alphabet; what is missing stays last both ways.
  const key = (row, column) => row.cells[column].dataset.sort;
  const missing = (text) => text === undefined || text === "";

  function order(rows, column, down) {
    const known = rows.map((row) => key(row, column)).filter((text) => !missing(text));
    const figures = known.every((text) => !Number.isNaN(Number(text)));
    const compared = figures ? (a, b) => Number(a) - Number(b) : (a, b) => a.localeCompare(b, "en", { numeric: true });
    return rows.slice().sort((first, second) => {
      const a = key(first, column), b = key(second, column);
      if (missing(a) || missing(b)) return Number(missing(a)) - Number(missing(b));
      return down ? compared(b, a) : compared(a, b);
    });
  }

  function sort(heading) {
    const body = heading.closest("table").tBodies[0];
    const down = heading.getAttribute("aria-sort") === "ascending";
    for (const other of heading.parentNode.cells) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...order(Array.from(body.rows), heading.cellIndex, down));
  }

  for (const heading of page("thead th")) heading.firstElementChild.addEventListener("click", () => sort(heading));

  // Languages: those chosen are shown, and means are taken over them.
  function mean(cell) {
    const rows = Array.from(cell.closest("table").tBodies[0].rows).filter((row) => !row.hidden && "counts" in row.dataset);
    const known = rows.map((row) => key(row, cell.cellIndex)).filter((text) => !missing(text)).map(Number);
    const found = known.reduce((sum, one) => sum + one, 0) / known.length;
    cell.dataset.sort = known.length ? String(found) : "";
    cell.textContent = known.length ? found.toFixed(1).replace("-", "−") : "–";
  }

  const boxes = page(".chooser input");

  function choose() {
    const shown = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    for (const one of page("[data-language]")) one.hidden = !shown.has(one.dataset.language);
    page("td[data-mean]").forEach(mean);
  }

  function all(checked) {
    for (const box of boxes) box.checked = checked;
    choose();
  }

  for (const box of boxes) box.addEventListener("change", choose);
  for (const button of page(".chooser [data-all]")) button.addEventListener("click", () => all(true));
  for (const button of page(".chooser [data-none]")) button.addEventListener("click", () => all(false));
  for (const chooser of page(".chooser")) chooser.hidden = false;

  // In print everything is open; afterwards it is as it was.
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = page("details:not([open])");
    for (const one of closed) one.open = true;
  });
  window.addEventListener("afterprint", () => { for (const one of closed) one.open = false; });
})();
