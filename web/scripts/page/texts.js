/**
 * Texts of scripts in the language of the page. Those of English are in the source; those of another language come in
 * a file of their own, which the page loads first (web/languages.mjs makes it).
 */
const { texts = {}, form } = globalThis.streamtimeTexts ?? {};

/** @returns {string} the BCP 47 tag of the page's language */
export const language = document.documentElement.lang || "en";

/** The forms of numbers in English: `one`, `other`. */
const english = new Intl.PluralRules("en");

function filled(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? shown(values[key]) : whole));
}

/** @returns {string} a number with the separators of the language, anything else as it is */
export function shown(value) {
  return typeof value === "number" ? value.toLocaleString(language) : String(value);
}

/** Marks a text for translation, and returns it as it is: `t` translates it where it is shown. */
export function mark(message) {
  return message;
}

/**
 * @param {string} message a text in English, in which `{name}` is replaced
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(message, values = {}) {
  return filled(texts[message] ?? message, values);
}

/**
 * @param {string} singular a text in English, as for one
 * @param {string} plural as for others
 * @param {number} count decides the form, and replaces `{count}`
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function nt(singular, plural, count, values = {}) {
  const forms = texts[singular];
  const sentence = forms ? forms[form(count)] : english.select(count) === "one" ? singular : plural;
  return filled(sentence, { count, ...values });
}
