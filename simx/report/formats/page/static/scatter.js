// A chart takes the cells that are to be seen, and returns how to draw it anew.

// Accuracy over latency, or latency over GFLOPS: one mark for each cell, with its interval.
function scatterChart(figure, data, kind) {
  const over = kind === "accuracy" ? accuracyOverLatency : latencyOverSize;
  let cells = [];
  const chart = new Chart(figure.querySelector("canvas"), {
    type: "scatterWithErrorBars",
    data: { datasets: [] },
    options: baseOptions(),
  });
  const words = (cell) =>
    [
      withInterval(cell.time),
      cell.acc1 === undefined ? null : `acc1 ${cell.acc1.toFixed(2)} %`,
      cell.gflops === undefined ? null : `${digits(cell.gflops)} GFLOPS`,
      cell.unbeaten ? "beaten by none" : null,
    ].filter(Boolean);
  const table = keepTable(figure, () =>
    tableOf(figure.querySelector("figcaption").textContent, cellColumns(data), cells),
  );
  makeWalkable(
    chart,
    figure.querySelector(".readout"),
    ({ datasetIndex, index }) => {
      const record = chart.data.datasets[datasetIndex].data[index];
      return `${record.title}: ${words(record.cell).join(", ")}`;
    },
    (record) => record.x,
  );
  const draw = () => {
    const colours = palette();
    chart.data.datasets = data.targets.map((_, target) =>
      series(data, cells.filter((cell) => cell.target === target), target, colours, over),
    );
    chart.options.scales = over.scales(colours);
    chart.options.plugins = {
      legend: { display: false },
      tooltip: tooltip(colours, (item) => words(item.raw.cell)),
    };
    chart.update();
    figure.querySelector(".description").textContent = over.describe(data, cells);
    table();
  };
  return {
    draw,
    show(shown) {
      cells = data.cells.filter((cell, place) => shown[place] && cell.time && over.has(cell));
      draw();
    },
  };
}

const accuracyOverLatency = {
  has: (cell) => cell.acc1 !== undefined,
  point: (cell) => ({ x: cell.time[0], y: cell.acc1, ...intervalEnds("x", cell.time) }),
  scales: (colours) => ({
    x: logarithmic("latency, ms", colours),
    y: axis("acc1, %", colours, { grace: "5%" }),
  }),
  describe: (data, cells) => extremes(data, cells, "at", (cell) => `${cell.acc1.toFixed(1)} %`),
};

const latencyOverSize = {
  has: (cell) => cell.gflops !== undefined,
  point: (cell) => ({ x: cell.gflops, y: cell.time[0], ...intervalEnds("y", cell.time) }),
  scales: (colours) => ({
    x: logarithmic("GFLOPS (multiply-accumulates)", colours),
    y: logarithmic("latency, ms", colours),
  }),
  describe: (data, cells) => extremes(data, cells, "for", (cell) => `${digits(cell.gflops)} GFLOPS`),
};

function intervalEnds(along, [, low, high]) {
  return low === null || low === undefined ? {} : { [`${along}Min`]: low, [`${along}Max`]: high };
}

function extremes(data, cells, joined, figure) {
  if (!cells.length) return "Nothing to show here.";
  const ordered = [...cells].sort((one, other) => one.time[0] - other.time[0]);
  const words = (cell) =>
    `${cell.name} on ${data.targets[cell.target]} (${digits(cell.time[0])} ms ${joined} ${figure(cell)})`;
  return `${cells.length} marks, from ${words(ordered[0])} to ${words(ordered[ordered.length - 1])}.`;
}

function series(data, cells, target, colours, over) {
  const own = colours.series[target % SERIES];
  return {
    label: data.targets[target],
    data: cells.map((cell) => ({
      ...over.point(cell),
      cell,
      title: `${cell.name} on ${data.targets[target]}`,
    })),
    pointStyle: SHAPES[target % SHAPES.length],
    radius: 5,
    hoverRadius: 8,
    ...errorBars(own, 1.5, 6),
    backgroundColor: cells.map((cell) => (cell.unbeaten ? own : colours.surface)),
  };
}

function errorBars(own, width, size) {
  return {
    borderWidth: width,
    borderColor: own,
    errorBarColor: own,
    errorBarWhiskerColor: own,
    errorBarLineWidth: width,
    errorBarWhiskerLineWidth: width,
    errorBarWhiskerSize: size,
  };
}

function cellColumns(data) {
  return [
    ["model", (cell) => cell.name],
    ["backend", (cell) => data.targets[cell.target]],
    ["latency, ms", (cell) => digits(cell.time[0])],
    ["95 % from", (cell) => digits(cell.time[1])],
    ["to", (cell) => digits(cell.time[2])],
    ["acc1, %", (cell) => cell.acc1?.toFixed(2)],
    ["GFLOPS", (cell) => (cell.gflops === undefined ? undefined : digits(cell.gflops))],
    ["beaten by none", (cell) => (cell.unbeaten ? "yes" : "no")],
  ];
}
