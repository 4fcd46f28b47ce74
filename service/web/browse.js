// Browsing the corpus: the list of documents, and one document with its contents and a search.

import { getJson } from "./api.js";
import { badge, browseAddress, cards, loadDocuments, publicationDate } from "./documents.js";
import { h, icon, inLanguage, paragraphs, webAddress } from "./dom.js";
import { findWords, queryWords } from "./search.js";
import { announce } from "./status.js";
import { interfaceLanguage, languageName, t } from "./texts.js";

const view = document.getElementById("browseView");
const BACK = "M19 12H5M11 6l-6 6 6 6";
const WIDE = matchMedia("(min-width: 62rem)");

let shown = ""; // which document, version and interface language are on the page, or on their way

/** Show the list, or the document that the parameters name. `home` is where the question waits. */
export async function showBrowsing(parameters, home) {
  const key = [parameters.get("doc"), parameters.get("lang"), interfaceLanguage(), home].join("|");
  if (key === shown) return;
  shown = key;
  try {
    const catalogue = await loadDocuments();
    const info = catalogue.find((document) => document.doc_id === parameters.get("doc"));
    const found = info && (await getJson(versionPath(info, parameters.get("lang"))));
    if (shown !== key) return; // the reader has moved on
    view.replaceChildren(...(found ? text(info, found, home) : list(catalogue, home)).filter(Boolean));
  } catch {
    if (shown !== key) return;
    shown = "";
    view.replaceChildren(backLink(home), h("h1", { tabindex: "-1" }, t("page.browse")), h("p", { class: "failure" }, t("page.error")));
    announce(t("page.error"));
  }
}

/** Scroll to the entry that the address names, and put the focus there. */
export function showEntry(hash) {
  const entry = hash.length > 1 ? document.getElementById(decodeURIComponent(hash.slice(1))) : null;
  if (!entry?.classList.contains("entry")) return false;
  for (const other of view.querySelectorAll(".entry-here")) other.classList.remove("entry-here");
  entry.classList.add("entry-here");
  entry.hidden = false;
  entry.scrollIntoView({ block: "start" });
  entry.focus({ preventScroll: true });
  return true;
}

function versionPath(info, wanted) {
  const known = info.versions.map((version) => version.language);
  const language = [wanted, interfaceLanguage()].find((code) => known.includes(code)) ?? info.reference_language;
  return `v1/documents/${encodeURIComponent(info.doc_id)}?language=${language}`;
}

function backLink(home) {
  return h("p", { class: "back" }, h("a", { href: home, "data-route": true }, icon(BACK), t("page.back")));
}

function list(catalogue, home) {
  return [
    backLink(home),
    h("h1", { tabindex: "-1" }, t("page.browse")),
    cards(catalogue, "h2", (info) => versions(info, null)),
  ];
}

/** Links to the versions in all languages; the one on the page is marked. */
function versions(info, current) {
  return h(
    "ul", { class: "versions", "aria-label": t("page.language") },
    info.versions.map(({ language }) => h("li", {}, h(
      "a",
      { href: browseAddress(info.doc_id, language), "data-route": true, "aria-current": language === current && "true", ...inLanguage(language) },
      languageName(language),
    ))),
  );
}

