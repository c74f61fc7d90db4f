"use strict";
/* What this phone keeps, in IndexedDB. Every change is one transaction, so that two windows, or a
   battery that dies, never leave half of one. */
self.Agent ||= {};
Agent.store = (() => {
  const NAME = "obidient-agent";
  let opened = null;

  const open = () => opened ||= new Promise((resolve, reject) => {
    const asked = indexedDB.open(NAME, 1);
    asked.onupgradeneeded = () => {
      const db = asked.result;
      db.createObjectStore("meta", { keyPath: "key" });
      db.createObjectStore("drafts", { keyPath: "key" });
      db.createObjectStore("reports", { keyPath: "submissionId" });
      db.createObjectStore("photos", { keyPath: "photoId" });
    };
    asked.onsuccess = () => {
      const db = asked.result;
      db.onversionchange = () => { db.close(); opened = null; };
      db.onclose = () => { opened = null; };
      resolve(db);
    };
    asked.onerror = () => { opened = null; reject(asked.error); };
  });

  /* Run `work` in one transaction; resolves with what it returned once that is on the disk. */
  const change = async (names, work, mode = "readwrite") => {
    const db = await open();
    return new Promise((resolve, reject) => {
      const tx = db.transaction(names, mode, { durability: "strict" });
      let result;
      let failed = null;
      tx.oncomplete = () => resolve(result);
      tx.onabort = () => reject(failed || tx.error || new Error("aborted"));
      const stores = Object.fromEntries(names.map((name) => [name, tx.objectStore(name)]));
      work(stores).then((value) => { result = value; }, (error) => {
        failed = error;
        try { tx.abort(); } catch { /* It has failed already. */ }
      });
    });
  };

  /* Inside a transaction: what a request finds. */
  const found = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

  const read = (names, work) => change(names, work, "readonly");
  const get = (name, key) => read([name], (s) => found(s[name].get(key)));
  const all = (name) => read([name], (s) => found(s[name].getAll()));
  const put = (name, value) => change([name], (s) => found(s[name].put(value)));
  const remove = (name, key) => change([name], (s) => found(s[name].delete(key)));

  /* Change one record by `edit(record)`; nothing happens when it is gone or edit returns false. */
  const update = (name, key, edit) => change([name], async (s) => {
    const record = await found(s[name].get(key));
    if (!record || edit(record) === false) return null;
    await found(s[name].put(record));
    return record;
  });

  const channel = "BroadcastChannel" in self ? new BroadcastChannel(NAME) : null;
  const listeners = [];
  /* Tell every window, this one too, that something changed. */
  const announce = (what) => {
    channel?.postMessage(what);
    listeners.forEach((listener) => listener(what, false));
  };
  if (channel) channel.onmessage = (event) => listeners.forEach((tell) => tell(event.data, true));
  const listen = (listener) => listeners.push(listener);

  const uuid = () => {
    if (crypto.randomUUID) return crypto.randomUUID();
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  };

  /* ---- the session and the device ---- */

  const session = async () => (await get("meta", "session")) || null;
  const device = () => change(["meta"], async (s) => {
    const known = await found(s.meta.get("device"));
    if (known) return known.id;
    const id = uuid();
    await found(s.meta.put({ key: "device", id }));
    return id;
  });
  const signIn = (answer) => change(["meta"], (s) => found(s.meta.put({ key: "session", ...answer })));
  const editSession = (edit) => update("meta", "session", edit);
  const signOut = () => remove("meta", "session");

  /* ---- entries and reports ---- */

  const draftKey = (who, electionId) =>
    `${who.agent.id}|${electionId}|${who.pollingUnit.code}`;

  /* Keep some fields of an entry, whatever another window does to the others. */
  const type = (who, electionId, fields) => change(["drafts"], async (s) => {
    const key = draftKey(who, electionId);
    const draft = (await found(s.drafts.get(key))) || {
      key, agentId: who.agent.id, electionId, unit: who.pollingUnit.code, values: {}, corrects: null,
    };
    Object.assign(draft.values, fields);
    draft.changedAt = Date.now();
    await found(s.drafts.put(draft));
    return draft;
  });

  /* Begin to correct a report, for the agent's unit as it is now: a wrong one may be what is to be
     corrected. An entry that is under way already is left as it is. */
  const correct = (who, report, values) => change(["drafts"], async (s) => {
    const key = draftKey(who, report.electionId);
    const known = await found(s.drafts.get(key));
    if (known) return known;
    const draft = {
      key, agentId: who.agent.id, electionId: report.electionId, unit: who.pollingUnit.code, values,
      corrects: report.submissionId, changedAt: Date.now(),
    };
    await found(s.drafts.put(draft));
    return draft;
  });

  const discard = (key) => change(["drafts", "photos"], async (s) => {
    await found(s.drafts.delete(key));
    for (const photo of await found(s.photos.getAll())) {
      if (photo.draftKey === key) await found(s.photos.delete(photo.photoId));
    }
  });

  /* Turn an entry into a report that waits to be sent. False when another window has done so. */
  const commit = (who, key, figures, deviceId) => change(["drafts", "reports", "photos", "meta"], async (s) => {
    const draft = await found(s.drafts.get(key));
    if (!draft) return false;
    const mine = (await found(s.reports.getAll())).filter((one) =>
      one.agentId === draft.agentId && one.electionId === draft.electionId
      && (one.unit === draft.unit || one.submissionId === draft.corrects));
    const election = who.elections.find((one) => one.electionId === draft.electionId);
    const revision = 1 + Math.max(election?.lastRevision || 0, 0, ...mine.map((one) => one.sheet.revision));
    const submissionId = uuid();
    const now = Date.now();
    await found(s.reports.put({
      submissionId, agentId: draft.agentId, electionId: draft.electionId, unit: draft.unit,
      electionName: election?.electionName || draft.electionId, state: "waiting", reason: "",
      message: "", createdAt: now, order: 1 + Math.max(0, ...mine.map((one) => one.order)),
      sheet: {
        submissionId, electionId: draft.electionId, pollingUnitCode: draft.unit, revision,
        submittedAt: new Date(now).toISOString(), deviceId, ...figures,
      },
    }));
    for (const old of mine) {
      if (old.state === "attention") await found(s.reports.put({ ...old, state: "replaced" }));
    }
    for (const photo of await found(s.photos.getAll())) {
      if (photo.draftKey === key) {
        await found(s.photos.put({ ...photo, draftKey: null, submissionId }));
      }
    }
    await found(s.drafts.delete(key));
    return submissionId;
  });

  return {
    get, all, put, remove, update, change, found, read, announce, listen, uuid, session, device,
    signIn, editSession, signOut, draftKey, type, correct, discard, commit,
  };
})();
