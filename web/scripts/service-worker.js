/**
 * The service worker of the installed app, over https only. It shows a page of its own when the server cannot be
 * reached, and stores nothing else: what someone may see can change at any time, so pages and media are never cached.
 */
const CACHE = "offline-1";
const OFFLINE = "/offline";

/** Files that another app has shared, until the upload page takes them. */
const SHARED = "shared-1";
const SHARE_TARGET = "/upload/share";

/** Keeps the files of a request of the share sheet, and shows the upload page. @param {Request} request */
async function keepShared(request) {
  const form = await request.formData();
  const cache = await caches.open(SHARED);
  const files = form.getAll("files").filter((file) => file instanceof File);
  await Promise.all(
    files.map((file, place) => {
      const headers = { "Content-Type": file.type, "X-Name": encodeURIComponent(file.name), "X-Modified": String(file.lastModified) };
      return cache.put(`${SHARE_TARGET}/${Date.now()}-${place}`, new Response(file, { headers }));
    }),
  );
}

/** The offline page and the files that it links to. */
async function store() {
  const cache = await caches.open(CACHE);
  const answer = await fetch(OFFLINE, { cache: "reload", credentials: "omit" });
  if (!answer.ok) throw new Error(`the offline page: ${answer.status}`);
  const files = [...(await answer.clone().text()).matchAll(/(?:href|src)="(\/assets\/[^"#]+)/g)].map((found) => found[1]);
  await cache.put(OFFLINE, answer);
  await cache.addAll(new Set(files));
}

self.addEventListener("install", (event) => event.waitUntil(store().then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

// A notification opens its page, in a tab that is there if there is one.
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { page } = event.notification.data ?? {};
  const open = async () => {
    const [tab] = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    if (!tab) return self.clients.openWindow(page);
    await tab.focus();
    return tab.navigate(page).catch(() => self.clients.openWindow(page));
  };
  if (page) event.waitUntil(open());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "POST" && new URL(request.url).pathname === SHARE_TARGET) {
    const upload = Response.redirect("/upload?shared=yes", 303);
    event.respondWith(keepShared(request).then(() => upload, () => upload));
  } else if (request.mode === "navigate") {
    event.respondWith(fetch(request).catch(() => caches.match(OFFLINE)));
  } else if (request.url.includes("/assets/")) {
    event.respondWith(fetch(request).catch(async () => (await caches.match(request)) ?? Response.error()));
  }
});
