// Every timed entry of one cell, a row for each launch.
const ROW = 26;
const AROUND_ROWS = 110;
const ALL = "all";

function rawChart(section, data) {
  const figure = section.querySelector("figure");
  const select = section.querySelector("[data-role=raw-cell]");
  for (const [place, cell] of data.cells.entries()) {
    if (cell.raw) select.append(new Option(`${cell.name} on ${data.targets[cell.target]}`, place));
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
    const own = colours.series[cell.target % SERIES];
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
