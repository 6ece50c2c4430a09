// What all charts have in common: colours, axes, walking from mark to mark by keyboard.
const SHAPES = ["circle", "triangle", "rect", "rectRot", "star", "crossRot"];
const SERIES = 6;

function palette() {
  const named = (name) => colour(name);
  return {
    text: named("text"),
    muted: named("muted"),
    line: named("line"),
    surface: named("surface"),
    series: Array.from({ length: SERIES }, (_, place) => named(`series-${place + 1}`)),
    stages: [1, 2, 3].map((place) => named(`stage-${place}`)),
  };
}

function translucent(own) {
  return Chart.helpers.color(own).alpha(0.7).rgbString();
}

function axis(title, colours, further = {}) {
  return {
    title: { display: true, text: title, color: colours.muted },
    grid: { color: colours.line },
    border: { color: colours.line },
    ticks: { color: colours.muted, maxRotation: 0, ...further.ticks },
    ...Object.fromEntries(Object.entries(further).filter(([name]) => name !== "ticks")),
  };
}

// 1, 2 and 5 of every decade, or 1 alone where there are too many decades for more.
const MOST_DECADES = 2.2;

function logarithmic(title, colours) {
  const afterBuildTicks = (scale) => {
    const leading = Math.log10(scale.max / scale.min) > MOST_DECADES ? [1] : [1, 2, 5];
    scale.ticks = scale.ticks.filter(({ value }) =>
      leading.some((digit) => value.toExponential() === `${digit}e${exponent(value)}`),
    );
  };
  const ticks = { callback: (value) => String(value), autoSkip: false };
  return axis(title, colours, { type: "logarithmic", afterBuildTicks, ticks });
}

function exponent(value) {
  return value.toExponential().split("e")[1];
}

function tooltip(colours, lines) {
  return {
    backgroundColor: colours.text,
    titleColor: colours.surface,
    bodyColor: colours.surface,
    displayColors: false,
    padding: 10,
    callbacks: {
      title: (items) => items[0]?.raw?.title ?? items[0]?.label ?? "",
      label: (item) => lines(item),
    },
  };
}

function baseOptions() {
  return {
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    interaction: { mode: "nearest", intersect: true },
  };
}

// Arrow keys go from mark to mark in the order of the axis, and what is there is read out.
function makeWalkable(chart, readout, describe, along) {
  const canvas = chart.canvas;
  let place = -1;
  const show = (found) => {
    chart.setActiveElements(found ? [found] : []);
    chart.tooltip.setActiveElements(found ? [found] : [], { x: 0, y: 0 });
    chart.update("none");
    readout.textContent = found ? describe(found) : "";
  };
  canvas.tabIndex = 0;
  canvas.addEventListener("keydown", (event) => {
    const marks = marksInOrder(chart, along);
    const next = {
      ArrowRight: place + 1,
      ArrowDown: place + 1,
      ArrowLeft: place - 1,
      ArrowUp: place - 1,
      Home: 0,
      End: marks.length - 1,
    }[event.key];
    if (event.key === "Escape") return canvas.blur();
    if (next === undefined || !marks.length) return undefined;
    event.preventDefault();
    place = Math.min(Math.max(next, 0), marks.length - 1);
    return show(marks[place]);
  });
  canvas.addEventListener("blur", () => {
    place = -1;
    show(null);
  });
}

function marksInOrder(chart, along) {
  const marks = chart.data.datasets.flatMap((dataset, datasetIndex) =>
    dataset.data.map((record, index) => ({ datasetIndex, index, at: along(record, index) })),
  );
  return marks.sort((one, other) => one.at - other.at || one.datasetIndex - other.datasetIndex);
}

// Keeps the open table of a chart's data in step with the chart.
function keepTable(figure, make) {
  const details = figure.querySelector(".data");
  const fill = () => {
    details.querySelector(".scroll")?.remove();
    if (details.open) details.append(scrolled(make(), `${figure.querySelector("figcaption").textContent}, data`));
  };
  details.addEventListener("toggle", fill);
  return fill;
}

// Three significant digits, more before the point, and never an exponent.
function digits(value) {
  if (value === null || value === undefined) return null;
  return value.toLocaleString("en", { maximumSignificantDigits: value < 100 ? 3 : 4, useGrouping: false });
}

function withInterval([value, low, high]) {
  const own = `${digits(value)} ms`;
  return low === null || low === undefined ? own : `${own} (95 %: ${digits(low)} to ${digits(high)})`;
}
