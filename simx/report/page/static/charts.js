// The charts of one report. Each takes the cells that are to be seen and returns how to draw anew.

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
      `${digits(cell.gflops)} GFLOPS`,
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
    chart.data.datasets = data.executors.map((_, executor) =>
      series(data, cells.filter((cell) => cell.executor === executor), executor, colours, over),
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
  has: () => true,
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
    `${cell.name} on ${data.executors[cell.executor]} (${digits(cell.time[0])} ms ${joined} ${figure(cell)})`;
  return `${cells.length} marks, from ${words(ordered[0])} to ${words(ordered[ordered.length - 1])}.`;
}

function series(data, cells, executor, colours, over) {
  const own = colours.series[executor % SERIES];
  return {
    label: data.executors[executor],
    data: cells.map((cell) => ({
      ...over.point(cell),
      cell,
      title: `${cell.name} on ${data.executors[executor]}`,
    })),
    pointStyle: SHAPES[executor % SHAPES.length],
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
    ["backend", (cell) => data.executors[cell.executor]],
    ["latency, ms", (cell) => digits(cell.time[0])],
    ["95 % from", (cell) => digits(cell.time[1])],
    ["to", (cell) => digits(cell.time[2])],
    ["acc1, %", (cell) => cell.acc1?.toFixed(2)],
    ["GFLOPS", (cell) => digits(cell.gflops)],
    ["beaten by none", (cell) => (cell.unbeaten ? "yes" : "no")],
  ];
}

// Decode, preprocess and forward on top of each other, a bar for each backbone.
const STAGES = ["decode", "preprocess", "forward"];
const BAR = 22;
const AROUND_BARS = 90;

function stagesChart(section, data) {
  const figure = section.querySelector("figure");
  const executor = section.querySelector("[data-role=stages-executor]");
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
      `${executor.selectedOptions[0].text}, ${image.selectedOptions[0].text}`,
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
      .filter((cell, place) => seen[place] && cell.executor === Number(executor.value) && cell.stages?.[image.value])
      .sort((one, other) => total(one) - total(other));
    draw();
  };
  executor.addEventListener("change", choose);
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

// Every timed entry of one cell, a row for each launch.
const ROW = 26;
const AROUND_ROWS = 110;
const ALL = "all";

function rawChart(section, data) {
  const figure = section.querySelector("figure");
  const select = section.querySelector("[data-role=raw-cell]");
  for (const [place, cell] of data.cells.entries()) {
    if (cell.raw) select.append(new Option(`${cell.name} on ${data.executors[cell.executor]}`, place));
  }
  const chart = new Chart(figure.querySelector("canvas"), {
    type: "scatterWithErrorBars",
    data: { datasets: [] },
    options: baseOptions(),
  });
  let cell = null;
  let launches = [];
  const table = keepTable(figure, () =>
    tableOf(
      select.selectedOptions[0].text,
      [
        ["launch", (launch) => launch.index],
        ["times", (launch) => launch.count],
        ["shown", (launch) => launch.times.length],
        ["shortest, ms", (launch) => digits(launch.times[0])],
        ["launch's figure, ms", (launch) => digits(launch.typical)],
        ["longest, ms", (launch) => digits(launch.times[launch.times.length - 1])],
      ],
      launches,
    ),
  );
  makeWalkable(
    chart,
    figure.querySelector(".readout"),
    ({ datasetIndex, index }) => chart.data.datasets[datasetIndex].data[index].words,
    (record) => record.y * 1e9 + record.x,
  );
  const draw = () => {
    const colours = palette();
    const own = colours.series[cell.executor % SERIES];
    chart.data.datasets = [
      { data: estimatePoint(cell), pointStyle: "rectRot", radius: 6, ...errorBars(own, 2, 12), backgroundColor: own },
      { data: launches.flatMap(typicalPoint), pointStyle: "line", rotation: 90, radius: 9, borderWidth: 2, borderColor: colours.text },
      { data: launches.flatMap(timePoints), radius: 3, borderWidth: 0, backgroundColor: translucent(own) },
    ];
    chart.options.scales = {
      x: axis("ms", colours),
      y: axis("launch", colours, {
        reverse: true,
        min: -1.6,
        max: launches.length - 0.4,
        ticks: { autoSkip: false, stepSize: 1, callback: (row) => rowName(row, launches) },
        afterBuildTicks: (scale) => {
          scale.ticks = [-1, ...launches.keys()].map((value) => ({ value }));
        },
      }),
    };
    chart.options.scales.y.grid.display = false;
    chart.options.plugins = {
      legend: { display: false },
      tooltip: tooltip(colours, (item) => item.raw.words),
    };
    chart.canvas.parentElement.style.height = `${ROW * (launches.length + 1) + AROUND_ROWS}px`;
    chart.resize();
    chart.update();
    figure.querySelector(".description").textContent = describeRaw(cell, launches);
    table();
  };
  const choose = () => {
    cell = data.cells[Number(select.value)];
    launches = cell.raw.launches.map((launch) => unpacked(launch, cell.raw.unit_ns));
    draw();
  };
  select.addEventListener("change", choose);
  choose();
  return { draw };
}

function unpacked(launch, unit_ns) {
  const scale = unit_ns / 1e6;
  let sum = 0;
  return {
    index: launch.index,
    count: launch.count,
    typical: launch.typical * scale,
    times: launch.steps.map((step) => (sum += step) * scale),
  };
}

function rowName(row, launches) {
  return row === -1 ? ALL : (launches[row]?.index ?? "");
}

function estimatePoint(cell) {
  if (!cell.time) return [];
  const words = `all launches: ${withInterval(cell.time)}`;
  return [{ x: cell.time[0], y: -1, ...intervalEnds("x", cell.time), title: ALL, words }];
}

function typicalPoint(launch, row) {
  const words = `launch ${launch.index}, its figure: ${digits(launch.typical)} ms`;
  return [{ x: launch.typical, y: row, title: `launch ${launch.index}`, words }];
}

// The dots of a row are spread a little, so that equal times do not hide each other.
function timePoints(launch, row) {
  return launch.times.map((time, place) => ({
    x: time,
    y: row + ((place * 7) % 5 - 2) * 0.07,
    title: `launch ${launch.index}`,
    words: `${digits(time)} ms`,
  }));
}

function describeRaw(cell, launches) {
  const count = launches.reduce((sum, launch) => sum + launch.count, 0);
  const shown = launches.reduce((sum, launch) => sum + launch.times.length, 0);
  const shortest = Math.min(...launches.map((launch) => launch.times[0]));
  const longest = Math.max(...launches.map((launch) => launch.times[launch.times.length - 1]));
  return `${shown} of ${count} times of ${launches.length} launches, from ${digits(shortest)} to ${digits(longest)} ms; estimate ${withInterval(cell.time)}.`;
}
