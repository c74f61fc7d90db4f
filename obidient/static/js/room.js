"use strict";
/* The results room: the photo beside the figures, larger, smaller, turned; keys from doubt to doubt. */
(() => {
  const view = document.querySelector("[data-photo-view]");
  const frame = view?.querySelector(".photo-frame");
  const image = frame?.querySelector("img");
  let zoom = 1;
  let turns = 0;

  /* A turned picture takes the room of its other side, so that all of it can be scrolled to. */
  const draw = () => {
    const across = turns % 2 === 1;
    const fit = frame.clientWidth / (across ? image.naturalHeight : image.naturalWidth || 1);
    const width = image.naturalWidth * fit * zoom;
    const height = image.naturalHeight * fit * zoom;
    image.style.width = `${width}px`;
    image.style.height = `${height}px`;
    const shift = across ? (height - width) / 2 : 0;
    image.style.margin = `${-shift}px ${shift}px`;
    image.style.transform = `rotate(${turns * 90}deg)`;
  };
  const scale = (factor) => { zoom = Math.min(8, Math.max(1, zoom * factor)); draw(); };
  const turn = () => { turns = (turns + 1) % 4; draw(); };
  const whole = () => { zoom = 1; draw(); };

  if (image) {
    view.querySelectorAll("button").forEach((button) => { button.hidden = false; });
    image.addEventListener("load", draw);
    if (image.complete) draw();
    addEventListener("resize", draw);
    document.addEventListener("click", (event) => {
      const target = event.target.closest("[data-photo-show], [data-photo-zoom], [data-photo-turn], [data-photo-fit]");
      if (!target) return;
      if (target.dataset.photoShow) {
        if (!target.hash) event.preventDefault();
        turns = 0;
        zoom = 1;
        image.src = target.dataset.photoShow;
      } else if (target.dataset.photoZoom) scale(Number(target.dataset.photoZoom));
      else if ("photoTurn" in target.dataset) turn();
      else whole();
    });
  }

  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type !== "radio";
    if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    const there = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (there) there.click();
    else if (image && (key === "+" || key === "=")) scale(1.4);
    else if (image && key === "-") scale(1 / 1.4);
    else if (image && key === "0") whole();
    else if (image && key === "t") turn();
  });
})();
