/* What every page shares: confirmations, bulk actions, toasts, copying, keyboard, live parts.
   Pages work without it: forms post, links lead, tables show. */
"use strict";

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => Array.from(root.querySelectorAll(selector));
const number = new Intl.NumberFormat("en-NG");

/* ---- confirmations ------------------------------------------------------------------------ */

function selected(form) {
  return form.id ? $$(`input[name="rowid"][form="${form.id}"]:checked`) : [];
}

/* {n}: how many rows are selected; {n|one|many}: that with its word; {waiting}: who waits in them. */
function fill(text, form) {
  const rows = selected(form);
  const waiting = rows.reduce((sum, row) => sum + Number(row.dataset.waiting || 0), 0);
  return (text || "")
    .replace(/\{n\|([^|}]+)\|([^}]+)\}/g, (_all, one, many) => `${number.format(rows.length)} ${rows.length === 1 ? one : many}`)
    .replaceAll("{n}", number.format(rows.length))
    .replaceAll("{waiting}", number.format(waiting));
}

function ask(title, text, button, danger) {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-labelledby", "confirm-title");
  const body = document.createElement("div");
  body.className = "dialog-body";
  const heading = document.createElement("h2");
  heading.id = "confirm-title";
  heading.textContent = title;
  const words = document.createElement("p");
  words.textContent = text;
  body.append(heading, words);
  const foot = document.createElement("form");
  foot.method = "dialog";
  foot.className = "dialog-foot";
  const no = document.createElement("button");
  no.className = "btn";
  no.value = "";
  no.textContent = "Go back";
  const yes = document.createElement("button");
  yes.className = danger ? "btn btn-danger-solid" : "btn btn-primary";
  yes.value = "yes";
  yes.textContent = button;
  yes.dataset.confirmYes = "";
  foot.append(no, yes);
  dialog.append(body, foot);
  document.body.append(dialog);
  dialog.showModal();
  (danger ? no : yes).focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const answer = dialog.returnValue === "yes";
      dialog.remove();
      resolve(answer);
    });
  });
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const submitter = event.submitter;
  const asked = submitter && submitter.dataset.confirm ? submitter : form;
  if (form.dataset.confirmed) {
    delete form.dataset.confirmed;
  } else if (asked.dataset && asked.dataset.confirm) {
    event.preventDefault();
    event.stopImmediatePropagation();
    const agreed = await ask(
      fill(asked.dataset.confirm, form),
      fill(asked.dataset.confirmText, form),
      fill(asked.dataset.confirmButton, form) || "Yes",
      "confirmDanger" in asked.dataset,
    );
    if (agreed) {
      form.dataset.confirmed = "1";
      form.requestSubmit(submitter || undefined);
    }
    return;
  }
  if (form.method === "post" && !("keep" in form.dataset)) {
    // A second click must not post twice; the page is about to change anyway.
    window.setTimeout(() => $$("button:not([type=button])", form).forEach((b) => { b.disabled = true; }), 0);
    window.setTimeout(() => $$("button:not([type=button])", form).forEach((b) => { b.disabled = false; }), 5000);
  }
}, true);

/* ---- bulk selection ----------------------------------------------------------------------- */

function refreshBulk() {
  $$("[data-bulk]").forEach((bar) => {
    const form = $("form", bar) || bar;
    const boxes = $$(`input[name="rowid"][form="${form.id}"]`);
    const chosen = boxes.filter((box) => box.checked);
    bar.hidden = chosen.length === 0;
    $$("[data-bulk-count]", bar).forEach((place) => { place.textContent = number.format(chosen.length); });
    boxes.forEach((box) => box.closest("tr")?.classList.toggle("selected", box.checked));
    const all = $(`input[data-check-all="${form.id}"]`);
    if (all) {
      all.checked = chosen.length > 0 && chosen.length === boxes.length;
      all.indeterminate = chosen.length > 0 && chosen.length < boxes.length;
    }
  });
}

document.addEventListener("change", (event) => {
  const box = event.target;
  if (box.dataset && box.dataset.checkAll) {
    $$(`input[name="rowid"][form="${box.dataset.checkAll}"]`).forEach((one) => { one.checked = box.checked; });
  }
  if (box.name === "rowid" || (box.dataset && box.dataset.checkAll)) refreshBulk();
  if (box.dataset && "autosubmit" in box.dataset) box.form.requestSubmit();
  refreshConditional();
});

