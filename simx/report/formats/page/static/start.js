// Brings the page to life, one report after the other.
function startReport(article) {
  const data = JSON.parse(document.getElementById(`data-${article.dataset.report}`).textContent);
  const drawings = [];
  for (const table of article.querySelectorAll("table")) makeSortable(table);
  startChoice(article);
  startLimits(article);
  startViews(article);
  const form = article.querySelector(".filters");
  if (!form) return drawings;
  startMarks(article.querySelector("[data-role=marks]"), data, drawings);
  for (const figure of article.querySelectorAll(".charts figure")) {
    drawings.push(scatterChart(figure, data, figure.dataset.chart));
  }
  const stages = article.querySelector(".stages");
  if (stages) drawings.push(stagesChart(stages, data));
  const tables = [...article.querySelectorAll(".figures table")];
  startFilters(form, data.cells, [
    (shown) => tables.forEach((table) => filterRows(table, shown)),
    ...drawings.filter((drawing) => drawing.show).map((drawing) => drawing.show),
  ]);
  const sweep = article.querySelector(".sweep");
  if (sweep) drawings.push(sweepChart(sweep, data));
  const raw = article.querySelector(".raw");
  if (raw) drawings.push(rawChart(raw, data));
  return drawings;
}

function startChoice(article) {
  const select = article.querySelector("[data-role=choice]");
  if (!select) return;
  const show = () => {
    for (const choice of article.querySelectorAll("[data-choice]")) {
      choice.hidden = choice.dataset.choice !== select.value;
    }
  };
  select.addEventListener("change", show);
  show();
}

function startViews(article) {
  const fieldset = article.querySelector(".views");
  if (!fieldset) return;
  const show = () => {
    const chosen = fieldset.querySelector(":checked").value;
    for (const view of article.querySelectorAll("[data-view]")) {
      view.hidden = view.dataset.view !== chosen;
    }
  };
  fieldset.addEventListener("change", show);
  show();
}

// Which mark is which backend; drawn by the library, as the marks in the charts are.
function startMarks(list, data, drawings) {
  const marks = data.targets.map((name) => {
    const item = list.appendChild(document.createElement("li"));
    const canvas = item.appendChild(document.createElement("canvas"));
    canvas.width = canvas.height = 32;
    canvas.setAttribute("aria-hidden", "true");
    item.append(name);
    return canvas.getContext("2d");
  });
  const draw = () => {
    const colours = palette();
    marks.forEach((context, target) => {
      const own = colours.series[target % SERIES];
      context.clearRect(0, 0, 32, 32);
      context.fillStyle = context.strokeStyle = own;
      context.lineWidth = 3;
      Chart.helpers.drawPoint(
        context,
        { pointStyle: SHAPES[target % SHAPES.length], radius: 11, borderWidth: 3 },
        16,
        16,
      );
    });
  };
  drawings.push({ draw });
  draw();
}

for (const part of document.querySelectorAll(".needs-script")) part.hidden = false;
Chart.defaults.plugins.colors.enabled = false;
Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
const drawings = [];
startTheme(() => drawings.forEach((drawing) => drawing.draw()));
drawings.push(...[...document.querySelectorAll(".report")].flatMap(startReport));
