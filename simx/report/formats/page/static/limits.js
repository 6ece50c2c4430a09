// Limits on the backbones that nothing beats: which of them keep these, and which one to take.
function startLimits(article) {
  const [latency, accuracy] = ["max-latency", "min-accuracy"].map(
    (role) => article.querySelector(`[data-role=${role}]`) ?? new EventTarget(),
  );
  if (!("value" in latency)) return;
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
    (!accuracy || (row.dataset.accuracy !== "" && Number(row.dataset.accuracy) >= Number(accuracy)))
  );
}

// In groups: the most accurate, and all that are not clearly less accurate, by their latency.
function byAccuracy(rows) {
  const ranked = [];
  let left = [...rows].sort((one, other) => behind(one)[0] - behind(other)[0]);
  while (left.length) {
    const best = behind(left[0])[2];
    const worse = left.filter((row) => best < behind(row)[1]);
    const tied = left.filter((row) => !worse.includes(row));
    ranked.push(...tied.sort((one, other) => one.dataset.latency - other.dataset.latency));
    left = worse;
  }
  return ranked;
}

// How far a row is below the most accurate one, and the ends of that.
function behind(row) {
  return row.dataset.behind.split(" ").map(Number);
}

function limitsAnswer(kept, latency) {
  if (!kept.length) return "None of these is known to keep that.";
  const [best] = latency ? byAccuracy(kept) : kept;
  const name = nameOf(best);
  if (kept.length === 1) return `Take ${name}: nothing else that is unbeaten keeps that.`;
  const [, low, high] = behind(best);
  const accurate = low === high ? "it is the most accurate" : "none is clearly more accurate";
  const why = latency ? accurate : "none is measurably faster";
  return `Take ${name}: of the ${kept.length} unbeaten ones that keep that, ${why}.`;
}
