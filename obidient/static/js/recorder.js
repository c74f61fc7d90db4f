/* Records the message of a voice campaign with the browser's microphone, and hands it (or a file) to
   the server. What it says stands in the page as text for everybody. */
"use strict";

(() => {
  const box = document.querySelector("#recorder");
  if (!box) return;
  const part = (name) => box.querySelector(`[data-recorder="${name}"]`);
  const longest = Number(box.dataset.longest);
  const largest = Number(box.dataset.largest);
  /* Below this share of full level for so many milliseconds, nothing is coming in. */
  const SILENCE = 0.01;
  const PATIENCE = 3000;
  const KINDS = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];
  let taking = null;
  let taken = null;
  let unused = false;

  const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
  const words = (seconds) => {
    const whole = Math.round(seconds);
    return whole < 60 ? `${whole} ${whole === 1 ? "second" : "seconds"}` : `${clock(whole)} minutes`;
  };

  function say(sentence, trouble = false) {
    part("said").textContent = sentence;
    part("said").classList.toggle("danger-text", trouble);
  }

  function show(state) {
    const visible = { ready: ["record"], taking: ["stop", "level"], taken: ["again", "use", "player"], sending: ["player"] }[state];
    for (const name of ["record", "stop", "level", "again", "use", "player"]) part(name).hidden = !visible.includes(name);
  }

  function whyNot(error) {
    const reasons = {
      NotAllowedError: "The browser may not use the microphone. Allow it beside the address of this page and try again, or upload a file.",
      NotFoundError: "No microphone was found. Connect one and try again, or upload a file.",
      NotReadableError: "Another program uses the microphone. Close it and try again, or upload a file.",
    };
    return reasons[error.name] || `The microphone can't be used (${error.name}). Upload a file instead.`;
  }

  /* ---- recording -------------------------------------------------------------------------- */

  async function record() {
    let stream;
    say("Asking for the microphone: the browser may want your consent.");
    part("record").disabled = true;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
    } catch (error) {
      say(whyNot(error), true);
      return;
    } finally {
      part("record").disabled = false;
    }
    const kind = KINDS.find((one) => MediaRecorder.isTypeSupported(one));
    const recorder = new MediaRecorder(stream, { audioBitsPerSecond: 64000, ...(kind ? { mimeType: kind } : {}) });
    const pieces = [];
    taking = { recorder, stream, began: performance.now(), heard: performance.now(), warned: false, ...meter(stream) };
    recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
    recorder.addEventListener("stop", () => ended(pieces, recorder.mimeType || kind || ""));
    // A microphone that is pulled out ends the recording; what was said until then is kept.
    stream.getAudioTracks()[0].addEventListener("ended", stop);
    recorder.start(1000);
    show("taking");
    part("stop").focus();
    say("Recording. Speak now.");
    taking.ticks = window.setInterval(tick, 100);
  }

  function meter(stream) {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    context.createMediaStreamSource(stream).connect(analyser);
    return { context, analyser, samples: new Float32Array(analyser.fftSize) };
  }

  function tick() {
    const now = performance.now();
    const seconds = (now - taking.began) / 1000;
    part("time").textContent = `${clock(Math.min(seconds, longest))} of ${clock(longest)}`;
    taking.analyser.getFloatTimeDomainData(taking.samples);
    const peak = taking.samples.reduce((most, one) => Math.max(most, Math.abs(one)), 0);
    // It falls slowly, so that the eye can follow it.
    part("level").value = Math.max(peak, part("level").value * 0.85);
    if (peak > SILENCE) taking.heard = now;
    const silent = now - taking.heard > PATIENCE;
    if (silent !== taking.silent) {
      taking.silent = silent;
      say(silent ? "Nothing is heard: is the right microphone on?" : "Recording.", silent);
    }
    if (!taking.warned && longest - seconds < 60) {
      taking.warned = true;
      say("One minute is left.");
    }
    if (seconds >= longest - 1) stop();
  }

  function stop() {
    if (taking && taking.recorder.state !== "inactive") taking.recorder.stop();
  }

  function ended(pieces, kind) {
    const seconds = (performance.now() - taking.began) / 1000;
    window.clearInterval(taking.ticks);
    taking.stream.getTracks().forEach((track) => track.stop());
    taking.context.close();
    taking = null;
    const ending = kind.includes("mp4") ? "m4a" : kind.includes("ogg") ? "ogg" : "webm";
    taken = new File(pieces, `recording.${ending}`, { type: kind });
    unused = true;
    const player = part("player");
    URL.revokeObjectURL(player.src);
    player.src = URL.createObjectURL(taken);
    show("taken");
    part("use").focus();
    part("time").textContent = clock(seconds);
    say(`Recorded ${words(seconds)}. Listen to it, then use it or record it again.`);
    part("said").scrollIntoView({ block: "nearest" });
  }

  /* ---- handing it over ---------------------------------------------------------------------- */

  async function hand(file, recorded) {
    if (file.size > largest) {
      say(box.dataset.tooLarge, true);
      return;
    }
    const body = new FormData();
    body.append("csrf_token", document.querySelector("#compose [name=csrf_token]").value);
    if (recorded) body.append("recorded", "yes");
    body.append("file", file);
    say("Preparing it for the telephone. This takes a few seconds.");
    if (recorded) show("sending");
    try {
      const answer = await fetch(box.dataset.url, { method: "POST", body, headers: { "HX-Request": "true" } });
      const isJson = (answer.headers.get("Content-Type") || "").includes("json");
      const told = isJson ? await answer.json() : {};
      if (!answer.ok || !told.id) throw new Error(told.detail || `The server did not take it (${answer.status}). Try again.`);
      if (recorded) unused = false;
      choose(told);
    } catch (error) {
      say(error instanceof TypeError ? "The server can't be reached. Nothing is lost: try again." : error.message, true);
      if (recorded) show("taken");
    }
  }

  function choose(told) {
    const select = document.querySelector("#audio_asset_id");
    select.add(new Option(told.title, told.id, true, true), select.options[1] || null);
    // The page saves and prices itself whenever a field changes.
    select.dispatchEvent(new Event("change", { bubbles: true }));
    show("ready");
    part("again").hidden = false;
    part("record").hidden = true;
    say(`This campaign plays “${told.title}” now, ${words(told.seconds)} long.`);
    select.focus();
  }

  part("record").addEventListener("click", record);
  part("again").addEventListener("click", record);
  part("stop").addEventListener("click", stop);
  part("use").addEventListener("click", () => hand(taken, true));
  part("file").addEventListener("change", (event) => {
    event.stopPropagation();
    const file = event.target.files[0];
    event.target.value = "";
    if (file) hand(file, false);
  });
  window.addEventListener("beforeunload", (event) => {
    if (taking || unused) event.preventDefault();
  });

  box.hidden = false;
  if (!box.dataset.reads) {
    say(box.dataset.unread);
  } else if (!window.isSecureContext) {
    say("Browsers record only on a page with https. Open this page by its https address, or upload a file.");
  } else if (!window.MediaRecorder || !navigator.mediaDevices) {
    say("This browser can't record. Use a newer Chrome, Firefox, Edge or Safari, or record with your phone and upload the file.");
  } else {
    show("ready");
    part("time").textContent = `up to ${clock(longest)} minutes`;
  }
})();
