// Pictures per second over the batch: a line for each backend and number of threads.
function sweepChart(section, data) {
  const all = data.curves.map((curve) => ({ ...curve, points: curve.points.map(perSecond) }));
  const figure = section.querySelector("figure");
  const select = section.querySelector("[data-role=sweep-model]");
  for (const name of new Set(data.curves.map((curve) => curve.name))) select.append(new Option(name));
  let curves = [];
  const chart = new Chart(figure.querySelector("canvas"), {
    type: "scatterWithErrorBars",
    data: { datasets: [] },
    options: baseOptions(),
  });
  const label = (curve) =>
    `${data.targets[curve.target]}, ${curve.threads} ${curve.threads === 1 ? "thread" : "threads"}`;
  const words = ([batch, figure, low, high]) => {
    const own = `batch ${batch}: ${digits(figure)} pictures/s`;
    return low === null ? own : `${own} (95 %: ${digits(low)} to ${digits(high)})`;
  };
  const table = keepTable(figure, () =>
    tableOf(
      `${select.value}, pictures per second`,
      [
        ["backend", (row) => label(row.curve)],
        ["batch", (row) => row.point[0]],
        ["pictures/s", (row) => digits(row.point[1])],
        ["95 % from", (row) => digits(row.point[2])],
        ["to", (row) => digits(row.point[3])],
      ],
      curves.flatMap((curve) => curve.points.map((point) => ({ curve, point }))),
    ),
  );
  makeWalkable(
    chart,
    figure.querySelector(".readout"),
    ({ datasetIndex, index }) => {
      const record = chart.data.datasets[datasetIndex].data[index];
      return `${record.title}: ${record.words}`;
    },
    (record) => record.x,
  );
  const counts = [...new Set(data.curves.map((curve) => curve.threads))].sort((one, other) => other - one);
  const draw = () => {
    const colours = palette();
    chart.data.datasets = curves.map((curve) => {
      const own = colours.series[curve.target % SERIES];
      return {
        label: label(curve),
        data: curve.points.map((point) => ({
          x: point[0],
          y: point[1],
          ...intervalEnds("y", point.slice(1)),
          title: label(curve),
          words: words(point),
        })),
        showLine: true,
        borderDash: [[], [6, 4], [2, 3]][counts.indexOf(curve.threads) % 3],
        pointStyle: SHAPES[curve.target % SHAPES.length],
        radius: 5,
        hoverRadius: 8,
        ...errorBars(own, 1.5, 6),
        backgroundColor: counts.indexOf(curve.threads) ? colours.surface : own,
      };
    });
    const batches = [...new Set(curves.flatMap((curve) => curve.points.map((point) => point[0])))];
    chart.options.scales = {
      x: axis("batch", colours, {
        type: "logarithmic",
        afterBuildTicks: (scale) => {
          scale.ticks = batches.map((value) => ({ value }));
        },
        ticks: { callback: (value) => String(value), autoSkip: false },
      }),
      y: axis("pictures per second", colours, { beginAtZero: true, grace: "5%" }),
    };
    chart.options.plugins = {
      legend: { position: "top", align: "start", onClick: null, labels: { color: colours.text, usePointStyle: true } },
      tooltip: tooltip(colours, (item) => item.raw.words),
    };
    chart.update();
    figure.querySelector(".description").textContent = describeSweep(curves, label, words);
    table();
  };
  const choose = () => {
    curves = all.filter((curve) => curve.name === select.value);
    draw();
  };
  select.addEventListener("change", choose);
  choose();
  return { draw };
}

// From the time of a call and its interval, in ms, to the pictures a second.
function perSecond([batch, [time, low, high]]) {
  const rate = (ms) => (ms === null ? null : (1000 * batch) / ms);
  return [batch, rate(time), rate(high), rate(low)];
}

function describeSweep(curves, label, words) {
  const drawn = curves.filter((curve) => curve.points.length);
  if (!drawn.length) return "Nothing to show here.";
  return `${drawn
    .map((curve) => {
      const best = curve.points.reduce((one, other) => (other[1] > one[1] ? other : one));
      return `${label(curve)}: the most at ${words(best)}`;
    })
    .join("; ")}.`;
}
