/* Keeps a results page up to date: asks for the cached documents, says nothing when they stand,
   and writes what changed into the page that the server rendered. */
"use strict";
(function () {
  const EVERY = 5000, AREAS_EVERY = 20000, SLOWEST = 60000;
  const page = document.body.dataset;
  const inNigeria = new Intl.NumberFormat("en-NG");
  const clock = new Intl.DateTimeFormat("en-NG", {
    day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit",
    hourCycle: "h23", timeZone: page.zone, timeZoneName: "short",
  });
  const known = {};
  let wait = EVERY, areasAt = 0, behind = false;

  function one(name, within) {
    return (within || document).querySelector('[data-value="' + name + '"]');
  }
  function say(name, text, within) {
    const place = one(name, within);
    if (place && place.textContent !== text) place.textContent = text;
  }
  function number(value) { return inNigeria.format(value); }
  function element(name, kind, text) {
    const made = document.createElement(name);
    if (kind) made.className = kind;
    if (text) made.textContent = text;
    return made;
  }
  function paint(place, party) {
    if (!place) return;
    place.className = place.className.replace(/\bp\d+\b|\bempty\b/g, "").trim();
    if (party) {
      const source = document.querySelector('[data-party="' + CSS.escape(party.partyCode) + '"]');
      const kept = source && source.className.match(/\bp\d+\b/);
      if (kept) place.classList.add(kept[0]);
      else place.style.setProperty("--c", party.color);
    } else if (place.dataset.tile) place.classList.add("empty");
  }
  function leading(parties) {
    const [first, second] = parties;
    const ahead = first && first.totalVotes > (second ? second.totalVotes : 0);
    return ahead ? first : null;
  }

  function showFigures(document_) {
    const figures = document_.summary, total = figures.pollingUnitsTotal;
    const share = total ? (100 * figures.pollingUnitsReported / total).toFixed(2) : "0.00";
    say("units", number(figures.pollingUnitsReported));
    say("total", number(total));
    say("reported", share);
    one("progress").setAttribute("width", share + "%");
    say("turnout", figures.voterTurnout);
    say("valid", number(figures.totalValidVotes));
    say("rejected", number(figures.totalRejectedVotes));
    for (const name of ["leader", "lead", "outlook", "review"]) say(name, document_.sentences[name]);
    one("review").hidden = !document_.sentences.review;
    paint(document.querySelector("[data-lead]"), leading(document_.parties));
    const time = one("updated");
    time.dateTime = document_.lastUpdated;
    time.textContent = clock.format(new Date(document_.lastUpdated));
    showParties(document_.parties);
  }
  function showParties(parties) {
    const table = document.querySelector("[data-parties]");
    parties.forEach(function (party, place) {
      const row = table.querySelector('[data-party="' + CSS.escape(party.partyCode) + '"]');
      if (!row) return;
      say("votes", number(party.totalVotes), row);
      say("share", party.percentage, row);
      row.querySelector("rect").setAttribute("width", party.percentage + "%");
      if (table.children[place] !== row) table.insertBefore(row, table.children[place]);
    });
  }
  function showAreas(document_) {
    const leads = new Map();
    for (const child of document_.children) {
      const first = leading(child.parties), figures = child.summary;
      if (first) leads.set(first.partyCode, [first, (leads.get(first.partyCode) || [0, 0])[1] + 1]);
      const tile = document.querySelector('[data-tile="' + child.code + '"]');
      if (tile) {
        paint(tile, first);
        tile.querySelector("b").textContent = first ? first.partyCode : "–";
        const words = first ? first.partyCode + " leads" : "no results yet";
        tile.setAttribute("aria-label", child.name + ": " + words);
      }
      const row = document.querySelector('[data-child="' + child.code + '"]');
      if (row) showChild(row, child, first, figures);
    }
    const legend = document.querySelector("[data-legend]");
    if (!legend) return;
    const lines = [...leads.values()].sort((a, b) => b[1] - a[1]).map(function ([party, count]) {
      const line = element("li", "");
      line.append(element("span", "swatch"), party.partyCode + " leads in " + count);
      paint(line, party);
      return line;
    });
    legend.replaceChildren(...lines);
  }
  function showChild(row, child, first, figures) {
    say("valid", number(figures.totalValidVotes), row);
    say("turnout", figures.voterTurnout + " %", row);
    const units = one("units", row), parts = [], total = figures.pollingUnitsTotal;
    if (child.level === "unit") parts.push(figures.pollingUnitsReported ? "yes" : "not yet");
    else {
      const share = total ? Math.floor(100 * figures.pollingUnitsReported / total) : 0;
      parts.push(share + " % ", element("small", "of",
        number(figures.pollingUnitsReported) + " of " + number(total)));
    }
    if (figures.pollingUnitsUnderReview) {
      const flag = element("span", "flag", "⚑");
      flag.title = "Under review";
      flag.append(element("span", "sr", " under review"));
      parts.push(" ", flag);
    }
    units.replaceChildren(...parts);
    const cell = one("leader", row);
    if (!first) {
      cell.textContent = figures.totalValidVotes ? "level" : "–";
      paint(cell, null);
      return;
    }
    cell.replaceChildren(element("span", "swatch"), first.partyCode + " ",
      element("small", "", first.percentage + " %"));
    paint(cell, first);
  }

  async function ask(address, show) {
    // The browser sends the ETag it has; an unchanged document costs a 304 without a body.
    const answer = await fetch(address, { cache: "no-cache" });
    if (!answer.ok) throw new Error(String(answer.status));
    const document_ = await answer.json();
    if (known[address] === document_.lastUpdated) return false;
    known[address] = document_.lastUpdated;
    show(document_);
    return true;
  }
  async function look() {
    if (document.visibilityState === "visible") {
      try {
        if (page.summary) {
          // No area changes unless the whole does; and the areas' document is the larger one.
          behind = await ask(page.summary, showFigures) || behind;
          if (behind && Date.now() - areasAt > AREAS_EVERY) {
            areasAt = Date.now();
            await ask(page.area, showAreas);
            behind = false;
          }
        } else {
          await ask(page.area, function (document_) {
            showFigures(document_);
            showAreas(document_);
          });
        }
        wait = EVERY;
        say("trouble", "");
      } catch (error) {
        // Slower and slower, so that a server in trouble is not asked to death.
        wait = Math.min(wait * 2, SLOWEST);
        say("trouble", "· no connection, trying again");
      }
    }
    setTimeout(look, wait * (0.9 + Math.random() / 5));
  }

  const first = page.summary || page.area;
  if (!first) return;
  known[first] = page.updated;
  document.addEventListener("visibilitychange", function () {
    if (document.visibilityState === "visible") wait = EVERY;
  });
  setTimeout(look, EVERY * Math.random() + 1000);
})();