function text(info, found, home) {
  const speech = inLanguage(found.language);
  const { sections, contents } = entries(found);
  const status = h("p", { class: "search-status", role: "status" });
  const search = h("input", { type: "search", id: "textSearch", autocomplete: "off", oninput: () => filter(search.value, sections, contents, status) });
  const link = webAddress(found.url);
  return [
    backLink(home),
    h(
      "header", { class: "text-header" },
      h("h1", { tabindex: "-1", ...speech }, found.title),
      h("p", { class: "catalogue-facts" }, badge(found.authority), " ", h("span", speech, found.publisher), " · ",
        publicationDate(found.published), " · ", h("span", speech, found.licence)),
      found.state && h("p", { class: "text-note", ...speech }, found.state),
      found.note && h("p", { class: "text-note", ...speech }, found.note),
      link && h("p", { class: "source" }, h("span", { class: "source-label" }, t("page.source")),
        h("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, found.url)),
      info.versions.length > 1 && versions(info, found.language),
    ),
    h(
      "div", { class: "text-columns" },
      h(
        "div", { class: "text-tools" },
        h("form", { class: "text-search", role: "search", onsubmit: (event) => event.preventDefault() },
          h("label", { for: "textSearch" }, t("page.search")), search, status),
        h("nav", { class: "contents", "aria-labelledby": "contentsHeading" },
          h("details", { open: WIDE.matches },
            h("summary", {}, h("h2", { id: "contentsHeading" }, t("page.contents"))),
            contents.list)),
      ),
      h("div", { class: "text-entries", ...speech }, sections.map((section) => section.element)),
    ),
  ];
}

/** The entries as sections below their headings, and the list of contents, both as deep as the headings go. */
function entries(found) {
  const sections = [];
  const contents = { list: h("ol", { class: "contents-list", ...inLanguage(found.language) }) };
  let path = [];
  let lists = [contents.list]; // the list at each depth
  for (const entry of found.entries) {
    const same = entry.heading.findIndex((title, depth) => title !== path[depth]);
    for (let depth = Math.max(0, same); depth < entry.heading.length; depth++) {
      const own = depth === entry.heading.length - 1;
      const title = entry.heading[depth];
      const name = `h${Math.min(6, depth + 2)}`;
      const item = h("li", {}, own ? h("a", { href: `#${encodeURIComponent(entry.entry_id)}` }, title) : h("span", {}, title));
      lists = lists.slice(0, depth + 1);
      lists[depth].append(item);
      lists.push(h("ol"));
      item.append(lists[depth + 1]);
      if (own) sections.push(entrySection(entry, name, found, item));
      else sections.push({ element: h(name, { class: "entries-heading" }, title), depth });
    }
    path = entry.heading;
  }
  for (const list of contents.list.querySelectorAll("ol:empty")) list.remove();
  return { sections, contents };
}

function entrySection(entry, name, found, item) {
  const link = entry.url !== found.url ? webAddress(entry.url) : null;
  const body = h("div", { class: "text-body" }, paragraphs(entry.text));
  const element = h(
    "section", { class: "entry", id: entry.entry_id, tabindex: "-1" },
    h(name, {}, entry.heading.at(-1)),
    body,
    entry.reference && h("p", { class: "entry-reference" },
      link ? h("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, entry.reference) : entry.reference),
  );
  return { element, entry, body, item, depth: entry.heading.length - 1 };
}

/** Show only the entries that hold every word, the words marked. */
function filter(query, sections, contents, status) {
  const words = queryWords(query);
  let count = 0;
  for (const section of sections) {
    if (!section.entry) continue;
    const heading = section.entry.heading.at(-1);
    // A word may stand in the heading or the text; both are searched as one, the heading's marks left out.
    const found = words.length ? findWords(`${heading}\n${section.entry.text}`, words) : [];
    const before = heading.length + 1;
    section.element.hidden = found === null;
    section.item.hidden = found === null;
    if (found === null) continue;
    count += 1;
    const marks = found.filter(([start]) => start >= before).map(([start, end]) => [start - before, end - before]);
    section.body.replaceChildren(...paragraphs(section.entry.text, marks));
  }
  hideEmptyHeadings(sections, contents);
  status.textContent = !words.length ? "" : count ? t("page.search_results", { count }) : t("page.nothing_found");
}

function hideEmptyHeadings(sections, contents) {
  sections.forEach((section, number) => {
    if (section.entry) return;
    const below = sections.slice(number + 1);
    const end = below.findIndex((other) => other.depth <= section.depth);
    section.element.hidden = !below.slice(0, end < 0 ? undefined : end).some((other) => other.entry && !other.element.hidden);
  });
  // An item that only groups others is hidden with the last of them.
  for (const item of [...contents.list.querySelectorAll("li:has(> ol)")].reverse()) {
    const visible = [...item.querySelectorAll(":scope > ol > li")].some((child) => !child.hidden);
    if (item.querySelector(":scope > span")) item.hidden = !visible;
    else if (visible) item.hidden = false;
  }
}
