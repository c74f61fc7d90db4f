/* What Flask-Admin's list and form pages need, without eval, jQuery or inline handlers:
   filters, rows of related models, editing in place, choosing among many. */
"use strict";

(() => {
  const make = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };

  /* ---- filters: each row is a field, how to compare it, and a value named flt<N>_<arg> ------- */

  const form = document.querySelector("[data-filters]");
  const groupsData = document.querySelector("#filter-groups-data");
  if (form && groupsData) {
    const groups = JSON.parse(groupsData.textContent);
    const rows = form.querySelector("[data-filter-rows]");
    const buttons = form.querySelector("[data-filter-buttons]");
    let next = 0;

    const valueInput = (filter, value, name) => {
      let input;
      if (filter.options && filter.type !== "select2-tags") {
        input = make("select", { name, "aria-label": "Value" });
        for (const [key, text] of filter.options) {
          const option = make("option", { value: key }, text);
          option.selected = String(key) === String(value ?? "");
          input.append(option);
        }
      } else {
        const hints = { datepicker: "2027-02-25", datetimepicker: "2027-02-25 08:00:00", daterangepicker: "2027-02-01 to 2027-02-25" };
        input = make("input", { name, "aria-label": "Value", placeholder: hints[filter.type] || "" });
        input.value = value ?? "";
      }
      return input;
    };

    const add = (group, index, value) => {
      const filters = groups[group];
      const number = next++;
      const chosen = Math.max(0, filters.findIndex((one) => one.index === index));
      const operation = make("select", { "aria-label": `How to compare ${group}` });
      filters.forEach((one, place) => {
        const option = make("option", { value: place }, one.operation);
        option.selected = place === chosen;
        operation.append(option);
      });
      const remove = make("button", { type: "button", class: "btn btn-quiet btn-sm" }, "Remove");
      const label = make("span", { class: "strong" }, group);
      let input = valueInput(filters[chosen], value, `flt${number}_${filters[chosen].arg}`);
      const row = make("div", { class: "filter-row" }, label, operation, input, remove);
      operation.addEventListener("change", () => {
        const filter = filters[Number(operation.value)];
        const fresh = valueInput(filter, input.value, `flt${number}_${filter.arg}`);
        input.replaceWith(fresh);
        input = fresh;
      });
      remove.addEventListener("click", () => { row.remove(); buttons.hidden = false; });
      rows.append(row);
      buttons.hidden = false;
      return input;
    };

    for (const [index, group, value] of JSON.parse(document.querySelector("#active-filters-data").textContent)) add(group, index, value);
    document.querySelector("[data-add-filter]")?.addEventListener("change", (event) => {
      if (event.target.value) add(event.target.value, null, null).focus();
      event.target.value = "";
    });
  }

  /* ---- rows of a related model ------------------------------------------------------------------ */

  document.addEventListener("click", (event) => {
    const adding = event.target.closest("[data-inline-add]");
    if (adding) {
      const list = adding.closest("[data-inline]");
      const rows = list.querySelector(":scope > [data-inline-rows]");
      const fresh = list.parentElement.closest(".inline-field.fresh");
      const base = fresh ? `${fresh.id}-${list.id}` : list.id;
      const numbers = Array.from(rows.children, (row) => Number(row.id.split("-").pop()) + 1);
      const prefix = `${base}-${Math.max(0, ...numbers)}`;
      const row = list.querySelector(":scope > template").content.firstElementChild.cloneNode(true);
      row.id = prefix;
      row.classList.add("fresh");
      row.querySelectorAll("label[for]").forEach((label) => { label.htmlFor = `${prefix}-${label.htmlFor}`; });
      row.querySelectorAll("[name]").forEach((input) => {
        if (input.name === "csrf_token") { input.remove(); return; }
        input.id = `${prefix}${input.id ? `-${input.id}` : ""}`;
        input.name = `${prefix}${input.name ? `-${input.name}` : ""}`;
      });
      rows.append(row);
      row.querySelector("input, select, textarea")?.focus();
    }
    event.target.closest("[data-inline-remove]")?.closest(".inline-field").remove();
  });

  /* ---- editing in place --------------------------------------------------------------------------- */

  document.addEventListener("click", (event) => {
    const link = event.target.closest('[data-role^="x-editable"]');
    if (!link) return;
    event.preventDefault();
    const source = link.dataset.source ? JSON.parse(link.dataset.source) : null;
    const input = source ? make("select") : make(link.dataset.type === "textarea" ? "textarea" : "input");
    if (source) {
      for (const one of source) input.append(make("option", { value: one.value }, one.text));
    } else if (link.dataset.type === "number") {
      input.type = "number";
      input.step = link.dataset.step || "1";
    }
    input.value = link.dataset.value;
    input.setAttribute("aria-label", link.name || "Value");
    const save = make("button", { type: "submit", class: "btn btn-sm btn-primary" }, "Save");
    const leave = make("button", { type: "button", class: "btn btn-sm btn-quiet" }, "Leave");
    const editor = make("form", { class: "row" }, input, save, leave);
    link.hidden = true;
    link.after(editor);
    input.focus();
    const close = () => { editor.remove(); link.hidden = false; link.focus(); };
    leave.addEventListener("click", close);
    editor.addEventListener("keydown", (key) => { if (key.key === "Escape") close(); });
    editor.addEventListener("submit", async (submit) => {
      submit.preventDefault();
      const body = new URLSearchParams({ list_form_pk: link.dataset.pk, csrf_token: link.dataset.csrf, [link.getAttribute("name")]: input.value });
      const response = await fetch(link.dataset.url, { method: "POST", body });
      if (response.ok) {
        link.dataset.value = input.value;
        link.textContent = source ? input.selectedOptions[0].textContent : input.value;
        close();
      } else {
        editor.querySelector(".error")?.remove();
        editor.append(make("p", { class: "error", role: "alert" }, (await response.text()).slice(0, 300)));
      }
    });
  });

  /* ---- choosing among many: a search box in front of the hidden field ------------------------------- */

  document.querySelectorAll('[data-role="select2-ajax"]').forEach((hidden) => {
    const several = hidden.dataset.multiple === "1";
    const chosen = new Map((several ? JSON.parse(hidden.dataset.json || "[]") : [JSON.parse(hidden.dataset.json || "null")].filter(Boolean)).map(([id, text]) => [String(id), text]));
    const chips = make("div", { class: "chips" });
    const search = make("input", { type: "search", placeholder: hidden.dataset.placeholder, "aria-label": hidden.dataset.placeholder });
    const found = make("div", { class: "pick" });
    found.hidden = true;
    hidden.after(chips, search, found);
    const show = () => {
      hidden.value = Array.from(chosen.keys()).join(hidden.dataset.separator || ",");
      chips.replaceChildren(...Array.from(chosen, ([id, text]) => {
        const drop = make("button", { type: "button", class: "link-button", "aria-label": `Remove ${text}` }, "×");
        drop.addEventListener("click", () => { chosen.delete(id); show(); });
        return make("span", { class: "chip" }, text, drop);
      }));
    };
    let timer;
    search.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(async () => {
        const response = await fetch(`${hidden.dataset.url}${hidden.dataset.url.includes("?") ? "&" : "?"}${new URLSearchParams({ query: search.value, offset: 0, limit: 20 })}`);
        const answers = response.ok ? await response.json() : [];
        found.hidden = answers.length === 0;
        found.replaceChildren(...answers.map(([id, text]) => {
          const pick = make("button", { type: "button", class: "btn btn-quiet btn-sm" }, text);
          pick.addEventListener("click", () => {
            if (!several) chosen.clear();
            chosen.set(String(id), text);
            search.value = "";
            found.hidden = true;
            show();
          });
          return pick;
        }));
      }, 200);
    });
    show();
  });
})();
