"use strict";
/* The pieces that screens are made of. Text only ever goes in as text. */
self.Agent ||= {};
Agent.parts = (() => {
  const say = Agent.say;

  /* h("button.primary", {onclick}, "Send") */
  const h = (kind, attributes = {}, ...children) => {
    const [tag, ...classes] = kind.split(".");
    const made = document.createElement(tag || "div");
    if (classes.length) made.className = classes.join(" ");
    for (const [name, value] of Object.entries(attributes)) {
      if (value === undefined || value === null || value === false) continue;
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (name in made && name !== "list" && name !== "form") made[name] = value;
      else made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
    return made;
  };

  const show = (...children) => document.getElementById("app").replaceChildren(...children.flat().filter(Boolean));

  const note = (kind, ...content) => h(`div.note.${kind}`, { role: kind === "bad" ? "alert" : "status" }, ...content);

  const chip = (state) => h(`span.chip.is-${state}`, {}, say(`state.${state}`));

  const clock = (time) => new Date(time).toLocaleString(Agent.words.locale, {
    day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
  });

  /* A question with two answers, or news with one; resolves with whether it was `yes`. */
  const ask = (title, text, yes, no) => new Promise((resolve) => {
    // Who asked may be drawn anew meanwhile.
    const asker = document.activeElement?.id;
    const close = (answer) => { box.close(); box.remove(); document.getElementById(asker)?.focus(); resolve(answer); };
    const box = h("dialog", { oncancel: () => close(false) },
      h("h2", {}, title), text ? h("p", {}, text) : null,
      h("div.row", {},
        no ? h("button.quiet", { type: "button", onclick: () => close(false) }, no) : null,
        h("button.primary", { type: "button", onclick: () => close(true) }, yes)));
    document.body.append(box);
    box.showModal();
  });

  const isAsking = () => document.querySelector("dialog[open]");

  const top = (...children) => h("header.top", {}, ...children);

  return { h, show, note, chip, clock, ask, isAsking, top };
})();
