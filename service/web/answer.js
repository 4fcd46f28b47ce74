// An answer on the page: what the outcome means, the passage that answers, and related ones.

import { postJson } from "./api.js";
import { asMail, asMarkdown, asPlainText, copyText, isTranslated, place } from "./copying.js";
import { h, icon, inLanguage, paragraphs, unitOffset, webAddress, withMailLinks } from "./dom.js";
import { badge, browseAddress, publicationDate } from "./documents.js";
import { announce } from "./status.js";
import { interfaceLanguage, languageName, t, textLanguage } from "./texts.js";

const HEADINGS = {
  answered: "page.answered", low_confidence: "page.unsure", no_match: "page.not_answered", out_of_scope: "page.out_of_scope",
};
const LEAVES = "M14 5h5v5M19 5l-8 8M18 14v5H5V6h5";
const COPIES = "M9 9h11v11H9zM5 15H4V4h11v1";
const LINKS = "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1";
const PRINTS = "M7 9V4h10v5M7 17H4V9h16v8h-3M7 14h10v6H7z";

/** Fill the section. `told` are the texts in the asker's language, `permalink` the address of this question. */
export function renderAnswer(section, answer, told, permalink) {
  const answered = answer.outcome === "answered";
  const [first, ...others] = answer.passages;
  const context = { answer, told };
  section.className = `answer answer-${answer.outcome}`;
  section.replaceChildren(
    outcome(answer, permalink, told),
    ...summary(answer),
    ...(answered ? [passageCard(first, true, context)] : []),
    feedback(answer),
    ...related(answered ? others : answer.passages, answered, context),
  );
}

/** What a screen reader is told of the answer. */
export function announceAnswer(answer) {
  const heading = t(HEADINGS[answer.outcome]);
  if (answer.outcome !== "answered") announce(`${heading}.`, [answer.message, textLanguage(answer.language.code)]);
  else announce(`${heading}.`, [answer.passages[0].quote, answer.passages[0].language]);
}

function outcome(answer, permalink, told) {
  const answered = answer.outcome === "answered";
  const help = answered
    ? h("p", { class: "outcome-help" }, t("page.outcome_answered_help"))
    : h("p", { class: "outcome-help", ...inLanguage(textLanguage(answer.language.code)) }, withMailLinks(answer.message));
  const detected = answer.language.source === "detected" && languageName(answer.language.code);
  return h(
    "div", { class: "outcome" },
    h("h2", { id: "answerHeading", tabindex: "-1" }, t(HEADINGS[answer.outcome])),
    help,
    h(
      "div", { class: "outcome-facts" },
      answered && confidence(answer.confidence),
      detected && h("p", { class: "fact" }, t("page.detected_language", { language: detected })),
    ),
    h(
      "div", { class: "actions" },
      !answered && copyButton("page.copy_mail", () => asMail(answer, answer.passages[0], told, false)),
      permanentLink(permalink),
      h("button", { class: "action", type: "button", onclick: () => window.print() }, icon(PRINTS), t("page.print")),
      h("span", { class: "copied", "aria-hidden": "true" }),
    ),
  );
}

/** What a model wrote, where the service has one: each sentence with links to the passages on this page that it cites. */
function summary({ summary: written, language }) {
  if (!written) return [];
  const marks = (sentence) => sentence.marks.map((mark) =>
    h("a", { class: "summary-mark", href: `#passage-${mark}`, onclick: (event) => showPassage(event, mark) }, `[${mark}]`));
  return [h(
    "section", { class: "summary", "aria-labelledby": "summaryHeading" },
    h("h3", { id: "summaryHeading" }, t("chat.summary")),
    h("p", inLanguage(textLanguage(language.code)),
      written.sentences.flatMap((sentence, number) => [number ? " " : "", sentence.text, " ", ...marks(sentence)])),
  )];
}

function showPassage(event, mark) {
  event.preventDefault(); // the address stays that of the question
  const passage = document.getElementById(`passage-${mark}`);
  if (passage.tagName === "DETAILS") passage.open = true;
  passage.scrollIntoView({ block: "start" });
  passage.querySelector("summary, a")?.focus({ preventScroll: true });
}

/** Confidence in words, with the number. */
function confidence(value) {
  const level = value >= 0.9 ? "high" : value >= 0.6 ? "medium" : "low";
  const percent = new Intl.NumberFormat(interfaceLanguage(), { style: "percent", maximumFractionDigits: 0 });
  // Nothing is certain, and nothing shown is impossible.
  const sign = value > 0.99 ? "> " : value < 0.01 ? "< " : "";
  const number = `${sign}${percent.format(Math.min(0.99, Math.max(0.01, value)))}`;
  return h(
    "p", { class: `confidence confidence-${level}` },
    h("span", { class: "confidence-bars", "aria-hidden": "true" }, h("i"), h("i"), h("i")),
    `${t(`confidence.${level}`)} (${number})`,
  );
}

function passageCard(passage, answers, context) {
  return h(
    "article", { class: "passage", id: `passage-${passage.rank}` },
    h("header", { class: "passage-header" },
      h("h3", inLanguage(passage.language), rank(passage, context), browseLink(passage, passage.heading))),
    passageBody(passage, answers, context),
  );
}

/** The number by which the summary cites the passage; none is shown where there is no summary. */
function rank(passage, { answer }) {
  return answer.summary && h("span", { class: "rank" }, `[${passage.rank}] `);
}

