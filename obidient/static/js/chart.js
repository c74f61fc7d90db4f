/* Charts: <div class="chart" data-chart="URL">; the URL answers
   {"x": [seconds], "series": [{"label", "colour", "values"}]}. Its numbers stand in a table nearby. */
"use strict";

(() => {
  const plots = new Map();
  const token = (name) => window.getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // What the axis of time shows, in seconds. Of a single figure uPlot makes nearly three years: it
  // takes a day to be 86,400,000 seconds.
  function span(figures, bars, from, to) {
    if (bars) {
      // They begin at their time; the first and the last keep their whole width.
      const half = figures < 2 ? 1800 : (to - from) / (2 * figures);
      return [from - half, (figures < 2 ? from : to) + half];
    }
    return figures < 2 || to - from < 60 ? [from - 5, from + 60] : [from, to];
  }

  function draw(place, answer) {
    plots.get(place)?.destroy();
    place.replaceChildren();
    if (!answer.x.length) {
      place.textContent = "The first figures come after a few seconds.";
      return;
    }
    const bars = place.dataset.chartKind === "bars";
    const zone = place.dataset.zone || "Africa/Lagos";
    const options = {
      width: place.clientWidth,
      height: 152,
      padding: [8, 28, 0, 0],
      tzDate: (seconds) => window.uPlot.tzDate(new Date(seconds * 1000), zone),
      cursor: { drag: { x: false, y: false }, points: { size: 6 } },
      scales: { x: { range: (_plot, from, to) => span(answer.x.length, bars, from, to) }, y: { range: (_plot, _low, high) => [0, Math.max(high * 1.1, 1)] } },
      axes: ["x", "y"].map((side) => ({
        stroke: token("--muted"),
        font: "12px system-ui, sans-serif",
        grid: { stroke: token("--line"), width: 1, show: side === "y" },
        ticks: { show: false },
        space: side === "x" ? 72 : 30,
        size: side === "y" ? 52 : 28,
        values: side === "y" ? (_plot, marks) => marks.map((mark) => new Intl.NumberFormat("en-NG", { notation: "compact" }).format(mark)) : [
          [86400, "{D} {MMM}", null, null, null, null, null, null, 1],
          [60, "{HH}:{mm}", null, null, null, null, null, null, 1],
          [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1],
        ],
      })),
      series: [
        { value: "{D} {MMM} {HH}:{mm}", label: "Time" },
        ...answer.series.map((one) => ({
          label: one.label,
          stroke: token(one.colour),
          width: 2,
          fill: bars || one.fill ? `color-mix(in srgb, ${token(one.colour)} ${bars ? 60 : 12}%, transparent)` : undefined,
          dash: one.dash ? [4, 4] : undefined,
          paths: bars ? window.uPlot.paths.bars({ size: [0.7, 40] }) : undefined,
          // One figure makes no line.
          points: { show: !bars && answer.x.length < 3, size: 6 },
          value: (_plot, value) => (value == null ? "–" : new Intl.NumberFormat("en-NG", { maximumFractionDigits: 1 }).format(value)),
        })),
      ],
    };
    plots.set(place, new window.uPlot(options, [answer.x, ...answer.series.map((one) => (bars ? one.values.map((value) => value || null) : one.values))], place));
  }

  async function load(place) {
    if (document.hidden || !place.isConnected) return;
    try {
      const response = await fetch(place.dataset.chart, { headers: { Accept: "application/json" } });
      if (response.ok) {
        place.answer = await response.json();
        draw(place, place.answer);
      }
    } catch { /* the next round tries again */ }
  }

  for (const place of document.querySelectorAll("[data-chart]")) {
    load(place);
    const every = Number(place.dataset.chartEvery || 0);
    if (every) window.setInterval(() => load(place), every * 1000);
  }
  const again = () => plots.forEach((_plot, place) => place.answer && draw(place, place.answer));
  document.addEventListener("theme-changed", again);
  let timer;
  window.addEventListener("resize", () => { clearTimeout(timer); timer = setTimeout(again, 150); });
})();
