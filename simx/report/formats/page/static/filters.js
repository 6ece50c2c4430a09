// The form that filters: it announces which cells are shown.
function startFilters(form, cells, listeners) {
  const status = form.querySelector("output");
  const apply = () => {
    const shown = cells.map((cell) => passes(form.elements, cell));
    const count = shown.filter(Boolean).length;
    status.textContent = `${count} of ${cells.length} cells`;
    for (const listener of listeners) listener(shown);
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  // The fields have their old values until the event is over.
  form.addEventListener("reset", () => setTimeout(apply));
  apply();
}

function passes(fields, cell) {
  const model = fields.model.value.trim().toLowerCase();
  return (
    ["range", "target", "family"].every(
      (name) => !fields[name].value || Number(fields[name].value) === cell[name],
    ) && cell.name.toLowerCase().includes(model)
  );
}

function filterRows(table, shown) {
  for (const row of table.tBodies[0].rows) row.hidden = !shown[Number(row.dataset.cell)];
}
