"use strict";
/* Entering one sheet: each keystroke is kept, and what doesn't agree is said while typing. */
self.Agent ||= {};
Agent.form = (() => {
  const { store, sheet, say } = Agent;
  const { h, show, note, ask, top } = Agent.parts;

  let open = null;

  const label = (name) => (name.startsWith("party:") ? name.slice(6) : say(`form.${name}`));

  const field = (name, help, party) => {
    const id = `f-${name}`;
    const input = h("input.figure", {
      id, name, type: "text", inputMode: "numeric", autocomplete: "off", enterKeyHint: "next",
      maxLength: 9, "aria-describedby": `${id}-note`, value: open.values[name] || "", oninput: () => typed(name, input.value),
      onkeydown: (event) => { if (event.key === "Enter") { event.preventDefault(); next(input); } },
    });
    const dot = party && h("i.dot", {});
    if (dot) dot.style.backgroundColor = party.color;
    return h("div.field", { id: `${id}-row` },
      h("label", { htmlFor: id }, dot, h("b", {}, label(name)), party && h("small", {}, party.partyName)),
      input,
      h("p.help", { id: `${id}-note` }, help || ""));
  };

  const inputs = () => [...document.querySelectorAll("input.figure")];

  const next = (input) => {
    const list = inputs();
    const after = list[list.indexOf(input) + 1];
    if (after) { after.focus(); after.select(); } else input.blur();
  };

  /* Keep it first; nothing else matters as much. */
  const typed = async (name, value) => {
    const form = open;
    form.values[name] = value;
    form.typed += 1;
    form.kept = true;
    form.anyway = false;
    judge();
    let kept = false;
    saved(null);
    // With what could not be kept before.
    const fields = { ...form.lost, [name]: value };
    try {
      await store.type(form.who, form.election.electionId, fields);
      kept = true;
      form.lost = {};
      store.announce("drafts");
    } catch { form.lost = fields; }
    form.stored += 1;
    if (!kept) saved(false);
    else if (form.stored === form.typed) saved(true);
  };

  /* true: all of it is kept; false: it can't be; null: not yet. */
  const saved = (good) => {
    const line = document.getElementById("saved");
    if (!line) return;
    line.textContent = good === null ? "" : say(good ? "form.saved" : "form.unsaved");
    line.className = good === false ? "saved bad" : "saved";
  };

  /* Mark fields and say what doesn't agree. */
  const judge = () => {
    const checked = sheet.check(open.election, open.values);
    for (const [name, one] of Object.entries(checked.fields)) {
      const row = document.getElementById(`f-${name}-row`);
      if (!row) return checked;
      const shown = one.problem && (one.problem !== "missing" || open.tried);
      row.classList.toggle("wrong", Boolean(shown));
      const input = document.getElementById(`f-${name}`);
      input.setAttribute("aria-invalid", String(Boolean(shown)));
      document.getElementById(`f-${name}-note`).textContent = shown ? say(`check.${one.problem}`) : helpOf(name);
    }
    document.getElementById("sum").textContent = checked.sum.toLocaleString(Agent.words.locale);
    const { number } = checked.fields.valid;
    document.getElementById("of").textContent = number === undefined ? "" : say("form.of", { n: number });
    document.getElementById("notes").replaceChildren(...verdict(checked));
    const send = document.getElementById("send");
    send.textContent = open.anyway ? say("form.send.anyway")
      : say(open.corrects ? "form.send.correction" : "form.send");
    return checked;
  };

  const verdict = (checked) => {
    const bad = [...checked.notes];
    if (checked.wrong) bad.unshift(say("check.wrong", { n: checked.wrong }));
    else if (checked.missing && open.tried) bad.unshift(say("check.left", { n: checked.missing }));
    if (bad.length) {
      const more = open.anyway ? [h("p", {}, say("check.anyway"))] : [];
      return [note("bad", ...bad.map((text) => h("p", {}, text)), ...more)];
    }
    return checked.missing ? [] : [note("good", h("p", {}, say("check.good")))];
  };

  const helpOf = (name) => {
    const listed = open.who.pollingUnit.registeredVoters;
    return name === "registered" && listed ? say("form.registered.help", { n: listed }) : "";
  };

  const zeros = async () => {
    for (const one of open.election.parties) {
      const name = sheet.party(one.partyCode);
      const input = document.getElementById(`f-${name}`);
      if (input.value.trim() === "") { input.value = "0"; await typed(name, "0"); }
    }
  };

  const send = async () => {
    open.tried = true;
    const checked = judge();
    if (checked.wrong || checked.missing) {
      document.querySelector(".field.wrong input")?.focus();
      return;
    }
    if (checked.notes.length && !open.anyway) {
      // Explained once; if the sheet itself is wrong, the second press sends it as it is.
      open.anyway = true;
      judge();
      document.getElementById("notes").scrollIntoView({ block: "center" });
      return;
    }
    const button = document.getElementById("send");
    button.disabled = true;
    try {
      const figures = sheet.figures(open.election, checked);
      const device = await store.device();
      const key = store.draftKey(open.who, open.election.electionId);
      const made = await store.commit(open.who, key, figures, device);
      close();
      if (!made) await ask(say("form.elsewhere"), "", say("ask.good"));
      store.announce("reports");
      Agent.app.sendSoon();
    } catch {
      button.disabled = false;
      saved(false);
    }
  };

  const close = () => { open = null; scrollTo(0, 0); Agent.app.home(); };

  const discard = async () => {
    if (!await ask(say("form.discard"), say("form.discard.sure"), say("ask.yes"), say("ask.no"))) return;
    await store.discard(store.draftKey(open.who, open.election.electionId));
    store.announce("drafts");
    close();
  };

  /* ---- the photo ---- */

  const photoOf = async () => {
    const key = store.draftKey(open.who, open.election.electionId);
    return (await store.all("photos")).find((one) => one.draftKey === key);
  };

  const photo = async (message, bad) => {
    const place = document.getElementById("photo");
    const kept = open && await photoOf();
    if (!place || !open) return;
    const pick = h("input", { type: "file", accept: "image/*", capture: "environment", id: "camera",
      onchange: () => pick.files[0] && take(pick.files[0]) });
    const picture = kept?.bytes ? h("img", { alt: say("photo.title") }) : null;
    if (picture) {
      picture.src = URL.createObjectURL(new Blob([kept.bytes], { type: "image/jpeg" }));
      picture.onload = () => URL.revokeObjectURL(picture.src);
    }
    place.replaceChildren(...[
      picture, h("p.help", {}, message || say(kept ? "photo.saved" : "photo.help")),
      h("label.button", { htmlFor: "camera" }, say(kept ? "photo.again" : "photo.take")), pick,
    ].filter(Boolean));
    place.classList.toggle("wrong", Boolean(bad));
  };

  const take = async (file) => {
    const { electionId } = open.election;
    try {
      await store.type(open.who, electionId, { ...open.values });
      await Agent.photos.keep(open.who, file, { draftKey: store.draftKey(open.who, electionId) });
      await photo();
    } catch (error) {
      await photo(say(error?.name === "QuotaExceededError" ? "photo.full" : "photo.unreadable"), true);
    }
  };

  /* ---- the screen ---- */

  const start = async (who, election) => {
    const draft = await store.get("drafts", store.draftKey(who, election.electionId));
    open = {
      who, election, values: { ...(draft?.values || {}) }, corrects: draft?.corrects || null,
      tried: false, anyway: false, typed: 0, stored: 0, lost: {},
      kept: Boolean(draft),
    };
    show(
      top(h("button.quiet", { type: "button", id: "back", onclick: close }, `‹ ${say("form.back")}`),
        h("div.grow", {}, h("h1", {}, election.electionName),
          h("p", {}, open.corrects ? `${say("form.title.correct")} · ${who.pollingUnit.code}` : who.pollingUnit.code))),
      h("main.sheet", {},
        open.corrects && note("info", h("p", {}, say("form.corrects"))),
        h("section", {}, h("h2", {}, say("form.voters")), field("registered", helpOf("registered")), field("accredited")),
        h("section", {}, h("h2", {}, say("form.parties")),
          ...election.parties.map((one) => field(sheet.party(one.partyCode), "", one)),
          h("button.quiet.wide", { type: "button", id: "zeros", onclick: zeros }, say("form.zeros"))),
        h("section", {}, h("h2", {}, say("form.totals")), field("valid"), field("rejected"), field("cast")),
        h("section", {}, h("h2", {}, say("photo.title")), h("div.photo", { id: "photo" })),
        draft && h("button.quiet.wide.danger", { type: "button", id: "discard", onclick: discard }, say("form.discard"))),
      h("footer.bar", {},
        h("div", { id: "notes", "aria-live": "polite" }),
        h("div.row.sum", {},
          h("div", {}, h("span.small", {}, say("form.sum")), h("output", { id: "sum" }, "0"), " ",
            h("span.small", { id: "of" })),
          h("span.saved", { id: "saved", role: "status" }, draft ? say("form.saved") : "")),
        h("button.primary", { type: "button", id: "send", onclick: send }, say("form.send"))));
    scrollTo(0, 0);
    judge();
    await photo();
  };

  /* Another window changed this entry: show it, but never under the finger, and never in the
     place of what was typed here and is still being kept. */
  const refresh = async () => {
    const form = open;
    if (!form) return;
    const before = form.typed;
    const draft = await store.get("drafts", store.draftKey(form.who, form.election.electionId));
    if (open !== form) return;
    if (!draft) {
      if (!form.kept) return;
      close();
      await ask(say("form.elsewhere"), "", say("ask.good"));
      return;
    }
    form.kept = true;
    if (form.typed !== before || form.stored !== form.typed) { setTimeout(refresh, 300); return; }
    for (const input of inputs()) {
      const value = draft.values[input.name] || "";
      if (input !== document.activeElement && input.value !== value) {
        input.value = value;
        open.values[input.name] = value;
      }
    }
    judge();
  };

  return { start, refresh, isOpen: () => Boolean(open) };
})();
