"use strict";
/* One question to the server: an answer that is really its own, or what went wrong. A network's
   "buy more data" page answers 200 as well, so what is no JSON of ours counts as no answer. */
self.Agent ||= {};
Agent.server = (() => {
  const PATIENCE = 60_000;

  const packed = async (text) => {
    if (!("CompressionStream" in self) || text.length < 2_000) return null;
    const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  };

  const answerOf = async (response) => {
    const isJson = response.headers.get("Content-Type")?.includes("json");
    let data = null;
    if (isJson) {
      try { data = await response.json(); } catch { return null; }
    }
    const date = Date.parse(response.headers.get("Date"));
    const wait = Number(response.headers.get("Retry-After"));
    return {
      status: response.status, data, ours: Boolean(isJson) || response.status === 204,
      skew: date ? Date.now() - date : null, retryAfter: wait > 0 ? wait * 1000 : 0,
    };
  };

  /* {status, data, ours, skew, retryAfter}; null when no answer came. */
  const ask = async (method, path, { token, json, bytes, cookie } = {}) => {
    const headers = {};
    let body;
    if (token) headers.Authorization = `Bearer ${token}`;
    if (json !== undefined) {
      const text = JSON.stringify(json);
      const small = await packed(text);
      headers["Content-Type"] = "application/json";
      if (small) headers["Content-Encoding"] = "gzip";
      body = small || text;
    } else if (bytes !== undefined) {
      headers["Content-Type"] = "application/octet-stream";
      body = bytes;
    }
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), PATIENCE);
    try {
      const response = await fetch(`/api/sync${path}`, {
        method, headers, body, signal: abort.signal, cache: "no-store", credentials: cookie ? "same-origin" : "omit",
        redirect: "error",
      });
      return await answerOf(response);
    } catch {
      return null;
    } finally {
      clearTimeout(timer);
    }
  };

  return { ask };
})();
