/**
 * The upload of one file with the tus client. Draws nothing.
 *
 * A lost connection is retried for some minutes and whenever the network comes back. After a reload or a crash the
 * upload resumes when the same file is chosen again (the client keeps a fingerprint of name, size and time in
 * localStorage).
 */
import { Upload } from "tus-js-client";
import { csrfToken } from "../page/csrf.js";

/** Delays between retries; progress starts the series again. About five minutes in all: time for a server to restart. */
const RETRY_DELAYS_MS = [0, 500, 1000, 2000, 4000, 8000, 15_000, ...Array(9).fill(30_000)];

/** Permanent rejections: all 4xx except those for a conflict, a lock, a rate limit and a timeout. */
const PASSING_4XX = new Set([408, 409, 423, 429]);

/** Temporary, but users can do something about the reason: the server's message is shown. */
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

/** The fingerprint of a file in this browser. @param {File} file */
export const likeness = (file) => [file.name, file.size, file.lastModified].join(" ");

/**
 * The client key of a file's upload, the same after a reload or a crash until the upload ends: repeating a creation
 * whose response was lost returns the same upload instead of creating a second video.
 *
 * @param {File} file @returns {string}
 */
function clientKeyOf(file) {
  const all = kept(CLIENT_KEYS);
  const mine = (all[likeness(file)] ??= Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join(""));
  keep(CLIENT_KEYS, all);
  return mine;
}

/** @param {File} file its upload has ended: the next one gets another key */
function forgetClientKey(file) {
  const all = kept(CLIENT_KEYS);
  delete all[likeness(file)];
  keep(CLIENT_KEYS, all);
}

function keep(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Without it a resumed upload cannot be renamed while it runs, and a lost creation is not found again.
  }
}

/** Remembers the video of an upload: only the response to its creation contains it. */
function keepKnown(uploadUrl, video) {
  const all = known();
  if (video) all[uploadUrl] = video;
  else delete all[uploadUrl];
  keep(KNOWN_KEY, all);
}

/**
 * @typedef {object} TransferEvents
 * @property {(video: string) => void} onVideo the video's id is known
 * @property {(video: string) => void} onLookalike a video with the same file name and size exists already
 * @property {(sent: number, total: number) => void} onProgress bytes
 * @property {(sentence: string | null) => void} onRetry it is being retried: the connection was lost, or the server
 *   reports that it has no space or no disk at the moment
 * @property {() => void} onDone the last byte is acknowledged
 * @property {(sentence: string | null, status: number) => void} onFailed the server's message, if there is one
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
   *   options `drop`: the upload request that is used; `guest`: the name that the guest entered
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
      // Known shortly after the response that names the video.
      onUploadUrlAvailable: () => this.#video && keepKnown(this.#upload.url, this.#video),
      onShouldRetry: (error) => this.#shouldRetry(error),
      onProgress: events.onProgress,
      onSuccess: () => this.#onSuccess(),
      onError: (error) => this.#onError(error),
    });
  }

  /** @returns {Promise<boolean>} whether it resumes an earlier upload of the same file */
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

  /** Stops, and deletes the upload on the server. */
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
