/**
 * Events of the server for a page, by topic. All tabs of a browser share one connection (live-worker.js); without shared
 * workers, as in browsers of some phones, each visible tab has its own.
 *
 * A feed behaves like an EventSource as far as htmx's extension and our pages use one. After events were missed it
 * dispatches "reopened", as soon as the page is visible; while the server refuses the connection "refused".
 */
import { Connection } from "./connection.js";

const HERE_EVERY_MS = 30_000;
const NOTIFIES = "streamtime-notifications";

class Tab {
  /** @type {Map<string, Set<Feed>>} */
  #feeds = new Map();
  /** @type {MessagePort | null} */
  #port = null;
  /** @type {Connection | null} */
  #connection = null;
  /** Whether the stream was opened with all that this page follows. */
  isOpen = false;

  constructor() {
    const url = document.querySelector('meta[name="live-worker"]')?.getAttribute("content");
    try {
      const worker = new SharedWorker(url, { name: "streamtime" });
      worker.onerror = () => this.#connectAlone();
      this.#port = worker.port;
      this.#port.onmessage = ({ data }) => this.#hear(data);
    } catch {
      this.#connectAlone();
    }
    document.addEventListener("visibilitychange", () => this.say());
    window.addEventListener("pageshow", () => this.say());
    window.addEventListener("online", () => this.say());
    window.addEventListener("pagehide", () => this.say({ leaves: true }));
    setInterval(() => this.say(), HERE_EVERY_MS);
  }

  #connectAlone() {
    if (this.#connection) return;
    this.#port = null;
    this.#connection = new Connection((message) => this.#hear({ ...message, leads: !document.hidden }));
    this.#connection.follow(this.#feeds.keys());
    this.say();
  }

  /** Says what this page follows, and whether someone looks at it. */
  say({ leaves = document.hidden && !this.#port } = {}) {
    if (this.#connection && leaves) this.#connection.rest();
    else this.#connection?.wake();
    this.#port?.postMessage({
      leaves,
      topics: [...this.#feeds.keys()],
      visible: !document.hidden,
      notifies: localStorage.getItem(NOTIFIES) === "on",
    });
  }

  /** @param {string} topic @param {Feed} feed */
  add(topic, feed) {
    const known = this.#feeds.get(topic);
    this.#feeds.set(topic, (known ?? new Set()).add(feed));
    if (known) return;
    this.isOpen = false;
    this.#connection?.follow(this.#feeds.keys());
    this.say();
  }

  /** @param {string} topic @param {Feed} feed */
  remove(topic, feed) {
    const feeds = this.#feeds.get(topic);
    feeds?.delete(feed);
    if (!feeds?.size) this.#feeds.delete(topic);
    this.say();
  }

  #hear({ topic, event, data, leads }) {
    if (!topic) this.isOpen = event === "open";
    const feeds = topic ? (this.#feeds.get(topic) ?? []) : [...this.#feeds.values()].flatMap((each) => [...each]);
    for (const feed of feeds) feed.hear(event, data, { leads, own: !topic });
  }
}

/** Several scripts of a page share it. @returns {Tab} */
const tab = () => (globalThis.streamtimeTab ??= new Tab());

export class Feed extends EventTarget {
  #topic;
  #state = EventSource.CONNECTING;
  #missed = false;
  /** @type {((event: Event) => void) | null} */
  onopen = null;
  /** @type {((event: Event) => void) | null} */
  onerror = null;

  /** @param {string} topic */
  constructor(topic) {
    super();
    this.#topic = topic;
    document.addEventListener("visibilitychange", this.#catchUp);
    queueMicrotask(() => tab().add(topic, this));
  }

  get readyState() {
    return this.#state;
  }

  close() {
    this.#state = EventSource.CLOSED;
    document.removeEventListener("visibilitychange", this.#catchUp);
    tab().remove(this.#topic, this);
  }

  /** @param {string} event @param {string} data @param {{ leads: boolean, own: boolean }} how */
  hear(event, data, { leads, own }) {
    if (this.#state === EventSource.CLOSED) return;
    if (!own) this.dispatchEvent(Object.assign(new MessageEvent(event, { data }), { leads }));
    else if (event === "open") this.#open();
    else if (event === "reset") {
      this.#missed = true;
      this.#catchUp();
    } else {
      this.onerror?.(new Event("error"));
      this.dispatchEvent(new Event("refused"));
    }
  }

  #open() {
    const isFirst = this.#state !== EventSource.OPEN;
    this.#state = EventSource.OPEN;
    if (isFirst) this.onopen?.(new Event("open"));
  }

  /** Many hidden tabs would all read their pages again at once. */
  #catchUp = () => {
    if (!this.#missed || document.hidden) return;
    this.#missed = false;
    this.dispatchEvent(new Event("reopened"));
  };
}
