// Citations as plain text, as Markdown and as a reply by e-mail, in the asker's language.

import { fill, languageName } from "./texts.js";

/** Is the passage shown a translation of the one that is cited? */
export function isTranslated(passage) {
  return passage.language !== passage.citation.language;
}

/** Where it stands: the headings below the document's title, and the pinpoint where there is one. */
export function place({ heading, reference }) {
  return [heading.at(-1), reference].filter(Boolean).join(", ");
}

export function asPlainText(passage, told) {
  const { citation } = passage;
  const lines = [quoted(passage.quote, told), `(${told.authority[passage.authority]})`];
  if (isTranslated(passage)) lines.push("", originalLabel(citation, told), quoted(citation.quote, told));
  lines.push("", sourceLine(citation, told));
  return lines.join("\n");
}

export function asMarkdown(passage, told) {
  const { citation } = passage;
  const block = (text) => escapeMarkdown(text).split("\n").map((line) => `> ${line}`.trimEnd()).join("\n");
  const lines = [block(passage.quote), "", `*${escapeMarkdown(told.authority[passage.authority])}*`];
  if (isTranslated(passage)) lines.push("", escapeMarkdown(originalLabel(citation, told)), "", block(citation.quote));
  const title = escapeMarkdown(`${citation.title}, ${place(citation)}`);
  // In angle brackets an address may hold parentheses.
  lines.push("", `[${title}](<${citation.url.replace(/[<>\s]/g, encodeURIComponent)}>)`);
  return lines.join("\n");
}

/** A whole letter. `answers`: the passage answers the question, so the letter may say so. */
export function asMail(answer, passage, told, answers) {
  const { mail } = told;
  const parts = [mail.subject, mail.greeting, fill(mail.intro, { question: answer.question })];
  if (answers) parts.push(mail.answer);
  else parts.push(answer.message ?? told.chat.related);
  if (passage) {
    const { citation } = passage;
    parts.push(`${quoted(passage.text, told)}\n(${told.authority[passage.authority]})`);
    if (isTranslated(passage)) parts.push(`${originalLabel(citation, told)}\n${quoted(citation.text, told)}`);
    parts.push(sourceLine(citation, told), ...passage.notes.map((note) => note.message));
  }
  parts.push(told.page.about, mail.closing);
  return parts.join("\n\n");
}

function sourceLine(citation, told) {
  return fill(told.mail.source, { title: `${citation.title}, ${place(citation)}`, url: citation.url });
}

function originalLabel(citation, told) {
  if (citation.language === "fr") return told.mail.original;
  return `${told.page.reference_text} (${languageName(citation.language)})`;
}

/** In the quotation marks of that language: those that its `mail.intro` has around the question. */
function quoted(text, told) {
  const around = /([„“”«»"]\s?)\{question\}(\s?[„“”«»"])/.exec(told.mail.intro);
  const [opening, closing] = around ? [around[1], around[2]] : ["“", "”"];
  return `${opening}${text}${closing}`;
}

function escapeMarkdown(text) {
  return text.replace(/[\\`*_[\]<>#|~]/g, "\\$&");
}

/** Put a text on the clipboard; says whether it worked. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text); // without https there is no clipboard interface
  }
}

function copyBySelection(text) {
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.readOnly = true;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  let copied = false;
  try {
    copied = document.execCommand("copy");
  } catch {
    // Said by the return value.
  }
  area.remove();
  focused?.focus();
  return copied;
}
