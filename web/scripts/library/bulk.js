/** Changes the selected videos of the library by the API, in a series of requests with progress; undoes deletions. */
import htmx from "htmx.org";
import { refresh } from "../live/library.js";
import { csrfToken } from "../page/csrf.js";
import { confirmed } from "../page/dialogs.js";
import { toast } from "../page/toast.js";
import { nt, t } from "../page/texts.js";
import { Selection } from "./selection.js";

const URL = "/api/v1/videos/bulk";
/** Videos that one request names. */
const NAMED = 200;

/** @param {object} body @returns {Promise<any>} */
async function post(url, body) {
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrfToken() };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  const read = await answer.json();
  if (!answer.ok) throw new Error(read.detail);
  return read;
}

/**
 * @param {object[]} bodies one request each; that of a filter goes on until all of its videos are done
 * @param {(done: number) => void} onProgress
 * @returns {Promise<{ items: any[], batch: string | null }>}
 */
async function series(bodies, onProgress) {
  const items = [];
  let batch = null;
  for (const body of bodies) {
    let cursor = "";
    do {
      const more = body.filter ? { cursor } : {};
      const answer = await post(URL, { ...body, ...more, ...(batch ? { batch } : {}) });
      batch ??= answer.batch;
      cursor = answer.next;
      items.push(...answer.items);
      onProgress(items.length);
    } while (cursor);
  }
  return { items, batch };
}

class Bulk {
  #form;
  #grid;
  #selection;
  #busy = false;

  /** @param {HTMLFormElement} form @param {HTMLElement} grid */
  constructor(form, grid) {
    this.#form = form;
    this.#grid = grid;
    this.#selection = new Selection(grid, form);
    form.addEventListener("submit", (event) => this.#onSubmit(event));
    // Enter in a field is its panel's last button, not the form's first one.
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !event.target.matches("input:not([type=checkbox])")) return;
      event.preventDefault();
      form.requestSubmit([...event.target.closest(".menu-panel").querySelectorAll("button")].at(-1));
    });
  }

  /** @param {SubmitEvent} event */
  async #onSubmit(event) {
    event.stopPropagation();
    // The browser sends the form itself, and saves the answer.
    if (event.submitter?.hasAttribute("formaction")) return;
    event.preventDefault();
    const action = event.submitter?.value;
    if (!action || this.#busy || !this.#selection.count || !(await this.#isConfirmed(action))) return;
    this.#busy = true;
    for (const menu of this.#form.querySelectorAll("details[open]")) menu.open = false;
    try {
      const { items, batch } = await series(await this.#bodies(action), (done) => this.#showProgress(done));
      this.#finish(action, items, batch);
    } catch (error) {
      toast(error.message || t("The server cannot be reached. Trying again."));
      refresh(this.#grid).catch(() => {});
    }
    this.#form.querySelector("[data-bulk-progress]").hidden = true;
    this.#busy = false;
  }

  /** @param {string} action */
  #isConfirmed(action) {
    const { count, isAll } = this.#selection;
    const days = Number(this.#form.dataset.days);
    if (action === "delete" && (isAll || !days)) {
      const title = nt("Delete {count} video?", "Delete {count} videos?", count);
      const text = days
        ? nt("They can be restored from the trash for a day.", "They can be restored from the trash for {count} days.", days)
        : t("This server has no trash: this cannot be undone.");
      return confirmed({ title, text, keep: t("Keep them"), act: t("Delete") });
    }
    if (action !== "reprocess") return true;
    const title = nt("Prepare {count} video again?", "Prepare {count} videos again?", count);
    const text = t("This takes a while. They can be watched meanwhile.");
    return confirmed({ title, text, keep: t("Not now"), act: t("Prepare again") });
  }

  /** @param {string} action @returns {Promise<object[]>} the bodies of the requests */
  async #bodies(action) {
    const fields = new FormData(this.#form);
    const body = { action };
    if (action === "visibility") body.visibility = fields.get("visibility");
    if (action.endsWith("_tags")) body.tags = fields.get("tags").split(",");
    if (action === "add_to_playlist") body.playlist = await this.#playlist(fields);
    const { filter, sort } = this.#form.dataset;
    if (this.#selection.isAll) return [{ ...body, filter: JSON.parse(filter), sort }];
    const { ids } = this.#selection;
    return Array.from({ length: Math.ceil(ids.length / NAMED) }, (_, index) => ({
      ...body,
      videos: ids.slice(index * NAMED, (index + 1) * NAMED),
    }));
  }

  /** @param {FormData} fields @returns {Promise<string | null>} the chosen playlist, or a new one */
  async #playlist(fields) {
    const title = fields.get("new_playlist").trim();
    if (!title) return fields.get("playlist");
    return (await post("/api/v1/playlists", { title })).id;
  }

  #showProgress(done) {
    const { count } = this.#selection;
    const bar = this.#form.querySelector("[data-bulk-progress]");
    bar.hidden = count <= NAMED;
    [bar.max, bar.value] = [Math.max(count, done), done];
    if (!bar.hidden) this.#form.querySelector("[data-selected]").textContent = t("{done} of {count}", { done, count });
  }

  /** @param {string} action @param {any[]} items @param {string | null} batch */
  #finish(action, items, batch) {
    const of = (outcome) => items.filter((each) => each.outcome === outcome);
    const done = of("done");
    if (action === "delete") this.#removeCards(done);
    else refresh(this.#grid).catch(() => {});
    this.#selection.clear();
    this.#form.reset();
    this.#selection.update();
    this.#report(action, done.length, [...of("refused"), ...of("not_found")]);
    const undo = action === "delete" && batch && done.length && Number(this.#form.dataset.days);
    const count = done.length + of("unchanged").length;
    const sentence = action === "delete" ? t("Deleted: {count}", { count }) : t("Changed: {count}", { count });
    if (undo) toast(sentence, { label: t("Undo"), act: () => this.#undo(batch) });
    else if (done.length || of("unchanged").length) toast(sentence);
  }

  #report(action, done, refused) {
    if (!refused.length) return;
    const why = refused.find((each) => each.detail)?.detail ?? "";
    toast(t("Not possible for {count}: {why}", { count: refused.length, why }));
  }

  #removeCards(items) {
    for (const { id } of items) {
      const card = document.getElementById(`video-${id}`);
      if (card) htmx.remove(card);
    }
    // With all cards gone, what comes after them is loaded.
    this.#grid.querySelector(".more")?.scrollIntoView({ block: "nearest" });
  }

  /** @param {string} batch of a deletion */
  async #undo(batch) {
    try {
      await series([{ action: "restore", batch }], () => {});
      location.reload();
    } catch (error) {
      toast(error.message || t("The server cannot be reached. Trying again."));
    }
  }
}

export function connectBulk() {
  const form = document.querySelector("form[data-bulk]");
  const grid = document.querySelector("[data-live-cards]");
  if (form && grid) new Bulk(form, grid);
}
