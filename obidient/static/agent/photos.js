"use strict";
/* Photos of the sheet: made small and free of where and when before they are kept, and sent in
   pieces, each of which counts once. */
self.Agent ||= {};
Agent.photos = (() => {
  const store = Agent.store;
  const LONGEST = 1800;
  const PIECE = 64 * 1024;

  /* Drawn anew: the phone's notes about place and owner don't come along. */
  const shrunk = async (file) => {
    const picture = await createImageBitmap(file);
    const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(picture.width * scale);
    canvas.height = Math.round(picture.height * scale);
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.close();
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.72));
    if (!blob) throw new Error("no picture");
    return blob;
  };

  const sha256 = async (bytes) => {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  };

  /* Keep a photo with an entry or a report, in the place of the one before. */
  const keep = async (who, file, owner) => {
    const blob = await shrunk(file);
    const bytes = await blob.arrayBuffer();
    const photo = {
      photoId: store.uuid(), agentId: who.agent.id, draftKey: null, submissionId: null, ...owner,
      bytes, size: bytes.byteLength, sha256: await sha256(bytes), offset: 0, state: "waiting",
    };
    await store.change(["photos"], async (s) => {
      for (const old of await store.found(s.photos.getAll())) {
        const same = (owner.draftKey && old.draftKey === owner.draftKey)
          || (owner.submissionId && old.submissionId === owner.submissionId);
        if (same && old.state !== "done") await store.found(s.photos.delete(old.photoId));
      }
      await store.found(s.photos.put(photo));
    });
    return photo;
  };

  const settle = (photo, state) => store.update("photos", photo.photoId, (record) => {
    record.state = state;
    record.offset = state === "done" ? record.size : 0;
    // The server has it, or will never take it: give the room back.
    record.bytes = null;
  });

  /* Send what is missing of one photo; null when done with, else the answer that stopped it. */
  const send = async (photo, token) => {
    const asked = await Agent.server.ask("POST", "/photos", { token, json: {
      photoId: photo.photoId, submissionId: photo.submissionId, sha256: photo.sha256,
      size: photo.size, mediaType: "image/jpeg",
    } });
    let answer = asked;
    let most = PIECE;
    while (answer?.ours && answer.status < 300 && answer.data.state === "partial") {
      const known = answer;
      const from = answer.data.received;
      await store.update("photos", photo.photoId, (record) => { record.offset = from; });
      store.announce("photos");
      answer = await Agent.server.ask("PUT", `/photos/${photo.photoId}/pieces/${from}`, {
        token, bytes: photo.bytes.slice(from, from + most),
      });
      // Something on the way takes only little at once.
      if (answer?.status === 413 && most > 4096) {
        most >>= 1;
        answer = known;
      }
      // Another window was faster, or the last answer was lost: ask where to go on.
      if (answer?.status === 409) answer = await Agent.server.ask("GET", `/photos/${photo.photoId}`, { token });
    }
    if (answer?.ours && answer.status < 300) {
      await settle(photo, answer.data.state === "stored" ? "done" : "refused");
    } else if (answer?.ours && [404, 422].includes(answer.status)) {
      await settle(photo, "refused");
    } else {
      return answer || { status: 0 };
    }
    store.announce("photos");
    return null;
  };

  return { keep, send };
})();
