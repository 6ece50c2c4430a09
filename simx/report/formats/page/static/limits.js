// Limits on the backbones that nothing beats: which of them keep these, and which one to take.
function startLimits(article) {
  const [latency, accuracy] = ["max-latency", "min-acc1"].map((role) =>
    article.querySelector(`[data-role=${role}]`),
  );
  if (!latency) return;
  const given = [latency.value, accuracy.value];
  for (const choice of article.querySelectorAll("[data-choice]")) {
    const body = choice.querySelector("tbody");
    if (!body) continue;
    const answer = choice.querySelector(".answer");
    const asWritten = answer.textContent;
    const rows = [...body.rows];
    const apply = () => {
      const kept = rows.filter((row) => keepsLimits(row, latency.value, accuracy.value));
      for (const row of rows) row.hidden = !kept.includes(row);
      body.append(...(latency.value ? byAccuracy(rows) : rows));
      const isAsGiven = latency.value === given[0] && accuracy.value === given[1];
      answer.textContent = isAsGiven ? asWritten : limitsAnswer(kept, latency.value);
    };
    apply();
    latency.addEventListener("input", apply);
    accuracy.addEventListener("input", apply);
  }
}

// A latency keeps its limit with its whole interval; an unknown accuracy keeps none.
function keepsLimits(row, latency, accuracy) {
  return (
    (!latency || Number(row.dataset.latency) <= Number(latency)) &&
    (!accuracy || (row.dataset.acc1 !== "" && Number(row.dataset.acc1) >= Number(accuracy)))
  );
}

function byAccuracy(rows) {
  const known = (row) => (row.dataset.acc1 === "" ? -1 : Number(row.dataset.acc1));
  return [...rows].sort(
    (one, other) => known(other) - known(one) || one.dataset.latency - other.dataset.latency,
  );
}

function limitsAnswer(kept, latency) {
  if (!kept.length) return "None of these is known to keep that.";
  const [best] = latency ? byAccuracy(kept) : kept;
  const name = nameOf(best);
  if (kept.length === 1) return `Take ${name}: nothing else that is unbeaten keeps that.`;
  const why = latency ? "it is the most accurate" : "none is measurably faster";
  return `Take ${name}: of the ${kept.length} unbeaten ones that keep that, ${why}.`;
}
