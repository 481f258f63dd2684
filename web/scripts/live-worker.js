/**
 * The shared worker of all tabs of a browser: one connection to the server for all of them, since browsers allow six
 * over HTTP/1.1. Each tab says what it follows, whether it is visible, and every half minute that it is still there.
 */
import { Connection } from "./live/connection.js";

/** A tab that says nothing for so long was closed, or is frozen; if it comes back, it says what it follows again. */
const GONE_MS = 180_000;
/** While all tabs are hidden, and none shows notifications, the stream rests. */
const REST_AFTER_MS = 30_000;

/** @typedef {{ topics: string[], visible: boolean, notifies: boolean, seenAt: number, heardAt: number }} Tab */
/** @type {Map<MessagePort, Tab>} */
const tabs = new Map();
let resting = 0;

const connection = new Connection((message) => {
  const leader = leadingTab();
  for (const [port, { topics }] of tabs) {
    if (!message.topic || topics.includes(message.topic)) port.postMessage({ ...message, leads: port === leader });
  }
});

/** @returns {MessagePort | undefined} the tab that speaks for all: the one that was visible last */
function leadingTab() {
  return [...tabs].sort(([, one], [, other]) => other.seenAt - one.seenAt)[0]?.[0];
}

function forgetClosed() {
  for (const [port, { heardAt }] of tabs) if (Date.now() - heardAt > GONE_MS) tabs.delete(port);
}

/** The stream rests while nobody looks. */
function restOrWake() {
  clearTimeout(resting);
  const all = [...tabs.values()];
  if (all.some(({ visible, notifies }) => visible || notifies)) connection.wake();
  else if (all.length) resting = setTimeout(() => connection.rest(), REST_AFTER_MS);
}

/** @param {MessagePort} port @param {any} said */
function hear(port, said) {
  const before = tabs.get(port)?.topics ?? [];
  if (said.leaves) tabs.delete(port);
  else {
    const seenAt = said.visible ? Date.now() : (tabs.get(port)?.seenAt ?? 0);
    tabs.set(port, { ...said, seenAt, heardAt: Date.now() });
  }
  forgetClosed();
  // What is followed no longer is left out the next time; what is new sends its state.
  if (!tabs.size || said.topics?.some((topic) => !before.includes(topic))) {
    connection.follow([...tabs.values()].flatMap(({ topics }) => topics));
  }
  restOrWake();
}

globalThis.onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data }) => hear(port, data);
};
