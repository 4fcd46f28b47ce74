// The documents of the corpus, and how they are spoken of.

import { getJson } from "./api.js";
import { h, inLanguage } from "./dom.js";
import { interfaceLanguage, t } from "./texts.js";

let loading = null;

/** The documents, fetched once; after a failure the next call tries again. */
export function loadDocuments() {
  loading ??= getJson("v1/documents").then((found) => found.documents.sort(officialFirst)).catch((failure) => {
    loading = null;
    throw failure;
  });
  return loading;
}

function officialFirst(one, other) {
  return Number(other.authority === "official") - Number(one.authority === "official");
}

/** The version in the interface's language, else the reference version. */
export function versionOf(document) {
  const inLanguageOf = (code) => document.versions.find((version) => version.language === code);
  return inLanguageOf(interfaceLanguage()) ?? inLanguageOf(document.reference_language);
}

/** Who speaks: the official text, a translation of it, or a summary of ours. */
export function badge(authority, text = t(`authority.${authority}`)) {
  return h("span", { class: `badge badge-${authority}` }, text);
}

/** The address of a document on this page, or of its version in a language. */
export function browseAddress(docId, language) {
  return `?${new URLSearchParams({ view: "browse", doc: docId, lang: language })}`;
}

/** Documents as cards, their titles as headings of the level named; `more` gives what else stands on a card. */
export function cards(documents, heading, more = () => null) {
  return h("ul", { class: "catalogue" }, documents.map((info) => {
    const { title, language, authority } = versionOf(info);
    const link = h("a", { href: browseAddress(info.doc_id, language), "data-route": true }, title);
    return h(
      "li", { class: "catalogue-item" },
      h(heading, inLanguage(language), link),
      h("p", { class: "catalogue-facts" }, badge(authority), " ", h("span", { class: "catalogue-date" }, publicationDate(info.published))),
      more(info),
    );
  }));
}

/** "2025-07" as "July 2025". */
export function publicationDate(published) {
  const date = new Date(published);
  if (Number.isNaN(date.valueOf())) return published;
  const parts = published.split("-").length;
  const style = { year: "numeric", month: parts > 1 ? "long" : undefined, day: parts > 2 ? "numeric" : undefined };
  return new Intl.DateTimeFormat(spoken(), { ...style, timeZone: "UTC" }).format(date);
}

/** The Union's English writes the day first. */
function spoken() {
  return interfaceLanguage() === "en" ? "en-GB" : interfaceLanguage();
}
