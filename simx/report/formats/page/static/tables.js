// Tables that are sorted by a column's heading, and tables made of records.
function makeSortable(table) {
  const headings = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const descending = heading.getAttribute("aria-sort") === "ascending";
      for (const other of headings) other.setAttribute("aria-sort", "none");
      heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sortRows(table.tBodies[0], column, heading.classList.contains("text"), descending);
    });
  });
}

function sortRows(body, column, isText, descending) {
  const keyed = [...body.rows].map((row) => [sortKey(row.cells[column], isText), row]);
  keyed.sort(([one], [other]) => compare(one, other, descending));
  body.append(...keyed.map(([, row]) => row));
}

function sortKey(cell, isText) {
  const text = textOf(cell);
  return isText ? text : Number.parseFloat(text);
}

// What is small beside a name is there for narrow windows alone.
function textOf(cell) {
  const parts = [...cell.childNodes].filter((node) => node.nodeName !== "SMALL");
  return parts.map((node) => node.textContent).join("").trim();
}

function nameOf(row) {
  return textOf(row.cells[0]);
}

// What has no figure comes last, whichever way the others go.
function compare(one, other, descending) {
  if (typeof one === "string") {
    const order = one.localeCompare(other, "en", { numeric: true });
    return descending ? -order : order;
  }
  const missing = Number.isNaN(one) - Number.isNaN(other);
  if (missing || Number.isNaN(one)) return missing;
  return descending ? other - one : one - other;
}

// Makes a table of [heading, value of a record] columns; strings are text, figures are figures.
function tableOf(caption, columns, records) {
  const table = document.createElement("table");
  table.createCaption().textContent = caption;
  const head = table.createTHead().insertRow();
  for (const [heading] of columns) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = heading;
    head.append(cell);
  }
  const body = table.createTBody();
  for (const record of records) {
    const row = body.insertRow();
    columns.forEach(([, value], place) => {
      const cell = place ? row.insertCell() : document.createElement("th");
      if (!place) {
        cell.scope = "row";
        row.append(cell);
      }
      const content = value(record);
      cell.textContent = content ?? "–";
      if (typeof content === "string") cell.className = "text";
    });
  }
  head.cells[0].className = "text";
  return table;
}

function scrolled(table, label) {
  const region = document.createElement("div");
  region.className = "scroll";
  region.tabIndex = 0;
  region.setAttribute("role", "region");
  region.setAttribute("aria-label", label);
  region.append(table);
  return region;
}
