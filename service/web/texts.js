// The texts of the interface, in one of 24 languages.

import { getJson } from "./api.js";
import { inLanguage } from "./dom.js";
import { recall, remember } from "./storage.js";

export const INTERFACE_LANGUAGES = {
  bg: "български", cs: "čeština", da: "dansk", de: "Deutsch", el: "ελληνικά", en: "English", es: "español",
  et: "eesti", fi: "suomi", fr: "français", ga: "Gaeilge", hr: "hrvatski", hu: "magyar", it: "italiano",
  lt: "lietuvių", lv: "latviešu", mt: "Malti", nl: "Nederlands", pl: "polski", pt: "português", ro: "română",
  sk: "slovenčina", sl: "slovenščina", sv: "svenska",
};

const FALLBACK = "en";
const loaded = new Map();
let current = FALLBACK;

/** The language that has texts: the one asked for, or English. */
export function textLanguage(code) {
  return Object.hasOwn(INTERFACE_LANGUAGES, code) ? code : FALLBACK;
}

/** All texts of a language, fetched once. */
export async function textsIn(code) {
  const language = textLanguage(code);
  if (!loaded.has(language)) loaded.set(language, await getJson(`v1/texts/${language}`));
  return loaded.get(language);
}

export function interfaceLanguage() {
  return current;
}

/** One text of the interface by its key, such as `page.ask`, with its {placeholders} filled. */
export function t(key, values = {}) {
  const [group, name] = key.split(".");
  return fill(loaded.get(current)?.[group]?.[name] ?? key, values);
}

export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(values, name) ? String(values[name]) : whole));
}

/** A language's own name, else its name in the interface's language. */
export function languageName(code) {
  if (Object.hasOwn(INTERFACE_LANGUAGES, code)) return INTERFACE_LANGUAGES[code];
  try {
    return new Intl.DisplayNames([code, current], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}

/** The language chosen before, else the first of the browser's that we have. */
export function preferredLanguage() {
  const wanted = [recall("language"), ...navigator.languages.map((tag) => tag.split("-")[0].toLowerCase())];
  return wanted.find((code) => code && Object.hasOwn(INTERFACE_LANGUAGES, code)) ?? FALLBACK;
}

/** Make this the interface's language and write its texts into the page. */
export async function useLanguage(code, { keep = false } = {}) {
  await textsIn(code);
  current = textLanguage(code);
  if (keep) remember("language", current);
  const { lang, dir } = inLanguage(current);
  Object.assign(document.documentElement, { lang, dir });
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
  for (const element of document.querySelectorAll("[data-placeholder]")) element.placeholder = t(element.dataset.placeholder);
}
