/** Registers the service worker. It exists over https only: browsers offer none over plain HTTP on a network. */
export function connectServiceWorker() {
  if (location.protocol === "https:" && "serviceWorker" in navigator) {
    navigator.serviceWorker.register("/service-worker.js").catch(() => {}); // refused by the browser's settings
  }
}
