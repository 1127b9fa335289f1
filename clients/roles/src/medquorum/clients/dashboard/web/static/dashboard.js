// SPDX-License-Identifier: Apache-2.0
// Keeps the page current: on each event it asks for itself anew, and draws its charts from its own tables.
"use strict";

const PAUSE = 150; // ms: blocks that follow at once are one change
const HEIGHT = 220;
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10000, 100000]; // rounds between two marks
const charts = [];

function points(table) {
  const cells = [...table.querySelectorAll("td[data-x]")];
  const rows = cells.map((cell) => [Number(cell.dataset.x), cell.dataset.y === undefined ? null : Number(cell.dataset.y)]);
  rows.sort((one, other) => one[0] - other[0]);
  return [rows.map((row) => row[0]), rows.map((row) => row[1])];
}

function draw() {
  charts.splice(0).forEach((chart) => chart.destroy());
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  document.querySelectorAll("[data-chart]").forEach((place) => {
    const table = document.getElementById(place.dataset.chart);
    const data = table === null ? [[]] : points(table);
    place.hidden = data[0].length === 0;
    if (place.hidden) return;
    const axis = { stroke: colour("--faint"), grid: { stroke: colour("--line"), width: 1 } };
    const options = {
      width: place.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false, range: [0, Math.max(...data[0]) + 1] }, y: { range: [0, 100] } },
      axes: [{ ...axis, incrs: WHOLE }, { ...axis, values: (chart, ticks) => ticks.map((tick) => tick + " %") }],
      series: [{}, { stroke: colour("--accent"), width: 2, spanGaps: true, points: { show: true, fill: colour("--accent") } }],
    };
    charts.push(new uPlot(options, data, place));
  });
}

function replaced(fresh, id) {
  const now = document.getElementById(id);
  const next = fresh.getElementById(id);
  if (now === null || next === null || now.innerHTML === next.innerHTML) return false;
  now.replaceChildren(...next.childNodes);
  return true;
}

async function refresh() {
  const answer = await fetch(location.href, { cache: "no-store" });
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const opened = [...document.querySelectorAll("details")].map((one) => one.open);
  const focused = document.activeElement === null ? "" : document.activeElement.id;
  const where = [...document.querySelectorAll(".wide")].map((one) => one.scrollLeft);
  charts.splice(0).forEach((chart) => chart.destroy());
  if (replaced(fresh, "content")) {
    document.querySelectorAll("details").forEach((one, index) => { one.open = Boolean(opened[index]); });
    document.querySelectorAll(".wide").forEach((one, index) => { one.scrollLeft = where[index] || 0; });
    const again = focused === "" ? null : document.getElementById(focused);
    if (again !== null) again.focus({ preventScroll: true });
  }
  replaced(fresh, "status");
  document.body.dataset.version = fresh.body.dataset.version;
  draw();
}

let waiting = null;
let running = false;
function soon() {
  if (waiting !== null) return;
  waiting = setTimeout(async () => {
    waiting = null;
    if (running) return soon();
    running = true;
    try { await refresh(); } catch { /* the next event asks again */ }
    running = false;
  }, PAUSE);
}

draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
addEventListener("resize", draw);
const events = new EventSource("/events");
events.onmessage = (event) => {
  if (String(JSON.parse(event.data).version) !== document.body.dataset.version) soon();
};
events.onerror = () => {
  document.getElementById("status").textContent = "The dashboard's own process does not answer; this page is as it was.";
  document.body.dataset.version = "";
};
