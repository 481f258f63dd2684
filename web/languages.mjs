/**
 * Compiles the catalogues, languages/TAG.po: the server's texts into languages/TAG.mo, those of scripts into texts-TAG.js.
 *
 * Adds two made-up languages for tests, with longer texts: en-XA, and ar-XB, which is written right to left.
 */
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { mo, po } from "gettext-parser";

/** What is no text to change: placeholders of both kinds, elements, entities, plain percent signs. */
const FIXED = /(%\(\w+\)[a-z]|%%|\{\w+\}|<[^>]*>|&\w+;)/;

const ACCENTED = { a: "á", c: "ç", e: "ë", i: "î", n: "ñ", o: "ö", u: "û", y: "ý", A: "Å", C: "Ç", E: "É", I: "Î", N: "Ñ", O: "Ø", U: "Ü" };

/** By so much a translation may be longer than its English text: that of short labels in German, and more. */
const LONGER_BY = 0.4;

/** @returns {string} the text with accents and, at its end, 40 % more characters */
function pseudo(text) {
  const accented = text
    .split(FIXED)
    .map((part, index) => (index % 2 ? part : part.replace(/[a-z]/gi, (letter) => ACCENTED[letter] ?? letter)))
    .join("");
  const length = text.split(FIXED).filter((_, index) => index % 2 === 0).join("").length;
  const more = "lorem ipsum dolor sit amet consectetur ".repeat(40).slice(0, Math.ceil(length * LONGER_BY));
  return more ? `${accented} ${more.trim()}` : accented;
}

/** Calls `act` with each message of a catalogue but its header. */
function* messagesOf(catalogue) {
  for (const messages of Object.values(catalogue.translations)) {
    for (const message of Object.values(messages)) if (message.msgid) yield message;
  }
}

function pseudoCatalogue(catalogue) {
  const made = structuredClone(catalogue);
  for (const message of messagesOf(made)) {
    const forms = message.msgid_plural ? [message.msgid, message.msgid_plural] : [message.msgid];
    message.msgstr = forms.map(pseudo);
    delete message.comments?.flag;
  }
  made.headers["Plural-Forms"] = "nplurals=2; plural=(n != 1);";
  return made;
}

/** @returns {string} a script with the texts of scripts: {message: text, or the forms of a plural} */
function scriptOf(catalogue, player) {
  const texts = {};
  for (const message of messagesOf(catalogue)) {
    const isOfScript = message.comments?.reference?.includes("web/scripts/");
    if (isOfScript && message.msgstr.every(Boolean)) texts[message.msgid] = message.msgid_plural ? message.msgstr : message.msgstr[0];
  }
  const form = /plural=([-+*/%<>=!&|?:() n\d]+);?/.exec(catalogue.headers["Plural-Forms"] ?? "")?.[1] ?? "n != 1";
  return `globalThis.streamtimeTexts=${JSON.stringify({ texts, player })};globalThis.streamtimeTexts.form=(n)=>Number(${form});`;
}

/** @returns {Promise<Record<string, string>>} what the player's library calls its buttons, if it knows the language */
async function playerTexts(tag) {
  try {
    const known = await import(`media-chrome/dist/lang/${tag}.js`);
    return Object.values(known).find((value) => typeof value === "object") ?? {};
  } catch {
    return {};
  }
}

/**
 * @param {string} folder with the catalogues
 * @returns {Promise<{ tag: string, compiled: Buffer, script: string }[]>}
 */
export async function compileLanguages(folder) {
  const found = [];
  for (const name of (await readdir(folder)).filter((each) => each.endsWith(".po")).sort()) {
    const tag = path.basename(name, ".po");
    const catalogue = po.parse(await readFile(path.join(folder, name)));
    if (!found.length) for (const test of ["en-XA", "ar-XB"]) found.push({ tag: test, catalogue: pseudoCatalogue(catalogue) });
    for (const message of messagesOf(catalogue)) {
      if (message.comments?.flag?.includes("fuzzy") || !message.msgstr.every(Boolean)) message.msgstr = [""];
    }
    found.push({ tag, catalogue });
  }
  return Promise.all(
    found.map(async ({ tag, catalogue }) => ({
      tag,
      compiled: mo.compile(catalogue),
      script: scriptOf(catalogue, await playerTexts(tag)),
    })),
  );
}