/* ---- parts of forms that depend on others: data-show-when="field=value|value" --------------- */

function refreshConditional() {
  $$("[data-show-when]").forEach((part) => {
    const [name, wanted] = part.dataset.showWhen.split("=");
    const scope = part.closest("form") || document;
    const fields = $$(`[name="${name}"]`, scope);
    const values = fields
      .filter((field) => (field.type !== "radio" && field.type !== "checkbox") || field.checked)
      .map((field) => (field.type === "checkbox" && !field.hasAttribute("value") ? "on" : field.value));
    part.hidden = !values.some((value) => wanted.split("|").includes(value));
  });
}

document.addEventListener("input", (event) => {
  const filter = event.target.dataset && event.target.dataset.filter;
  if (!filter) return;
  const wanted = event.target.value.trim().toLowerCase();
  $$(`${filter} label`).forEach((label) => {
    label.hidden = wanted !== "" && !label.textContent.toLowerCase().includes(wanted);
  });
});

/* ---- toasts, copying, menus, theme, navigation ----------------------------------------------- */

function toast(text, kind = "") {
  const box = $(".toasts") || document.body.appendChild(Object.assign(document.createElement("div"), { className: "toasts" }));
  const one = document.createElement("div");
  one.className = `toast ${kind}`;
  one.setAttribute("role", "status");
  const words = document.createElement("p");
  words.textContent = text;
  one.append(words);
  box.append(one);
  window.setTimeout(() => one.remove(), 6000);
}

document.addEventListener("click", async (event) => {
  const target = event.target.closest("[data-copy], [data-close], [data-nav], [data-theme-toggle], [data-insert], [data-open-dialog], [data-print]");
  $$("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  if (!target) return;
  if (target.dataset.copy) {
    const source = $(target.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.value || source.textContent.trim());
      toast("Copied.");
    } catch {
      const range = document.createRange();
      range.selectNodeContents(source);
      window.getSelection().removeAllRanges();
      window.getSelection().addRange(range);
      toast("Press Ctrl-C to copy what is marked.");
    }
  } else if ("close" in target.dataset) {
    target.closest(".toast, dialog").remove();
  } else if ("nav" in target.dataset) {
    const open = $(".nav").classList.toggle("open");
    target.setAttribute("aria-expanded", String(open));
  } else if ("themeToggle" in target.dataset) {
    const root = document.documentElement;
    const dark = root.dataset.bsTheme
      ? root.dataset.bsTheme === "dark"
      : window.matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.bsTheme = dark ? "light" : "dark";
    document.cookie = `theme=${root.dataset.bsTheme}; path=/; max-age=31536000; samesite=lax`;
    document.dispatchEvent(new CustomEvent("theme-changed"));
  } else if (target.dataset.insert) {
    const area = $(target.dataset.into);
    area.setRangeText(target.dataset.insert, area.selectionStart, area.selectionEnd, "end");
    area.focus();
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
});

/* ---- keyboard ----------------------------------------------------------------------------- */

document.addEventListener("keydown", (event) => {
  const command = event.ctrlKey || event.metaKey;
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (command && event.key.toLowerCase() === "k") {
    const search = $("[data-search]");
    event.preventDefault();
    if (search) { search.focus(); search.select(); } else openJump();
  } else if (command && event.key.toLowerCase() === "s") {
    const save = $("[data-save]");
    if (save) { event.preventDefault(); save.click(); }
  } else if (event.key === "?" && !typing && !command) {
    const help = $("#keyboard-help");
    if (help && !help.open) help.showModal();
  } else if (event.key === "Escape") {
    $$("details.menu[open]").forEach((menu) => { menu.open = false; });
  }
});

/* ---- going anywhere by keyboard: pages of the menu, or a search -------------------------------- */

const jump = $("#jump");

function fillJump(list) {
  list.dataset.ready = "1";
  const pages = $$(".nav-link").map((link) => {
    const item = document.createElement("li");
    const copy = document.createElement("a");
    copy.href = link.href;
    copy.textContent = link.textContent.trim();
    item.append(copy);
    return item;
  });
  $$("[data-jump-search]", list).forEach((link) => {
    link.dataset.label = link.textContent;
    link.dataset.address = link.getAttribute("href");
  });
  list.prepend(...pages);
}

function narrowJump(list, wanted) {
  $$("li", list).forEach((item) => {
    const link = item.firstElementChild;
    if (link.dataset.address) {
      item.hidden = wanted === "";
      link.textContent = `${link.dataset.label} “${wanted}”`;
      link.href = `${link.dataset.address}?search=${encodeURIComponent(wanted)}`;
    } else item.hidden = !link.textContent.toLowerCase().includes(wanted.toLowerCase());
    item.classList.remove("first");
  });
  $("li:not([hidden])", list)?.classList.add("first");
}

if (jump) {
  const list = $("[data-jump-places]", jump);
  const input = $("[data-jump]", jump);
  input.addEventListener("input", () => narrowJump(list, input.value.trim()));
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") { event.preventDefault(); $("li.first a", list)?.click(); }
    if (event.key === "ArrowDown") { event.preventDefault(); $("li:not([hidden]) a", list)?.focus(); }
  });
  list.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    const links = $$("li:not([hidden]) a", list);
    const next = links[links.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)];
    (next || input).focus();
  });
}

