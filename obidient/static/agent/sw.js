/* Keeps the page for use without network, and sends what waits when the network returns. VERSION
   and FILES are written above this by the server. */
"use strict";
importScripts(...FILES.filter((file) => /\/(store|server|photos|sender)\.js$/.test(file)));

const KEPT = `agent-${VERSION}`;

self.addEventListener("install", (event) => {
  // Asked for anew; what the page has just fetched comes as "not modified".
  const fresh = FILES.map((file) => new Request(file, { cache: "no-cache" }));
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(fresh)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("agent-") && name !== KEPT) await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  const path = event.request.mode === "navigate" && url.pathname === "/agent" ? "/agent" : url.pathname;
  if (!FILES.includes(path)) return;
  event.respondWith((async () => (await caches.match(path, { cacheName: KEPT })) || fetch(event.request))());
});

self.addEventListener("sync", (event) => {
  if (event.tag !== "send") return;
  event.waitUntil(Agent.sender.round().then((stopped) => {
    // The browser asks again later when this fails; also when a window is at it, which may fail.
    if (stopped) throw new Error("not yet");
  }));
});
