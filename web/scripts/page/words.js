/**
 * Texts of scripts. They are in the page (`<template id="words" data-...>`), so that they are translated with
 * everything else.
 *
 * @param {string} name of the text, as in `data-too-big` -> "tooBig"
 * @param {Record<string, string | number>} [values] replace `{name}`
 * @returns {string}
 */
export function words(name, values = {}) {
  const sentence = document.getElementById("words")?.dataset[name] ?? "";
  return sentence.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? String(values[key]) : whole));
}
