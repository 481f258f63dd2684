/**
 * One event stream of the server (/live) for a set of topics. It is opened again when it breaks off, when the server was
 * restarted, and when the computer slept; the server sends what was missed since the last event, or says "reset".
 */
const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 30_000;
/** The server sends something every 15 seconds: after this time without, the stream is dead, as after sleep. */
const SILENT_MS = 40_000;
const CHECK_MS = 10_000;
/** Topics that come together, as when a window with many tabs is opened, are asked for together. */
const GATHER_MS = 40;

/** @typedef {{ topic: string, event: string, data: string }} LiveMessage `topic` is empty for open, reset and refused */

export class Connection {
  /** @type {(message: LiveMessage) => void} */
  #tell;
  /** @type {string[]} */
  #topics = [];
  /** @type {EventSource | null} */
  #source = null;
  /** Streams that the newest one replaces: closed when it is open, so that nothing is missed in between. @type {EventSource[]} */
  #replaced = [];
  #lastId = "";
  #heardAt = 0;
  #delayMs = FIRST_DELAY_MS;
  #timer = 0;
  #resting = false;

  /** @param {(message: LiveMessage) => void} tell */
  constructor(tell) {
    this.#tell = tell;
    setInterval(() => this.check(), CHECK_MS);
    globalThis.addEventListener?.("online", () => this.#connect());
  }

  /** @returns {boolean} */
  get isOpen() {
    return this.#source?.readyState === EventSource.OPEN;
  }

  /** Opens the stream again with these topics, so that each sends its present state. @param {Iterable<string>} topics */
  follow(topics) {
    this.#topics = [...new Set(topics)].sort();
    if (!this.#topics.length) this.#close();
    else if (!this.#resting) this.#connectIn(GATHER_MS);
  }

  /** Closes the stream until `wake`. */
  rest() {
    this.#resting = true;
    this.#close();
  }

  wake() {
    this.#resting = false;
    if (!this.#source) this.#connect();
    else this.check();
  }

  /** Opens the stream again if nothing was heard of it for long. */
  check() {
    if (this.#source && this.#heardAt && Date.now() - this.#heardAt > SILENT_MS) this.#connect();
  }

  #close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
    this.#closeReplaced();
  }

  #closeReplaced() {
    for (const source of this.#replaced) source.close();
    this.#replaced = [];
  }

  #connectIn(delayMs) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), delayMs);
  }

  #connect() {
    clearTimeout(this.#timer);
    if (this.#resting || !this.#topics.length) return;
    const url = new URL("/live", location.origin);
    for (const topic of this.#topics) url.searchParams.append("topic", topic);
    if (this.#lastId) url.searchParams.set("after", this.#lastId);
    if (this.#source) this.#replaced.push(this.#source);
    const source = new EventSource(url);
    this.#source = source;
    this.#heardAt = Date.now();
    const hear = (event) => {
      this.#heardAt = Date.now();
      this.#lastId = event.lastEventId || this.#lastId;
    };
    source.onopen = () => {
      if (source !== this.#source) return;
      this.#closeReplaced();
      this.#delayMs = FIRST_DELAY_MS;
      this.#heardAt = Date.now();
      this.#tell({ topic: "", event: "open", data: "" });
    };
    source.onerror = () => this.#onError(source);
    source.addEventListener("alive", hear);
    source.addEventListener("reset", (event) => {
      hear(event);
      this.#tell({ topic: "", event: "reset", data: "" });
    });
    source.addEventListener("live", (event) => {
      hear(event);
      this.#tell(messageOf(event.data));
    });
  }

  /** @param {EventSource} source */
  #onError(source) {
    if (source !== this.#source) return;
    this.#heardAt = Date.now();
    // While it is connecting, the browser tries again; closed, it has given up.
    if (source.readyState !== EventSource.CLOSED) return;
    this.#close();
    this.#tell({ topic: "", event: "refused", data: "" });
    // At random times, since many may have been refused at once.
    this.#connectIn(this.#delayMs * (0.5 + Math.random()));
    this.#delayMs = Math.min(this.#delayMs * 2, LONGEST_DELAY_MS);
  }
}

/** @param {string} text topic, event, and after a line feed what the topic sends @returns {LiveMessage} */
function messageOf(text) {
  const end = text.indexOf("\n");
  const [topic, event] = (end < 0 ? text : text.slice(0, end)).split(" ");
  return { topic, event, data: end < 0 ? "" : text.slice(end + 1) };
}
