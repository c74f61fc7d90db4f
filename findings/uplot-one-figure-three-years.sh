#!/usr/bin/env bash
# uPlot 1.6.32 and a chart that has one figure so far
#
# A chart of messages a second begins with one second. For a single time uPlot widens the axis by a
# day; but it divides the day's seconds by 0.001 where times are in seconds (its default), so that the
# axis is 86,400,000 seconds long: two years and nine months, labelled with months, with the figure at
# its left edge. With ms: 1 (times in milliseconds) the same code comes out at 86,400 ms, a minute and
# a half. Two figures give the axis that one expects. Whoever draws live data gives the scale a range
# of their own for that case.
#
# Exit 0: still so. Exit 1: it behaves otherwise now.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null 2>&1
npm install --silent --no-audit --no-fund uplot@1.6.32 jsdom@24.1.3 >/dev/null 2>&1
cat > look.cjs <<'JS'
const { JSDOM } = require("jsdom");
const { window } = new JSDOM("<div id=place></div>", { pretendToBeVisual: true });
// jsdom has no canvas: measuring a text is all that uPlot needs to lay a chart out.
const drawing = new Proxy({}, {
  get: (_, name) => (name === "measureText" ? () => ({ width: 10 }) : () => {}),
  set: () => true,
});
window.HTMLCanvasElement.prototype.getContext = () => drawing;
window.matchMedia = () => ({ addEventListener() {}, removeEventListener() {}, matches: false });
Object.assign(global, {
  window, document: window.document, matchMedia: window.matchMedia,
  devicePixelRatio: 1, Path2D: class { moveTo() {} lineTo() {} rect() {} arc() {} closePath() {} addPath() {} },
  requestAnimationFrame: window.requestAnimationFrame.bind(window),
  navigator: window.navigator, getComputedStyle: window.getComputedStyle,
  CustomEvent: window.CustomEvent, Event: window.Event, MouseEvent: window.MouseEvent,
  HTMLElement: window.HTMLElement,
});
const uPlot = require("uplot");
const place = window.document.getElementById("place");

function shown(times, more = {}) {
  const figures = times.map(() => 42);
  const plot = new uPlot({ width: 600, height: 150, series: [{}, {}], ...more }, [times, figures], place);
  return new Promise((done) => setTimeout(() => done(plot.scales.x.max - plot.scales.x.min), 200));
}

(async () => {
  const at = 1795892830;
  const one = await shown([at]);
  const two = await shown([at, at + 30]);
  const milliseconds = await shown([at * 1000], { ms: 1 });
  console.log("uPlot", require("uplot/package.json").version);
  console.log("axis of one time in seconds      ->", one, "s");
  console.log("axis of two times 30 s apart     ->", two, "s");
  console.log("axis of one time in milliseconds ->", milliseconds, "ms");
  process.exit(one === 86400000 && two === 30 && milliseconds === 86400 ? 0 : 1);
})();
JS
node look.cjs
