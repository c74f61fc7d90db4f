/* Keeps a results page up to date: asks for the cached documents, says nothing when they stand,
   and writes what changed into the page that the server rendered. */
"use strict";
(function () {
  const EVERY = 5000, AREAS_EVERY = 20000, SLOWEST = 60000, TICKING = 800, LARGEST = 4;
  const still = matchMedia("(prefers-reduced-motion: reduce)");
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
  // A figure runs up to its new value, so that the eye sees what changed.
  function count(name, value, within) {
    const place = one(name, within);
    if (!place || place.dataset.goal === String(value)) return;
    const from = Number(place.textContent.replace(/\D/g, "")), began = performance.now();
    place.dataset.goal = value;
    if (still.matches || from === value) return say(name, number(value), within);
    place.animate([{ color: accent() }, {}], 2500);
    requestAnimationFrame(function step(now) {
      if (place.dataset.goal !== String(value)) return;
      const part = Math.min(1, Math.max(0, (now - began) / TICKING));
      place.textContent = number(Math.round(from + (value - from) * part));
      if (part < 1) requestAnimationFrame(step);
    });
  }
  function accent() { return getComputedStyle(document.body).getPropertyValue("--accent"); }
  function wide(name, percent, within) {
    const bar = one(name, within);
    if (bar) bar.setAttribute("width", percent + "%");
  }
  function element(name, kind, text) {
    const made = document.createElement(name);
    if (kind) made.className = kind;
    if (text) made.textContent = text;
    return made;
  }
  function colorOf(party) {
    const source = document.querySelector('[data-party="' + CSS.escape(party.partyCode) + '"]');
    const kept = source && source.className.match(/\bp\d+\b/);
    return kept ? kept[0] : "";
  }
  function paint(place, party) {
    if (!place) return;
    place.className = place.className.replace(/\bp\d+\b|\bempty\b/g, "").trim();
    const kind = party ? colorOf(party) : place.dataset.tile ? "empty" : "";
    if (kind) place.classList.add(kind);
  }
  function leading(parties) {
    const [first, second] = parties;
    const ahead = first && first.totalVotes > (second ? second.totalVotes : 0);
    return ahead ? first : null;
  }

  // Never rounded to 100.00 while one is out.
  function ofAll(part, whole) {
    const share = whole ? (100 * part / whole).toFixed(2) : "0.00";
    return share === "100.00" && part < whole ? "99.99" : share;
  }
  function turnout(figures) {
    return figures.turnoutInDoubt ? "figures under review" : figures.voterTurnout + " %";
  }
  function showFigures(document_) {
    const figures = document_.summary, total = figures.pollingUnitsTotal;
    const share = ofAll(figures.pollingUnitsReported, total);
    count("units", figures.pollingUnitsReported);
    say("total", number(total));
    say("reported", share);
    wide("progress", share);
    count("registered", figures.totalRegisteredVoters);
    count("accredited", figures.totalAccreditedVoters);
    say("turnout", turnout(figures));
    one("turnout").classList.toggle("doubted", figures.turnoutInDoubt);
    count("valid", figures.totalValidVotes);
    count("rejected", figures.totalRejectedVotes);
    for (const name of ["status", "leader", "lead", "outlook", "review"]) say(name, document_.sentences[name]);
    one("dot").className = "dot " + (document_.status || document_.election.status);
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
      count("votes", party.totalVotes, row);
      say("share", party.percentage, row);
      row.querySelector("rect").setAttribute("width", party.percentage + "%");
      if (table.children[place] !== row) table.insertBefore(row, table.children[place]);
    });
  }
  function showAreas(document_) {
    const leads = new Map(), quarters = {}, rule = document_.presidentialRule;
    if (rule) {
      for (const party of rule.reached) quarters[party.partyCode] = party.states;
      say("rule", document_.sentences.rule);
    }
    for (const child of document_.children) {
      const first = leading(child.parties), figures = child.summary;
      if (first) leads.set(first.partyCode, [first, (leads.get(first.partyCode) || [0, 0])[1] + 1]);
      const tile = document.querySelector('[data-tile="' + child.code + '"]');
      if (tile) {
        paint(tile, first);
        tile.querySelector("b").textContent = first ? first.partyCode : "–";
        const words = first ? first.partyCode + " leads" : "no results yet";
        tile.setAttribute("aria-label", child.name + ": " + words);
        wide("progress", reported(figures), tile);
      }
      const row = document.querySelector('[data-child="' + child.code + '"]');
      if (row) showChild(row, child, first, figures);
    }
    const legend = document.querySelector("[data-legend]");
    if (!legend) return;
    const lines = [...leads.values()].sort((a, b) => b[1] - a[1]).map(function ([party, number]) {
      const line = element("li", "");
      line.append(element("span", "swatch"), element("b", "", party.partyCode), " leads in " + number);
      const most = quarters[party.partyCode] || 0;
      if ("quarters" in legend.dataset) line.append(element("small", "", ", a quarter in " + most));
      paint(line, party);
      return line;
    });
    legend.replaceChildren(...lines);
  }
  // Rounded down: 100 % is for when the last one is in.
  function reported(figures) {
    const total = figures.pollingUnitsTotal;
    return total ? Math.floor(100 * figures.pollingUnitsReported / total) : 0;
  }
  function showChild(row, child, first, figures) {
    const any = figures.pollingUnitsReported > 0;
    say("valid", any ? number(figures.totalValidVotes) : "–", row);
    say("turnout", any ? turnout(figures) : "–", row);
    const parts = [], flag = element("span", "flag");
    if (child.level === "unit") parts.push(any ? "yes" : "not yet");
    else parts.push(reported(figures) + " % ", element("small", "of",
      number(figures.pollingUnitsReported) + " of " + number(figures.pollingUnitsTotal)));
    const doubted = figures.pollingUnitsUnderReview;
    if (doubted) {
      flag.textContent = child.level === "unit" ? "⚑" : "⚑" + number(doubted);
      flag.title = "Under review";
      flag.append(element("span", "sr", " under review"));
    }
    one("units", row).replaceChildren(...parts, flag);
    showShares(one("shares", row), child.parties);
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

  function showShares(bar, parties) {
    let begin = 0;
    bar.replaceChildren(...parties.slice(0, LARGEST).filter((party) => party.totalVotes).map(function (party) {
      const part = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      const of = { x: begin + "%", width: party.percentage + "%", height: "100%" };
      for (const name in of) part.setAttribute(name, of[name]);
      part.setAttribute("class", colorOf(party));
      begin += Number(party.percentage);
      return part;
    }));
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
            // A copy on the way may be from before the change: then once more, a little later.
            behind = known[page.area] < known[page.summary];
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
