/**
 * An event source that disconnects while the page is hidden, and reconnects automatically.
 *
 * Browsers allow six connections per host over all tabs, so a hidden tab holds none. After a reconnection the source
 * dispatches "reopened", since events were missed in between. If the server refuses the connection (there are too
 * many), it dispatches "refused" and tries again with growing delays. Implements the part of EventSource that htmx's
 * extension and our pages use.
 */
const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 30_000;

export class RestingEventSource extends EventTarget {
  #url;
  /** @type {EventSource | null} */
  #source = null;
  #names = new Set();
  #ended = false;
  #opened = false;
  #delayMs = FIRST_DELAY_MS;
  #timer = 0;
  /** @type {((event: Event) => void) | null} */
  onopen = null;
  /** @type {((event: Event) => void) | null} */
  onerror = null;

  /** @param {string} url */
  constructor(url) {
    super();
    this.#url = url;
    document.addEventListener("visibilitychange", this.#follow);
    window.addEventListener("pagehide", this.#rest);
    window.addEventListener("pageshow", this.#follow);
    this.#follow();
  }

  get url() {
    return this.#url;
  }

  /** @returns {number} as EventSource's; a resting source counts as connecting */
  get readyState() {
    if (this.#ended) return EventSource.CLOSED;
    return this.#source?.readyState === EventSource.OPEN ? EventSource.OPEN : EventSource.CONNECTING;
  }

  addEventListener(name, listener, options) {
    super.addEventListener(name, listener, options);
    if (this.#names.has(name) || name === "reopened" || name === "refused") return;
    this.#names.add(name);
    this.#source?.addEventListener(name, this.#relay);
  }

  close() {
    this.#ended = true;
    this.#rest();
    document.removeEventListener("visibilitychange", this.#follow);
    window.removeEventListener("pagehide", this.#rest);
    window.removeEventListener("pageshow", this.#follow);
  }

  #follow = () => {
    if (document.hidden) this.#rest();
    else if (!this.#source && !this.#ended) this.#connect();
  };

  #rest = () => {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  };

  #connect() {
    clearTimeout(this.#timer);
    const source = new EventSource(this.#url);
    this.#source = source;
    for (const name of this.#names) source.addEventListener(name, this.#relay);
    source.onopen = (event) => this.#onOpen(event);
    source.onerror = (event) => this.#onError(event);
  }

  #onOpen(event) {
    this.#delayMs = FIRST_DELAY_MS;
    this.onopen?.(event);
    if (this.#opened) this.dispatchEvent(new Event("reopened"));
    this.#opened = true;
  }

  #onError(event) {
    this.onerror?.(event);
    // While it is connecting, the browser retries; closed, it has given up.
    if (this.#source?.readyState !== EventSource.CLOSED || this.#ended) return;
    this.#rest();
    this.dispatchEvent(new Event("refused"));
    if (this.#ended) return;
    // At random times, since many may have been refused at once.
    this.#timer = setTimeout(this.#follow, this.#delayMs * (0.5 + Math.random()));
    this.#delayMs = Math.min(this.#delayMs * 2, LONGEST_DELAY_MS);
  }

  #relay = (event) => {
    this.dispatchEvent(new MessageEvent(event.type, { data: event.data, lastEventId: event.lastEventId }));
  };
}
