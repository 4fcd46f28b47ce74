// Asking: the form, the request, and what is shown meanwhile and when it fails.

import { getJson, postJson, ServiceProblem } from "./api.js";
import { announceAnswer, renderAnswer } from "./answer.js";
import { cards, loadDocuments, versionOf } from "./documents.js";
import { h, inLanguage } from "./dom.js";
import { announce } from "./status.js";
import { t, textsIn } from "./texts.js";

const PASSAGES = 4; // one that answers and three beside it
const LONGEST = 2000; // in characters, where the service does not say

const form = document.getElementById("askForm");
const question = document.getElementById("questionText");
const answerLanguage = document.getElementById("answerLanguage");
const documentsChoice = document.getElementById("documentsChoice");
const documentsList = document.getElementById("documentsList");
const error = document.getElementById("askError");
const searching = document.getElementById("searching");
const section = document.getElementById("answerSection");
const beginning = document.getElementById("beginningSection");

let documents = [];
let shown = null; // the answer on the page: { answer, told, address }
let asking = null; // the request under way: { address, controller }

/** Set up the form; `go` is called with the address of what is asked. */
export function startAsking(go) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!question.value.trim()) return showError(t("page.error_empty"), { field: true });
    go(address(readForm()));
  });
  // Enter asks, as in a search; Shift and Enter breaks the line. While an input method composes, Enter is its own.
  question.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  question.addEventListener("input", clearError);
  documentsList.addEventListener("change", describeDocuments);
}

/** Fill the choices of language and documents. The page can be asked without them, so a failure is no obstacle. */
export async function loadChoices() {
  const [languages, found] = await Promise.all([getJson("v1/languages"), loadDocuments()]);
  for (const { code, name } of languages.languages) {
    answerLanguage.append(h("option", { value: code, ...inLanguage(code) }, name));
  }
  documents = found;
  describeChoices();
}

/** Write out what depends on the interface's language. */
export function describeChoices() {
  const chosen = new Set(chosenDocuments());
  documentsChoice.hidden = documents.length < 2;
  beginning.hidden = !documents.length || Boolean(shown ?? asking);
  document.getElementById("beginningList").replaceChildren(cards(documents, "h3"));
  documentsList.replaceChildren(
    ...documents.map((document) => {
      const { title, language } = versionOf(document);
      return h(
        "label", { class: "document-option" },
        h("input", { type: "checkbox", name: "documents", value: document.doc_id, checked: chosen.has(document.doc_id) }),
        h("span", inLanguage(language), title),
      );
    }),
  );
  describeDocuments();
  if (shown) renderAnswer(section, shown.answer, shown.told, shown.address);
}

/** Show what an address asks for: nothing, the answer that is there already (unless asked `again`), or a new one. */
export function showAsked(parameters, again) {
  const asked = {
    question: parameters.get("q")?.trim() ?? "",
    language: parameters.get("language") ?? "",
    documents: (parameters.get("documents") ?? "").split(",").filter(Boolean),
  };
  if (!asked.question) return clear();
  if (!again && address(asked) === (asking?.address ?? shown?.address)) return undefined;
  fillForm(asked);
  return ask(asked);
}

/** The address that asks this question: the permanent link. */
function address({ question: text, language, documents: chosen }) {
  const query = new URLSearchParams({ q: text });
  if (language) query.set("language", language);
  if (chosen.length) query.set("documents", chosen.join(","));
  return `?${query}`;
}

function readForm() {
  return { question: question.value.trim(), language: answerLanguage.value, documents: chosenDocuments() };
}

function chosenDocuments() {
  return [...documentsList.querySelectorAll("input:checked")].map((box) => box.value);
}

function fillForm(asked) {
  question.value = asked.question;
  answerLanguage.value = asked.language;
  if (answerLanguage.selectedIndex < 0) answerLanguage.value = "";
  for (const box of documentsList.querySelectorAll("input")) box.checked = asked.documents.includes(box.value);
  describeDocuments();
}

function describeDocuments() {
  const chosen = chosenDocuments().length;
  const text = chosen === 0 || chosen === documents.length ? t("page.all_documents") : `${chosen} / ${documents.length}`;
  document.getElementById("documentsChosen").textContent = text;
}

function clear() {
  asking?.controller.abort();
  asking = shown = null;
  form.reset();
  clearError();
  describeDocuments();
  searching.hidden = section.hidden = true;
  beginning.hidden = !documents.length;
}

async function ask(asked) {
  asking?.controller.abort();
  const mine = { address: address(asked), controller: new AbortController() };
  asking = mine;
  clearError();
  shown = null;
  section.hidden = beginning.hidden = true;
  searching.hidden = false;
  announce(t("page.asking"));
  try {
    const answer = await postJson(
      "v1/answers",
      {
        question: asked.question,
        language: asked.language || null,
        documents: asked.documents.length ? asked.documents : null,
        top_k: PASSAGES,
      },
      mine.controller.signal,
    );
    const told = await textsIn(answer.language.code);
    if (asking !== mine) return;
    shown = { answer, told, address: mine.address };
    renderAnswer(section, answer, told, mine.address);
    section.hidden = false;
    announceAnswer(answer);
    reveal();
  } catch (failure) {
    if (asking !== mine) return;
    explain(failure);
  } finally {
    if (asking === mine) {
      asking = null;
      searching.hidden = true;
    }
  }
}

/** On a small screen the answer may begin below the fold. */
function reveal() {
  const { top } = section.getBoundingClientRect();
  if (top > window.innerHeight * 0.6) section.scrollIntoView({ block: "start" });
}

function explain(failure) {
  if (!(failure instanceof ServiceProblem)) return showError(t("page.error"));
  const { status, fields, message, retryAfter } = failure;
  if (status === 413 || (status === 422 && fields.includes("question"))) {
    const max = /at most (\d+)/.exec(message)?.[1] ?? LONGEST;
    return showError(t("page.error_long", { max }), { field: true });
  }
  if (status === 503 || status === 429) return showError(t("page.error_busy", { seconds: retryAfter ?? 5 }));
  // Of what else the service refuses it says the reason, in English.
  return showError(t("page.error"), { reason: status < 500 ? message : "" });
}

function showError(text, { field = false, reason = "" } = {}) {
  error.replaceChildren(text, ...(reason ? [" ", h("span", inLanguage("en"), reason)] : []));
  error.hidden = false;
  if (!field) return;
  question.setAttribute("aria-invalid", "true");
  question.focus();
}

function clearError() {
  error.hidden = true;
  error.replaceChildren();
  question.removeAttribute("aria-invalid");
}
