/** The page to trim and cut: a player, a timeline with handles, keys, and the list of the parts that stay. */
import { t } from "./page/texts.js";
import { isTyping } from "./page/forms.js";
import { Parts } from "./cut/parts.js";

const FRAME_MS = 40;

/** @param {number} ms @returns {string} "1:05.25" */
export function clock(ms) {
  const seconds = Math.floor(ms / 1000);
  const rest = String(ms % 1000).padStart(3, "0").replace(/0+$/, "");
  const tail = `${String(seconds % 60).padStart(2, "0")}${rest ? `.${rest}` : ""}`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes}:${tail}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${tail}`;
}

class CutEditor {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.parts = new Parts(Number(root.dataset.durationMs));
    this.player = root.querySelector("[data-cut-player]");
    this.blocks = root.querySelector("[data-cut-parts]");
    this.list = root.querySelector("[data-cut-list]");
    this.text = root.querySelector("textarea");
    root.querySelector("[data-cut-text]").hidden = true;
    for (const button of root.querySelectorAll("[data-cut-do]")) {
      button.addEventListener("click", () => this.act(button.dataset.cutDo));
    }
    this.player?.addEventListener("timeupdate", () => this.follow());
    this.player?.addEventListener("seeking", () => this.showNow());
    document.addEventListener("keydown", (event) => this.key(event));
    root.querySelector("[data-cut-timeline]").addEventListener("pointerdown", (event) => this.press(event));
    this.draw();
  }

  get now() {
    return Math.round((this.player?.currentTime ?? 0) * 1000);
  }

  /** @param {number} ms */
  seek(ms) {
    if (this.player) this.player.currentTime = Math.max(0, ms) / 1000;
  }

  /** @param {string} action */
  act(action) {
    const { parts, now } = this;
    if (action === "start") parts.setStart(parts.chosen, now);
    if (action === "end") parts.setEnd(parts.chosen, now);
    if (action === "split" && parts.split(now)) this.say(t("Split at {time}", { time: clock(now) }));
    if (action === "remove") this.remove(parts.chosen);
    this.draw();
  }

  /** @param {number} number */
  remove(number) {
    this.say(this.parts.remove(number) ? t("Part removed") : t("One part has to stay"));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const actions = { i: "start", o: "end", s: "split", Delete: "remove" };
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (actions[event.key]) this.act(actions[event.key]);
    else if (step) this.seek(this.now + step * (event.shiftKey ? 1000 : FRAME_MS));
    else return;
    event.preventDefault();
  }

  /** Playing skips what is cut out, and ends with the last part. */
  follow() {
    this.showNow();
    if (!this.root.querySelector("[data-cut-skip]").checked || this.player.paused) return;
    const next = this.parts.following(this.now);
    if (next === null) return;
    if (next === Infinity) this.player.pause();
    else this.seek(next);
  }

  showNow() {
    this.root.querySelector("[data-cut-now]").style.left = `${this.share(this.now)}%`;
  }

  /** @param {number} ms @returns {number} per cent of the timeline */
  share(ms) {
    return this.parts.durationMs ? (100 * ms) / this.parts.durationMs : 0;
  }

  /** Dragging a handle moves it and the picture; elsewhere it moves the picture only. @param {PointerEvent} event */
  press(event) {
    const timeline = event.currentTarget;
    const handle = event.target.closest("[data-cut-handle]");
    const block = event.target.closest("[data-cut-block]");
    if (block) this.choose(Number(block.dataset.cutBlock));
    const move = ({ clientX }) => {
      const box = timeline.getBoundingClientRect();
      const ms = ((clientX - box.left) / box.width) * this.parts.durationMs;
      if (handle) this.moveHandle(handle.dataset.cutHandle, Number(handle.dataset.cutOf), ms);
      this.seek(Math.min(this.parts.durationMs, ms));
    };
    const end = () => {
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", end);
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end);
    move(event);
  }

  /** @param {string} side @param {number} number @param {number} ms */
  moveHandle(side, number, ms) {
    if (side === "start") this.parts.setStart(number, ms);
    else this.parts.setEnd(number, ms);
    this.draw();
  }

  /** @param {number} number */
  choose(number) {
    this.parts.chosen = number;
    for (const block of this.blocks.children) {
      block.toggleAttribute("data-chosen", Number(block.dataset.cutBlock) === number);
    }
  }

  draw() {
    const { list, chosen, durationMs } = this.parts;
    if (this.blocks.children.length !== list.length) this.blocks.replaceChildren(...list.map((_, number) => this.block(number)));
    if (this.list.children.length !== list.length) this.list.replaceChildren(...list.map((_, number) => this.row(number)));
    for (const [number, part] of list.entries()) {
      const block = this.blocks.children[number];
      block.style.left = `${this.share(part.start)}%`;
      block.style.width = `${this.share(part.end - part.start)}%`;
      for (const handle of block.children) {
        const value = handle.dataset.cutHandle === "start" ? part.start : part.end;
        handle.setAttribute("aria-valuenow", String(value));
        handle.setAttribute("aria-valuetext", clock(value));
      }
      const row = this.list.children[number];
      row.querySelector("button").textContent = t("Part {number}: {start} to {end}", { number: number + 1, start: clock(part.start), end: clock(part.end) });
    }
    this.choose(chosen);
    this.text.value = list.map((part) => `${clock(part.start)} - ${clock(part.end)}`).join("\n");
    this.root.querySelector("[data-cut-total]").textContent = t("{kept} of {whole} stay", { kept: clock(this.parts.keptMs), whole: clock(durationMs) });
  }

  /** @param {number} number */
  block(number) {
    const block = document.createElement("div");
    block.className = "cut-block";
    block.dataset.cutBlock = String(number);
    for (const side of ["start", "end"]) {
      const handle = document.createElement("div");
      handle.className = `cut-handle cut-handle-${side}`;
      handle.tabIndex = 0;
      handle.dataset.cutHandle = side;
      handle.dataset.cutOf = String(number);
      handle.setAttribute("role", "slider");
      handle.setAttribute("aria-label", side === "start" ? t("Start of part {number}", { number: number + 1 }) : t("End of part {number}", { number: number + 1 }));
      handle.setAttribute("aria-valuemin", "0");
      handle.setAttribute("aria-valuemax", String(this.parts.durationMs));
      handle.addEventListener("keydown", (event) => this.handleKey(event, side, number));
      block.append(handle);
    }
    return block;
  }

  /** @param {KeyboardEvent} event @param {string} side @param {number} number */
  handleKey(event, side, number) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const part = this.parts.list[number];
    this.moveHandle(side, number, part[side] + step * (event.shiftKey ? 1000 : FRAME_MS));
    this.seek(part[side]);
  }

  /** @param {number} number */
  row(number) {
    const row = document.createElement("li");
    const jump = document.createElement("button");
    jump.type = "button";
    jump.className = "cut-jump";
    jump.addEventListener("click", () => {
      this.choose(number);
      this.seek(this.parts.list[number].start);
    });
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "icon-button";
    remove.textContent = "×";
    remove.setAttribute("aria-label", t("Remove part {number}", { number: number + 1 }));
    remove.addEventListener("click", () => {
      this.remove(number);
      this.draw();
    });
    row.append(jump, remove);
    return row;
  }

  /** @param {string} text */
  say(text) {
    this.root.querySelector("[data-cut-status]").textContent = text;
  }
}

const root = document.querySelector("[data-cut]");
if (root) new CutEditor(root);
