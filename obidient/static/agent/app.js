"use strict";
/* The agent page: sign in once, then elections, reports and where each stands. */
Agent.app = (() => {
  const { store, sender, say, sheet } = Agent;
  const { h, show, note, chip, clock, ask, isAsking, top } = Agent.parts;

  let online = navigator.onLine;
  let nearlyFull = false;

  const isUnsent = (one) => one.state === "waiting";
  const isOf = (who) => (one) => one.agentId === who.agent.id;

  /* Screens wait for what is stored: one that was asked for later is not painted over, and from the
     moment in which an agent wants to sign in only the home screen that follows ends it. */
  let asked = 0;
  let signingIn = null;

  /* A screen drawn anew while a finger or a key is down loses the press: one that nobody asked for
     waits for the click, which follows by a moment. */
  let tapEnds = 0;

  /* ---- sign-in ---- */

  const signIn = async (known) => {
    const turn = ++asked;
    signingIn = { token: known?.token };
    const reports = (await store.all("reports")).filter(isUnsent);
    if (turn !== asked) return;
    const email = h("input", { id: "email", type: "text", autocomplete: "username", autocapitalize: "none",
      spellcheck: false, required: true, value: known?.agent.login || known?.agent.email || "" });
    const password = h("input", { id: "password", type: "password", autocomplete: "current-password", required: true });
    const flip = h("button.quiet", { type: "button", onclick: () => {
      password.type = password.type === "password" ? "text" : "password";
      flip.textContent = say(password.type === "password" ? "signin.show" : "signin.hide");
    } }, say("signin.show"));
    const said = h("div", { id: "said" });
    const button = h("button.primary.wide", { id: "sign-in" }, say("signin.button"));
    const form = h("form.signin", { noValidate: true, onsubmit: async (event) => {
      event.preventDefault();
      if (!email.value.trim() || !password.value) {
        said.replaceChildren(note("bad", say("signin.missing")));
        return;
      }
      button.disabled = true;
      button.textContent = say("signin.busy");
      const problem = await enter(email.value.trim(), password.value);
      if (problem) {
        button.disabled = false;
        button.textContent = say("signin.button");
        said.replaceChildren(note("bad", problem));
      }
    } },
      h("label", { htmlFor: "email" }, say("signin.email")), email,
      h("label", { htmlFor: "password" }, say("signin.password")), h("div.row", {}, password, flip),
      said, button);
    show(top(h("h1.grow", {}, say("app.name")), known && h("button.quiet", { type: "button", onclick: () => home() }, say("form.back"))),
      h("main", {},
        h("h2", {}, say("signin.title")), h("p.lead", {}, say("signin.lead")),
        count(reports.length, "signin.kept", "info"), form));
  };

  /* A sentence when it failed. */
  const enter = async (name, secret) => {
    const proof = !name ? {} : name.includes("@") ? { email: name, password: secret } : { phone: name, pin: secret };
    const answer = await Agent.server.ask("POST", "/sign-in", {
      json: { ...proof, deviceId: await store.device() }, cookie: !name,
    });
    if (!answer) return say("signin.offline");
    if (!answer.ours || answer.status >= 500) return say("signin.failed");
    if (answer.status === 401 || answer.status === 422) return say("signin.wrong");
    if (answer.status === 429) return say("signin.wait", { n: Math.ceil((answer.retryAfter || 900000) / 60000) });
    if (answer.status !== 200) return say("signin.refused", { why: answer.data.detail || answer.status });
    const agent = { ...answer.data.agent, login: name || answer.data.agent.email };
    await store.signIn({ ...answer.data, agent, expired: false, skew: answer.skew });
    navigator.storage?.persist?.().catch(() => {});
    store.announce("session");
    sender.kick();
    return "";
  };

  /* ---- home ---- */

  const count = (n, key, kind) => (n ? note(kind, say(key, { n })) : null);

  const isUnsentPhoto = (photo) => isUnsent(photo) && photo.submissionId;

  const banners = (who, reports, photos) => {
    const mine = reports.filter(isOf(who));
    const unsent = mine.filter(isUnsent).length;
    const others = reports.filter(isUnsent).length - unsent;
    const attention = mine.filter((one) => one.state === "attention").length;
    const pictures = photos.filter(isOf(who)).filter(isUnsentPhoto).length;
    return [
      who.pollingUnit.isListed === false && note("bad", say("bar.unit", { code: who.pollingUnit.code })),
      who.expired && signInAgain("bad", who, say("bar.expired")),
      !who.expired && daysLeft(who) <= 3 && signInAgain("wait", who, say("bar.ends", { n: Math.max(1, daysLeft(who)) })),
      count(attention, "home.attention", "bad"),
      unsent ? note("wait", h("p", {}, say("home.summary", { n: unsent })),
        h("button.quiet", { type: "button", id: "send-now", onclick: () => sender.kick() }, say("home.send"))) : null,
      count(pictures, "home.photos", "wait"),
      !unsent && !pictures && mine.length && !attention ? note("good", say("home.summary.clear")) : null,
      count(others, "bar.others", "info"),
      Math.abs(who.skew || 0) > 600_000 && note("info", say("bar.clock", { n: howLong(Math.abs(who.skew)) })),
      nearlyFull && note("wait", say("bar.space")),
    ];
  };

  const signInAgain = (kind, who, sentence) => note(kind, h("p", {}, sentence),
    h("button.primary", { type: "button", id: "sign-in-again", onclick: () => signIn(who) }, say("signin.again")));

  /* By the server's clock, as far as it is known. */
  const daysLeft = (who) => Math.ceil((Date.parse(who.expiresAt) - Date.now() + (who.skew || 0)) / 86_400_000);

  const howLong = (ms) => (ms >= 5_400_000 ? say("bar.clock.hours", { n: Math.round(ms / 3_600_000) })
    : say("bar.clock.minutes", { n: Math.round(ms / 60_000) }));

  const electionCard = (who, election, draft, reports) => {
    const sent = reports.some((one) => one.electionId === election.electionId);
    const isOpen = election.status === "ongoing";
    const word = draft ? say("home.continue") : say(sent ? "home.correct" : "home.enter");
    const closed = isOpen ? null : h("span.small", {}, say(election.status === "ended" ? "home.ended" : "home.closed"));
    return h("li.card", { "data-election": election.electionId },
      h("div.grow", {}, h("b", {}, election.electionName), closed,
        draft && h("div", {}, chip("saved"), h("p.small", {}, say("say.saved")))),
      h((sent && !draft) || !isOpen ? "button.quiet" : "button.primary", { type: "button", id: `to-${election.electionId}`, onclick: () =>
        (sent && !draft ? correctLast(who, election, reports) : Agent.form.start(who, election)) }, word));
  };

  const correctLast = (who, election, reports) => {
    const last = reports.filter((one) => one.electionId === election.electionId)
      .sort((a, b) => b.sheet.revision - a.sheet.revision)[0];
    return correct(who, last);
  };

  const correct = async (who, report) => {
    const election = who.elections.find((one) => one.electionId === report.electionId);
    if (!election) return;
    await store.correct(who, report, sheet.typed(report.sheet));
    store.announce("drafts");
    await Agent.form.start(who, election);
  };

  const explain = (report, who) => {
    const state = shownState(report);
    if (state === "attention") return say(`reason.${report.reason}`, { why: report.message }) || report.message;
    if (state === "waiting") {
      return say(report.reason === "large" ? "say.waiting.large" : who.expired ? "say.waiting.signin"
        : online && sender.isUnreached() ? "say.waiting.trying" : "say.waiting");
    }
    return say(state === "accepted" ? `say.accepted.${report.standing}` : `say.${state}`);
  };

  const shownState = (report) =>
    (report.state === "counted" && report.standing && report.standing !== "counted" ? "accepted" : report.state);

  const votesLine = (votes) => Object.entries(votes).filter(([, number]) => number)
    .sort((a, b) => b[1] - a[1]).map(([code, number]) => `${code} ${number.toLocaleString(Agent.words.locale)}`).join(" · ");

  const photoLine = (photo) => {
    if (!photo) return null;
    if (photo.state === "done") return say("photo.done");
    if (photo.state === "refused") return say("photo.refused");
    return photo.offset ? say("photo.sending", { n: Math.floor((100 * photo.offset) / photo.size) }) : say("photo.saved");
  };

  const reportRow = (who, report, photo) => {
    const state = shownState(report);
    const { revision, votesCast, votes } = report.sheet;
    const camera = state !== "replaced" && (!photo || photo.state === "refused") && addPhoto(who, report);
    const known = who.elections.some((one) => one.electionId === report.electionId);
    return h(`li.report.is-${state}`, { "data-report": report.submissionId, "data-state": report.state },
      h("div.row", {}, chip(state), h("span.small", {}, clock(report.createdAt))),
      h("b", {}, report.electionName),
      h("p.small", {}, [say("home.votes", { n: votesCast }), revision > 1 ? say("home.revision", { n: revision - 1 }) : "",
        photoLine(photo)].filter(Boolean).join(" · ")),
      h("p.small", {}, votesLine(votes)),
      h("p", {}, explain(report, who)),
      h("div.row.left", {},
        state === "attention" && known ? h("button.primary", { type: "button", id: `c-${report.submissionId}`, onclick: () => correct(who, report) }, say("home.correct.now")) : null,
        camera));
  };

  const addPhoto = (who, report) => {
    const id = `p-${report.submissionId}`;
    const pick = h("input", { type: "file", accept: "image/*", capture: "environment", id, onchange: async () => {
      try {
        await Agent.photos.keep(who, pick.files[0], { submissionId: report.submissionId });
        store.announce("photos");
        sender.kick();
      } catch (error) {
        await ask(say(error?.name === "QuotaExceededError" ? "photo.full" : "photo.unreadable"), "", say("ask.good"));
      }
    } });
    return h("span", {}, h("label.button", { htmlFor: id }, say("home.photo.add")), pick);
  };

  const net = () => {
    const reached = online && !sender.isUnreached();
    const key = sender.isRunning() ? "net.busy" : reached ? "net.on" : online ? "net.fail" : "net.off";
    return h(`span.net.${reached ? "on" : "off"}`, { id: "net" }, say(key));
  };

  /* What an agent tells of the day; each once. */
  const rollCall = (who) => {
    const told = who.rollCall || {};
    const said = h("div", { id: "roll-said", role: "status" });
    const tell = async (mark) => {
      const answer = await Agent.server.ask("POST", "/roll-call", { token: who.token, json: { mark } });
      await sender.noteAnswer(answer);
      if (answer?.status !== 200 || !answer.ours) return said.replaceChildren(note("bad", say("roll.failed")));
      await store.editSession((session) => { session.rollCall = answer.data; });
      return store.announce("session");
    };
    const entry = (mark) => (told[mark]
      ? h("p.small", { id: `roll-${mark}`, tabIndex: -1 }, say("roll.done", { what: say(`roll.${mark}`), at: clock(Date.parse(told[mark])) }))
      : h("button", { type: "button", id: `roll-${mark}`, onclick: () => tell(mark) }, say(`roll.${mark}`)));
    return h("section", { id: "roll-call" }, h("h2", {}, say("roll.title")),
      h("div.row.left", {}, ...["arrived", "opened", "closed"].map(entry)), said);
  };

  let arrived = new URLSearchParams(location.search).has("signed-in");

  const afterTap = (turn) => setTimeout(() => turn === asked && (performance.now() < tapEnds ? afterTap(turn) : home(true)), 40);

  const home = async (unasked = false) => {
    const turn = ++asked;
    const who = await store.session();
    if (turn !== asked) return;
    if (!who && arrived) {
      // Just signed in on the page for everybody: that will do.
      arrived = false;
      if (!(await enter("", ""))) return home();
      if (turn !== asked) return;
    }
    if (!who) return signIn();
    const [reports, drafts, photos] = await Promise.all(["reports", "drafts", "photos"].map(store.all));
    if (turn !== asked || Agent.form.isOpen()) return;
    if (unasked && performance.now() < tapEnds) return afterTap(turn);
    const mine = reports.filter(isOf(who))
      .sort((a, b) => b.createdAt - a.createdAt || b.order - a.order);
    const draftOf = new Map(drafts.map((one) => [one.key, one]));
    const photoOf = new Map(photos.map((one) => [one.submissionId, one]));
    const unit = who.pollingUnit;
    const at = scrollY, focused = document.activeElement?.id;
    signingIn = null;
    show(
      top(h("div.grow", {}, h("h1", {}, unit.name), h("p", {}, unit.code), h("p", {}, `${unit.ward}, ${unit.lga}`)), net()),
      h("main", {},
        ...banners(who, reports, photos),
        h("h2", {}, say("home.elections")),
        who.elections.length ? h("ul", {}, ...who.elections.map((one) =>
          electionCard(who, one, draftOf.get(store.draftKey(who, one.electionId)), mine)))
          : h("p.lead", {}, say("home.none")),
        rollCall(who),
        h("h2", {}, say("home.reports")),
        mine.length ? h("ul", { id: "reports" }, ...mine.map((one) => reportRow(who, one, photoOf.get(one.submissionId))))
          : h("p.lead", {}, say("home.nothing")),
        h("div.row.foot", {},
          h("button.quiet", { type: "button", id: "refresh", onclick: lookAgain }, say("home.refresh")),
          h("button.quiet", { type: "button", id: "sign-out", onclick: leave }, say("home.signout"))),
        h("p.small.center", {}, who.agent.name, h("br"), who.agent.login || who.agent.email)));
    if (unasked && focused) document.getElementById(focused)?.focus({ preventScroll: true });
    scrollTo(0, at);
  };

  const leave = async () => {
    const who = await store.session();
    const unsent = (await store.all("reports")).filter(isOf(who)).filter(isUnsent).length;
    const pictures = (await store.all("photos")).filter(isOf(who)).filter(isUnsentPhoto).length;
    const text = say(unsent ? "out.unsent" : pictures ? "out.photos" : "out.clear", { n: unsent || pictures });
    if (isAsking() || !await ask(say("out.title"), text, say("out.yes"), say("out.no"))) return;
    Agent.server.ask("POST", "/sign-out", { token: who.token });
    await store.signOut();
    store.announce("session");
  };

  /* Elections and parties as they are now; without network what is kept stays. */
  const refresh = async () => {
    const who = await store.session();
    const answer = who && await Agent.server.ask("GET", "/profile", { token: who.token });
    await sender.noteAnswer(answer);
    const isGood = answer?.ours && answer.status === 200;
    if (isGood) {
      await store.editSession((session) => {
        if (session.token !== who.token) return false;
        const login = session.agent.login;
        Object.assign(session, answer.data);
        session.agent.login = login;
      });
    }
    if (answer?.ours) store.announce("session");
    return isGood ? "home.refreshed" : answer ? "signin.failed" : "signin.offline";
  };

  const lookAgain = async () => {
    sender.checkAll();
    const told = await refresh();
    if (!isBusy() && !isAsking() && !(await store.session())?.expired) await ask(say(told), "", say("ask.good"));
  };

  /* ---- the surroundings ---- */

  const isBusy = () => Agent.form.isOpen() || signingIn;

  let drawing = 0;
  const redraw = () => {
    clearTimeout(drawing);
    drawing = setTimeout(() => {
      if (isBusy()) return;
      if (isAsking()) redraw();
      else home(true);
    }, 40);
  };

  /* Whoever types a password goes on with it, unless another window has signed in. */
  const sessionChanged = async () => {
    const who = await store.session();
    if (!Agent.form.isOpen() && !(signingIn && who?.token === signingIn.token)) home(true);
  };

  const changed = (what, elsewhere) => {
    if (what === "session") return void sessionChanged();
    if (["sending", "sent"].includes(what)) document.getElementById("net")?.replaceWith(net());
    if (what === "photos") room();
    if (elsewhere && ["drafts", "reports"].includes(what)) Agent.form.refresh();
    redraw();
  };

  const room = async () => {
    const told = await navigator.storage?.estimate?.();
    nearlyFull = Boolean(told?.quota) && told.quota - told.usage < 20_000_000;
  };

  /* Reports go out even when the page is closed, where the browser can do that. */
  const sendSoon = async () => {
    sender.kick();
    try {
      const worker = await navigator.serviceWorker?.getRegistration("/agent");
      await worker?.sync?.register("send");
    } catch { /* The page itself sends. */ }
  };

  const reach = (now) => {
    online = now;
    redraw();
    if (now) sender.kick();
  };

  const start = async () => {
    navigator.serviceWorker?.register("/agent/sw.js", { scope: "/agent" }).catch(() => {});
    store.listen(changed);
    const taps = { pointerdown: 10000, keydown: 10000, pointerup: 350, keyup: 350, click: 0, pointercancel: 0 };
    for (const [on, ms] of Object.entries(taps)) {
      addEventListener(on, () => { tapEnds = performance.now() + ms; }, true);
    }
    addEventListener("online", () => reach(true));
    addEventListener("offline", () => reach(false));
    document.addEventListener("visibilitychange", () => { if (!document.hidden) sender.checkAll(); });
    try {
      await store.device();
      await room();
      await home();
    } catch (error) {
      show(top(h("h1", {}, say("app.name"))), h("main", {}, note("bad", say("app.failed", { why: String(error?.message || error) }))));
      return;
    }
    const waits = (await store.all("reports")).some(isUnsent);
    if (waits) sendSoon();
    else sender.kick();
    refresh();
  };

  return { start, home, sendSoon };
})();
Agent.app.start();
