// Decode, preprocess and forward on top of each other, a bar for each backbone.
const STAGES = ["decode", "preprocess", "forward"];
const BAR = 22;
const AROUND_BARS = 90;

function stagesChart(section, data) {
  const figure = section.querySelector("figure");
  const target = section.querySelector("[data-role=stages-target]");
  const image = section.querySelector("[data-role=stages-image]");
  const unit = section.querySelector("[data-role=stages-unit]");
  let seen = [];
  let cells = [];
  const chart = new Chart(figure.querySelector("canvas"), {
    type: "bar",
    data: { labels: [], datasets: [] },
    options: { ...baseOptions(), indexAxis: "y", interaction: { mode: "index", axis: "y", intersect: false } },
  });
  const of = (cell) => cell.stages[image.value];
  const total = (cell) => of(cell).reduce((sum, part) => sum + part, 0);
  const table = keepTable(figure, () =>
    tableOf(
      `${target.selectedOptions[0].text}, ${image.selectedOptions[0].text}`,
      [
        ["model", (cell) => cell.name],
        ...STAGES.map((name, place) => [`${name}, ms`, (cell) => digits(of(cell)[place])]),
        ["together, ms", (cell) => digits(total(cell))],
      ],
      cells,
    ),
  );
  const words = (cell) =>
    `${STAGES.map((name, place) => `${name} ${digits(of(cell)[place])}`).join(", ")}: together ${digits(total(cell))} ms`;
  makeWalkable(
    chart,
    figure.querySelector(".readout"),
    ({ index }) => `${cells[index].name}: ${words(cells[index])}`,
    (_, index) => index,
  );
  const draw = () => {
    const colours = palette();
    const isShare = unit.value === "share";
    const scale = (cell) => (isShare ? 100 / total(cell) : 1);
    chart.data.labels = cells.map((cell) => cell.name);
    chart.data.datasets = STAGES.map((name, place) => ({
      label: name,
      data: cells.map((cell) => of(cell)[place] * scale(cell)),
      backgroundColor: colours.stages[place],
      borderColor: colours.surface,
      borderWidth: { right: 1 },
      barPercentage: 0.8,
      categoryPercentage: 0.95,
    }));
    chart.options.scales = {
      x: axis(isShare ? "% of the whole" : "ms", colours, {
        stacked: true,
        position: "top",
        max: isShare ? 100 : undefined,
      }),
      y: axis("", colours, { stacked: true, ticks: { autoSkip: false, font: { size: 11 } } }),
    };
    chart.options.scales.y.title.display = false;
    chart.options.scales.y.grid.display = false;
    chart.options.plugins = {
      legend: { position: "top", align: "start", onClick: null, labels: { color: colours.text, boxWidth: 12 } },
      tooltip: tooltip(
        colours,
        (item) => `${item.dataset.label} ${digits(of(cells[item.dataIndex])[item.datasetIndex])} ms`,
      ),
    };
    chart.canvas.parentElement.style.height = `${BAR * cells.length + AROUND_BARS}px`;
    chart.resize();
    chart.update();
    figure.querySelector(".description").textContent = cells.length
      ? `${cells.length} backbones, the quickest first: ${cells[0].name} with ${words(cells[0])}; last ${cells[cells.length - 1].name} with ${words(cells[cells.length - 1])}.`
      : "Nothing to show here.";
    table();
  };
  const choose = () => {
    cells = data.cells
      .filter((cell, place) => seen[place] && cell.target === Number(target.value) && cell.stages?.[image.value])
      .sort((one, other) => total(one) - total(other));
    draw();
  };
  target.addEventListener("change", choose);
  image.addEventListener("change", choose);
  unit.addEventListener("change", draw);
  return {
    draw,
    show(shown) {
      // The select beside the chart says which backend; the filter's own backend is for the rest.
      const wanted = new Set(data.cells.filter((_, place) => shown[place]).map((cell) => cell.name));
      seen = data.cells.map((cell) => wanted.has(cell.name));
      choose();
    },
  };
}
