/** The edit page: another file for the video is uploaded, resumed after a lost connection, and its progress shown. */
import { Upload } from "tus-js-client";
import { csrfToken } from "./page/csrf.js";
import { t } from "./page/texts.js";

const RETRY_DELAYS_MS = [0, 1000, 3000, 10_000, 30_000];

/** @param {HTMLInputElement} input */
function send(input) {
  const [file] = input.files;
  const state = document.querySelector("[data-replace-state]");
  if (!file) return;
  input.disabled = true;
  const upload = new Upload(file, {
    endpoint: "/api/v1/uploads",
    chunkSize: 32 << 20,
    retryDelays: RETRY_DELAYS_MS,
    metadata: { filename: file.name, replaces: input.dataset.replace },
    headers: { "X-CSRF-Token": csrfToken() },
    storeFingerprintForResuming: false,
    onProgress: (sent, total) => {
      state.textContent = t("Uploading the new file: {percent} %", { percent: total ? Math.floor((100 * sent) / total) : 0 });
    },
    onSuccess: () => location.reload(),
    onError: (error) => {
      input.disabled = false;
      input.value = "";
      state.textContent = reason(error);
    },
  });
  upload.start();
}

/** @param {Error & { originalResponse?: { getBody(): string } }} error */
function reason(error) {
  try {
    return JSON.parse(error.originalResponse.getBody()).detail;
  } catch {
    return t("The upload stopped. Choose the file again.");
  }
}

document.addEventListener("change", ({ target }) => {
  if (target.matches?.("[data-replace]")) send(target);
});