function passageBody(passage, answers, { answer, told }) {
  const { citation } = passage;
  const columns = [column(passage, h("span", {}, languageName(passage.language)), badge(passage.authority))];
  if (isTranslated(passage)) {
    const french = citation.language === "fr" && citation.authority === "official";
    const label = french ? null : h("span", {}, `${t("page.reference_text")} · ${languageName(citation.language)}`);
    columns.push(column(citation, label, badge(citation.authority, french ? t("page.french_original") : undefined)));
  }
  return [
    h("div", { class: columns.length > 1 ? "columns" : "columns columns-single" }, columns),
    notes(passage, answer),
    source(passage),
    h(
      "div", { class: "actions" },
      copyButton("page.copy_plain", () => asPlainText(passage, told)),
      copyButton("page.copy_markdown", () => asMarkdown(passage, told)),
      copyButton("page.copy_mail", () => asMail(answer, passage, told, answers)),
      h("span", { class: "copied", "aria-hidden": "true" }),
    ),
  ];
}

/** One text with its quote marked: the translation, or the reference text. */
function column(text, label, ...badges) {
  const range = [unitOffset(text.text, text.start), unitOffset(text.text, text.end)];
  return h(
    "figure", { class: "text" },
    h("figcaption", { class: "text-label" }, label, badges),
    h("blockquote", { class: "text-body", ...inLanguage(text.language) }, paragraphs(text.text, [range])),
  );
}

function notes(passage, answer) {
  if (!passage.notes.length) return null;
  const spoken = inLanguage(textLanguage(answer.language.code));
  return h(
    "ul", { class: "notes" },
    passage.notes.map((note) => h("li", { class: `note note-${note.status}`, ...spoken }, note.message)),
  );
}

function source(passage) {
  const { citation } = passage;
  const address = webAddress(citation.url);
  const official = citation.authority === "official";
  return h(
    "p", { class: "source" },
    h("span", { class: "source-label" }, t("page.source")),
    h("cite", inLanguage(citation.language), [citation.title, place(citation)].join(" · ")),
    h("span", { class: "source-date" }, publicationDate(citation.published)),
    address && h(
      "a", { class: "source-link", href: address, target: "_blank", rel: "noopener noreferrer" },
      official ? t("page.open_source") : new URL(address).host, icon(LEAVES),
    ),
  );
}

function browseLink(passage, text) {
  const address = browseAddress(passage.citation.doc_id, passage.language);
  return h("a", { href: `${address}#${encodeURIComponent(passage.entry_id)}`, "data-route": true }, text);
}

function related(passages, answered, context) {
  if (!passages.length) return [];
  return [h(
    "section", { class: "related", "aria-labelledby": "relatedHeading" },
    h("h3", { id: "relatedHeading" }, t("page.related")),
    passages.map((passage, number) => h(
      "details", { class: "related-passage", id: `passage-${passage.rank}`, open: !answered && number === 0 },
      h(
        "summary", {},
        h("h4", inLanguage(passage.language), rank(passage, context), passage.heading),
        h("span", { class: "related-facts" }, badge(passage.authority), confidence(passage.confidence)),
      ),
      h("div", { class: "related-body" },
        passageBody(passage, false, context),
        h("p", { class: "source source-here" }, h("span", { class: "source-label" }, t("page.browse")), browseLink(passage, passage.heading))),
    )),
  )];
}

function copyButton(key, text) {
  return h("button", { class: "action", type: "button", onclick: (event) => copy(event.currentTarget, text()) }, icon(COPIES), t(key));
}

async function copy(button, text) {
  const said = t((await copyText(text)) ? "page.copied" : "page.copy_failed");
  button.parentElement.querySelector(".copied").textContent = said;
  announce(said);
}

/** A link like any other; a plain click copies it, as following it would lead to where the reader is. */
function permanentLink(permalink) {
  const copyAddress = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    copy(event.currentTarget, new URL(permalink, location.href.split("#")[0]).href);
  };
  return h("a", { class: "action", href: permalink, onclick: copyAddress }, icon(LINKS), t("page.permalink"));
}

const rated = new Set(); // ids of answers

function feedback(answer) {
  const group = h("div", { class: "feedback", role: "group", "aria-labelledby": "feedbackQuestion" });
  const thank = () => {
    const thanks = h("p", { class: "feedback-thanks", tabindex: "-1" }, t("page.thanks"));
    group.replaceChildren(h("span", { id: "feedbackQuestion", class: "visually-hidden" }, t("page.helpful")), thanks);
    return thanks;
  };
  const send = async (helpful) => {
    try {
      await postJson("v1/feedback", { id: answer.id, helpful });
      rated.add(answer.id);
      thank().focus(); // the buttons are gone, so the focus needs a place; there the words are read out, too
    } catch {
      announce(t("page.error"));
    }
  };
  if (rated.has(answer.id)) {
    thank();
    return group;
  }
  group.append(
    h("span", { id: "feedbackQuestion" }, t("page.helpful")),
    h(
      "span", { class: "feedback-buttons" },
      h("button", { class: "action", type: "button", onclick: () => send(true) }, t("page.helpful_yes")),
      h("button", { class: "action", type: "button", onclick: () => send(false) }, t("page.helpful_no")),
    ),
  );
  return group;
}