function openJump() {
  if (!jump || jump.open) return;
  const list = $("[data-jump-places]", jump);
  const input = $("[data-jump]", jump);
  if (!list.dataset.ready) fillJump(list);
  input.value = "";
  input.dispatchEvent(new Event("input"));
  jump.showModal();
  input.focus();
}

/* ---- files dropped on a form ---------------------------------------------------------------- */

$$("[data-drop]").forEach((zone) => {
  const input = $("input[type=file]", zone);
  const label = $("[data-drop-name]", zone);
  const show = () => { if (input.files.length && label) label.textContent = `${input.files[0].name} · ${number.format(Math.ceil(input.files[0].size / 1024))} KB`; };
  input.addEventListener("change", show);
  for (const kind of ["dragover", "dragleave", "drop"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files.length) { input.files = event.dataTransfer.files; show(); }
    });
  }
});

/* ---- times in words, kept true --------------------------------------------------------------- */

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

function refreshTimes(root = document) {
  $$("time[data-relative]", root).forEach((time) => {
    const seconds = (new Date(time.dateTime) - Date.now()) / 1000;
    const size = Math.abs(seconds);
    if (size < 45) time.textContent = seconds > 0 ? "in a moment" : "just now";
    else if (size < 2700) time.textContent = relative.format(Math.round(seconds / 60), "minute");
    else if (size < 79200) time.textContent = relative.format(Math.round(seconds / 3600), "hour");
    else if (size < 604800) time.textContent = relative.format(Math.round(seconds / 86400), "day");
  });
}
window.setInterval(refreshTimes, 15000);

/* ---- what scrolls sideways can be scrolled with the keyboard ---------------------------------- */

function refreshScrollers() {
  $$(".table-wrap, .copy code").forEach((wide) => {
    if (wide.scrollWidth > wide.clientWidth) wide.setAttribute("tabindex", "0");
    else wide.removeAttribute("tabindex");
  });
}
window.addEventListener("resize", refreshScrollers);

/* ---- the tab one is on is seen, where tabs are wider than the screen --------------------------- */

$$(".tabs").forEach((tabs) => {
  const here = $("[aria-current]", tabs);
  // Scrolls the row of tabs alone: the page stays at its beginning.
  if (here) tabs.scrollLeft = here.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - here.offsetWidth) / 2;
});

/* ---- live parts (htmx) ------------------------------------------------------------------------ */

let misses = 0;
document.addEventListener("htmx:beforeRequest", (event) => {
  // A tab that nobody looks at asks for nothing, and neither does a page about to change.
  if (event.detail.elt.hasAttribute("data-poll") && document.hidden) event.preventDefault();
});
document.addEventListener("htmx:afterRequest", (event) => {
  const status = event.detail.xhr.status;
  if (status === 401) window.location.reload();
  misses = status === 0 || status >= 500 ? misses + 1 : 0;
  $$("[data-live-note]").forEach((note) => { note.hidden = misses < 2; });
});
document.addEventListener("htmx:afterSettle", (event) => {
  refreshTimes(event.target);
  refreshConditional();
  refreshBulk();
  refreshScrollers();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && window.htmx) $$("[data-poll]").forEach((part) => window.htmx.trigger(part, "wake"));
});

refreshBulk();
refreshConditional();
refreshTimes();
refreshScrollers();
$$("[data-bulk]").forEach((bar) => { bar.dataset.ready = "1"; });
window.setTimeout(() => $$(".toast:not(.error):not(.danger)").forEach((one) => one.remove()), 8000);
