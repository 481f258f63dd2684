/**
 * One file on its way to the server, by tus. Knows the protocol's client; draws nothing.
 *
 * It survives what it can: a lost connection is tried again for some minutes and whenever the network comes back; after
 * a reload or a crash the same file, picked again, goes on where it stopped (the client keeps a fingerprint of name,
 * size and time in localStorage).
 */
import { Upload } from "tus-js-client";
import { csrfToken } from "../page/csrf.js";

/** Waits between tries; progress starts the series again. About five minutes in all: time for a server to restart. */
const RETRY_DELAYS_MS = [0, 500, 1000, 2000, 4000, 8000, 15_000, ...Array(9).fill(30_000)];

/** Refused for good: trying the same again changes nothing, except for a conflict, a lock, a limit, a time-out. */
const PASSING_4XX = new Set([408, 409, 423, 429]);

/** Passing too, but for a reason that people can do something about: the server's words are shown. */
const SAID = new Set([503, 507]);

const KNOWN_KEY = "streamtime.uploads";
const CLIENT_KEYS = "streamtime.upload-keys";

function kept(name) {
  try {
    return JSON.parse(localStorage.getItem(name) ?? "{}");
  } catch {
    return {};
  }
}

const known = () => kept(KNOWN_KEY);

/** What this browser takes two files to be the same by. @param {File} file */
const likeness = (file) => [file.name, file.size, file.lastModified].join(" ");

/**
 * A name of our own for the upload of a file, the same after a reload or a crash until the upload is over: so a creation
 * whose answer was lost is found again instead of making a second video.
 *
 * @param {File} file @returns {string}
 */
function clientKeyOf(file) {
  const all = kept(CLIENT_KEYS);
  const mine = (all[likeness(file)] ??= Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join(""));
  keep(CLIENT_KEYS, all);
  return mine;
}

/** @param {File} file its upload is over, one way or the other: the next one is another */
function forgetClientKey(file) {
  const all = kept(CLIENT_KEYS);
  delete all[likeness(file)];
  keep(CLIENT_KEYS, all);
}

function keep(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Without it a resumed upload cannot be renamed while it runs, nor a lost creation be found; nothing else is lost.
  }
}

/** Keeps which video an upload makes, since only its creation says so. */
function keepKnown(uploadUrl, video) {
  const all = known();
  if (video) all[uploadUrl] = video;
  else delete all[uploadUrl];
  keep(KNOWN_KEY, all);
}

/**
 * @typedef {object} TransferEvents
 * @property {(video: string) => void} onVideo the video's id is known
 * @property {(video: string) => void} onLookalike a video of the same file name and size is there already
 * @property {(sent: number, total: number) => void} onProgress bytes
 * @property {(sentence: string | null) => void} onRetry it is being tried again: the connection was lost, or the server
 *   has no room or no disk at the moment and says so
 * @property {() => void} onDone the last byte is acknowledged
 * @property {(sentence: string | null, status: number) => void} onFailed the server's own words, if it had any
 */

export class Transfer {
  /** @type {Upload} */
  #upload;
  #events;
  /** @type {string | null} */
  #video = null;
  #file;

  /**
   * @param {File} file
   * @param {{ endpoint: string, chunkSize: number, title?: string, visibility?: string, drop?: string, guest?: string }}
   *   options `drop`: the link for sending that it goes by, from somebody who calls themselves `guest`
   * @param {TransferEvents} events
   */
  constructor(file, options, events) {
    this.#events = events;
    this.#file = file;
    this.#upload = new Upload(file, {
      endpoint: options.endpoint,
      chunkSize: options.chunkSize || Infinity,
      retryDelays: RETRY_DELAYS_MS,
      removeFingerprintOnSuccess: true,
      metadata: options.drop
        ? { filename: file.name, guest: options.guest, client_key: clientKeyOf(file) }
        : {
            filename: file.name,
            ...(options.title ? { title: options.title } : {}),
            visibility: options.visibility,
            client_key: clientKeyOf(file),
            duplicates: "ask",
          },
      onBeforeRequest: (request) => {
        request.setHeader("X-CSRF-Token", csrfToken());
        if (options.drop) request.setHeader("Streamtime-Drop", options.drop);
      },
      onAfterResponse: (_request, response) => {
        this.#learn(response.getHeader("Streamtime-Video"));
        const like = response.getHeader("Streamtime-Looks-Like");
        if (like) events.onLookalike(like);
      },
      // Known a moment after the answer that names the video.
      onUploadUrlAvailable: () => this.#video && keepKnown(this.#upload.url, this.#video),
      onShouldRetry: (error) => this.#shouldRetry(error),
      onProgress: events.onProgress,
      onSuccess: () => this.#onSuccess(),
      onError: (error) => this.#onError(error),
    });
  }

  /** @returns {Promise<boolean>} whether it goes on with an earlier upload of the same file */
  async start() {
    const [earlier] = await this.#upload.findPreviousUploads();
    if (earlier) {
      this.#upload.resumeFromPreviousUpload(earlier);
      this.#learn(known()[earlier.uploadUrl]);
    }
    this.#upload.start();
    return Boolean(earlier);
  }

  pause() {
    return this.#upload.abort();
  }

  resume() {
    this.#upload.start();
  }

  /** Stops, and has the server forget what it has. */
  async cancel() {
    forgetClientKey(this.#file);
    if (this.#upload.url) keepKnown(this.#upload.url, null);
    await this.#upload.abort(true);
  }

  #learn(video) {
    if (!video) return;
    this.#video = video;
    this.#events.onVideo(video);
  }

  #shouldRetry(error) {
    const status = error.originalResponse?.getStatus() ?? 0;
    const passing = status < 400 || status >= 500 || PASSING_4XX.has(status);
    if (passing) this.#events.onRetry(SAID.has(status) ? sentenceOf(error.originalResponse?.getBody()) : null);
    return passing;
  }

  #onSuccess() {
    forgetClientKey(this.#file);
    if (this.#upload.url) keepKnown(this.#upload.url, null);
    this.#events.onDone();
  }

  #onError(error) {
    const response = error.originalResponse;
    this.#events.onFailed(sentenceOf(response?.getBody()), response?.getStatus() ?? 0);
  }
}

/** @param {string | undefined} body @returns {string | null} the `detail` of a problem document */
function sentenceOf(body) {
  try {
    const problem = JSON.parse(body);
    return problem.detail ?? problem.title ?? null;
  } catch {
    return null;
  }
}
