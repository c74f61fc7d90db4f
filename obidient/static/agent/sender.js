"use strict";
/* Sends what waits, asks what became of it, and tries again for as long as it takes. Runs in every
   window and in the service worker; a lock lets one of them work at a time. Sending twice would be
   harmless all the same: the server knows each report by its id. */
self.Agent ||= {};
Agent.sender = (() => {
  const store = Agent.store;
  const BATCH = 100;
  const LONGEST_WAIT = 300_000;
  const STUMBLES = 3;
  const MOST_STUMBLES = 20;
  const DONE = {
    accepted: "counted", superseded: "replaced", duplicate: "received", rejected: "attention",
    received: "received",
  };

  /* Refused for what the server's records said: it may count by itself later. */
  const PROVISIONAL = [
    "unknown_polling_unit", "unknown_party", "unknown_election", "election_not_open", "outside_area",
    "not_your_unit", "over_voting",
  ];
  const ASK_AGAIN = 300_000;

  let failures = 0;
  let patience = 0;
  let polls = 0;
  let timer = 0;
  let running = null;
  let again = false;
  /* What was told before may have changed: a correction by SMS, a decision, a restored backup. */
  let recheck = true;
  /* Whether the last round got no answer from the server. */
  let unreached = false;

  const jitter = (ms) => ms * (0.75 + Math.random() / 2);

  /* ---- one round ---- */

  const mine = async (name, who) => (await store.all(name)).filter((one) => one.agentId === who.agent.id);

  const noteAnswer = async (answer) => {
    if (!answer?.ours) return;
    const expired = answer.status === 401 || answer.status === 403;
    await store.editSession((session) => {
      const skew = answer.skew ?? session.skew ?? 0;
      const known = session.expired === expired && Math.abs((session.skew ?? 0) - skew) < 60_000;
      if (known) return false;
      session.expired = expired;
      session.skew = skew;
    });
  };

  const mark = (id, edit) => store.update("reports", id, edit);

  /* Is this answer about these reports, and not about all? */
  const isOver = (answer) => answer.status === 413 || (answer.ours && answer.status === 500 && patience > 0);

  /* Send some reports; halves what is too large or refused as a whole, so that one bad report
     never holds up the others. Returns null, or the answer that stopped it. */
  const sendBatch = async (reports, token) => {
    const answer = await Agent.server.ask("POST", "/submissions", {
      token, json: { submissions: reports.map((one) => one.sheet) },
    });
    await noteAnswer(answer);
    if (answer?.status === 202 && Array.isArray(answer.data?.items)) {
      const got = new Set(answer.data.items.map((item) => item.submissionId));
      for (const one of reports.filter((report) => got.has(report.submissionId))) {
        await mark(one.submissionId, (record) => {
          if (record.state !== "waiting") return false;
          record.state = "received";
          record.reason = "";
        });
      }
      return null;
    }
    if (answer?.status === 500 && patience > 0) patience -= 1;
    const splits = answer && (isOver(answer) || (answer.ours && [400, 422].includes(answer.status)));
    if (!splits) return answer || { status: 0 };
    if (reports.length > 1) {
      const middle = reports.length >> 1;
      const first = await sendBatch(reports.slice(0, middle), token);
      if (first && !isOver(first)) return first;
      return (await sendBatch(reports.slice(middle), token)) || first;
    }
    if (answer.status === 500) return answer;
    await mark(reports[0].submissionId, (record) => {
      // Too large is no fault of the report: it keeps waiting, and says so.
      record.state = answer.status === 413 ? "waiting" : "attention";
      record.reason = answer.status === 413 ? "large" : "refused";
      record.message = answer.data?.detail || "";
    });
    return answer.status === 413 ? answer : null;
  };

  const sendWaiting = async (who) => {
    const waiting = (await mine("reports", who)).filter((one) => one.state === "waiting");
    waiting.sort((a, b) => a.createdAt - b.createdAt);
    let stopped = null;
    // A server that stumbles again and again may do so over one report: then find it, by halves.
    patience = failures >= STUMBLES ? MOST_STUMBLES : 0;
    for (let at = 0; at < waiting.length; at += BATCH) {
      const answer = await sendBatch(waiting.slice(at, at + BATCH), who.token);
      store.announce("reports");
      stopped = answer || stopped;
      if (answer && !isOver(answer)) break;
    }
    return stopped;
  };

  const hear = (record, outcome) => {
    if (!outcome) {
      // The server has lost it: out it goes again.
      record.state = "waiting";
      return;
    }
    record.state = DONE[outcome.status] || "received";
    record.reason = outcome.reason || "";
    record.message = outcome.message || "";
    record.standing = outcome.standing || "";
  };

  /* Has the server ever had it? */
  const isThere = (one) => one.state === "counted" || (one.state === "attention" && one.reason !== "refused");

  const askOutcomes = async (who) => {
    const all = recheck;
    const open = (await mine("reports", who)).filter((one) => one.state === "received" || (all && isThere(one)));
    for (let at = 0; at < open.length; at += BATCH) {
      const some = open.slice(at, at + BATCH);
      const ids = some.map((one) => one.submissionId).join(",");
      const answer = await Agent.server.ask("GET", `/submissions?ids=${ids}&more=standing`, { token: who.token });
      await noteAnswer(answer);
      if (answer?.status !== 200 || !Array.isArray(answer.data?.items)) return answer || { status: 0 };
      const told = new Map(answer.data.items.map((item) => [item.submissionId, item]));
      for (const known of some) {
        const outcome = told.get(known.submissionId);
        const isNews = !outcome || known.state !== DONE[outcome.status] || known.message !== outcome.message;
        if (isNews) {
          await mark(known.submissionId, (record) => {
            if (record.state !== known.state) return false;
            hear(record, outcome);
          });
        }
      }
      await replaceOlder(who);
      store.announce("reports");
    }
    if (all) recheck = false;
    return null;
  };

  /* A correction that counts takes the place of what this phone sent before. */
  const replaceOlder = async (who) => {
    const reports = await mine("reports", who);
    for (const one of reports) {
      const newer = reports.some((other) => other.electionId === one.electionId && other.unit === one.unit
        && other.state === "counted" && other.sheet.revision > one.sheet.revision);
      if (newer && one.state === "counted") await mark(one.submissionId, (r) => { r.state = "replaced"; });
    }
  };

  const sendPhotos = async (who) => {
    const reports = await mine("reports", who);
    const there = new Set(reports.filter((one) => one.state !== "waiting").map((one) => one.submissionId));
    let stopped = null;
    for (const photo of await mine("photos", who)) {
      if (photo.state !== "waiting" || !there.has(photo.submissionId)) continue;
      const answer = await Agent.photos.send(photo, who.token);
      await noteAnswer(answer);
      stopped = answer || stopped;
      // One over which the server stumbles holds up no other.
      if (answer && answer.status !== 500) break;
    }
    return stopped;
  };

  /* Everything once; null when all went well, else the answer that stopped it. */
  const round = async () => {
    const who = await store.session();
    if (!who) return null;
    const held = await sendWaiting(who);
    // One report that can't go yet must not keep the others from being told about.
    if (held && !isOver(held)) return held;
    return (await askOutcomes(who)) || (await sendPhotos(who)) || held;
  };

  const locked = (work) => {
    if (!navigator.locks) return work();
    return navigator.locks.request("obidient-send", { ifAvailable: true }, (lock) =>
      lock ? work() : { status: 0, busy: true });
  };

  /* ---- when ---- */

  const later = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(run, jitter(ms));
  };

  const plan = async (stopped) => {
    if (stopped?.busy) return later(3_000);
    if (stopped) {
      failures += 1;
      return later(Math.min(LONGEST_WAIT, Math.max(stopped.retryAfter || 0, 1000 * 2 ** failures)));
    }
    failures = 0;
    const who = await store.session();
    if (!who) return undefined;
    const reports = await mine("reports", who);
    const open = reports.some((one) => one.state === "received" || one.state === "waiting");
    if (!open) {
      polls = 0;
      recheck = recheck || reports.some((one) => one.state === "attention" && PROVISIONAL.includes(one.reason));
      return recheck ? later(ASK_AGAIN) : undefined;
    }
    polls += 1;
    return later(Math.min(60_000, 1000 * 1.5 ** polls));
  };

  const run = () => {
    if (running) { again = true; return running; }
    clearTimeout(timer);
    store.announce("sending");
    running = (async () => {
      let stopped;
      try { stopped = await locked(round); } catch { stopped = { status: 0 }; }
      running = null;
      unreached = Boolean(stopped) && !stopped.busy && (!stopped.ours || stopped.status >= 500);
      store.announce("sent");
      if (again) { again = false; polls = 0; return run(); }
      return plan(stopped);
    })();
    return running;
  };

  /* Now: something new is here, the network is back, or somebody asks. */
  const kick = () => {
    failures = 0;
    polls = 0;
    return run();
  };

  /* Now, and whether what was told before still holds. */
  const checkAll = () => { recheck = true; return kick(); };

  return {
    kick, checkAll, noteAnswer, round: () => locked(round), isRunning: () => Boolean(running),
    isUnreached: () => unreached,
  };
})();
