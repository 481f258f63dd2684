/** Files that another app has shared with the installed app: the service worker keeps them until they are taken. */
const CACHE = "shared-1";

/** @returns {Promise<File[]>} the files, which are forgotten here */
export async function sharedFiles() {
  if (!window.caches) return []; // over plain http
  const cache = await caches.open(CACHE);
  const files = [];
  for (const request of await cache.keys()) {
    const answer = await cache.match(request);
    const { headers } = answer;
    const blob = await answer.blob();
    const name = decodeURIComponent(headers.get("X-Name") ?? "video");
    files.push(new File([blob], name, { type: blob.type, lastModified: Number(headers.get("X-Modified")) }));
    await cache.delete(request);
  }
  return files;
}
