/* The widget: one script tag puts a launcher on any page, and answers come from where this script came from.

   <script src="https://faq.example.eu/static/widget.js" defer></script>

   Attributes of the script tag, all optional:
     data-language   language of the texts; else that of the page, else the browser's
     data-documents  ids of the documents to search, separated by commas
     data-theme      "light" or "dark"; else as the page's own `color-scheme`
     data-position   "start" or "end" (default): the corner at the bottom

   Colours and measures, to be set on `gpai-questions` or above: --gpai-accent, --gpai-on-accent, --gpai-surface,
   --gpai-ink, --gpai-soft, --gpai-line, --gpai-mark, --gpai-focus, --gpai-font, --gpai-radius, --gpai-inset, --gpai-z.

   The service must list the page's origin in its setting `cors_origins`. A page with a Content-Security-Policy allows
   the service's origin in script-src and connect-src. No cookies, no storage. Whatever the service sends goes in as
   text, so markup in it stays text. */
(() => {
  "use strict";

  const script = document.currentScript;
  if (!script || document.querySelector("script[data-gpai-questions]")) return; // one launcher is enough
  script.dataset.gpaiQuestions = "";

  const SERVICE = new URL("../", script.src);
  const LANGUAGES = "bg cs da de el en es et fi fr ga hr hu it lt lv mt nl pl pt ro sk sl sv".split(" ");
  const PASSAGES = 3;
  const LONGEST = 2000; // in characters, where the service does not say

  const STYLE = `
    :host {
      all: initial;
      color-scheme: inherit;
      --accent: var(--gpai-accent, light-dark(#1d4289, #a9c4ff));
      --on-accent: var(--gpai-on-accent, light-dark(#fff, #10192a));
      --surface: var(--gpai-surface, light-dark(#fff, #19202a));
      --ink: var(--gpai-ink, light-dark(#1b2430, #e7ebf1));
      --soft: var(--gpai-soft, light-dark(#515c6b, #a9b4c3));
      --line: var(--gpai-line, light-dark(#7f8894, #78859a));
      --mark: var(--gpai-mark, light-dark(#ffeaa0, #594705));
      --focus: var(--gpai-focus, light-dark(#b3470c, #ffb35c));
      --radius: var(--gpai-radius, 0.75rem);
      --inset: var(--gpai-inset, 1.25rem);
      position: fixed;
      z-index: var(--gpai-z, 2147483000);
      inset-block-end: var(--inset);
      inset-inline: var(--inset);
      max-height: calc(100vh - 2 * var(--inset));
      display: flex;
      flex-direction: column;
      align-items: flex-end;
      gap: 0.75rem;
      pointer-events: none; /* the empty strip beside the launcher stays the page's */
      font: 1rem/1.5 var(--gpai-font, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif);
      color: var(--ink);
      overflow-wrap: break-word;
    }
    :host([data-theme="light"]) { color-scheme: light; }
    :host([data-theme="dark"]) { color-scheme: dark; }
    :host([data-position="start"]) { align-items: flex-start; }
    *, *::before { box-sizing: border-box; }
    [hidden] { display: none !important; }
    h2, h3, h4, p, ul, figure, blockquote { margin: 0; padding: 0; }
    h2, h3, h4 { font-size: 1rem; font-weight: 600; line-height: 1.3; }
    ul { list-style: none; }
    button, textarea { font: inherit; color: inherit; }
    button { cursor: pointer; }
    a { color: var(--accent); text-underline-offset: 0.18em; }
    :focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: 0.25rem; }
    .launcher, .panel { pointer-events: auto; }
    .launcher {
      flex: none;
      display: inline-flex;
      align-items: center;
      gap: 0.6rem;
      max-width: 100%;
      min-height: 3rem;
      padding: 0.6rem 1.15rem;
      border: 2px solid var(--surface);
      border-radius: 1.6rem;
      background: var(--accent);
      color: var(--on-accent);
      font-weight: 600;
      line-height: 1.25;
      text-align: start;
      box-shadow: 0 4px 16px rgb(0 0 0 / 25%);
    }
    .launcher svg { flex: none; width: 1.4rem; height: 1.4rem; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; }
    .panel {
      display: flex;
      flex-direction: column;
      width: min(25rem, 100%);
      min-height: 0; /* as high as the launcher below leaves room for */
      border: 1px solid var(--line);
      border-radius: var(--radius);
      background: var(--surface);
      box-shadow: 0 8px 40px rgb(0 0 0 / 28%);
      overflow: hidden;
    }
    .head { display: flex; align-items: center; justify-content: space-between; gap: 0.75rem; padding: 0.75rem 0.75rem 0.75rem 1.125rem; border-bottom: 1px solid var(--line); }
    .close { flex: none; width: 2.5rem; height: 2.5rem; border: 0; border-radius: 0.5rem; background: transparent; font-size: 1.5rem; line-height: 1; }
    .body, .answer, .passage { display: grid; grid-template-columns: minmax(0, 1fr); }
    .body { gap: 1rem; padding: 1rem 1.125rem; overflow-y: auto; }
    label { display: block; margin-bottom: 0.3rem; font-weight: 600; }
    textarea { display: block; width: 100%; min-height: 4.5rem; padding: 0.55rem 0.7rem; border: 1px solid var(--line); border-radius: 0.5rem; background: transparent; resize: vertical; }
    textarea::placeholder { color: var(--soft); opacity: 1; }
    .ask { width: 100%; min-height: 2.75rem; margin-top: 0.6rem; border: 0; border-radius: 0.5rem; background: var(--accent); color: var(--on-accent); font-weight: 600; }
    .status { color: var(--soft); }
    .status:empty { display: none; }
    .heard { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    .answer { gap: 0.75rem; }
    .passage { gap: 0.6rem; padding-block-start: 0.75rem; border-block-start: 1px solid var(--line); }
    .text { line-height: 1.55; white-space: pre-line; }
    mark { background: var(--mark); color: inherit; text-decoration: underline 2px; text-underline-offset: 0.2em; }
    .badge, .soft { color: var(--soft); font-size: 0.875rem; }
    .badge { font-weight: 600; }
    summary { padding-block: 0.3rem; color: var(--soft); font-size: 0.9375rem; cursor: pointer; }
    details .text { padding-block-start: 0.3rem; }
    .note { padding: 0.4rem 0.6rem; border-inline-start: 3px solid var(--line); font-size: 0.9375rem; }
    .further li + li { margin-block-start: 0.45rem; }
    .feedback { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem; font-size: 0.9375rem; }
    .feedback button { min-height: 2.25rem; padding: 0.2rem 0.9rem; border: 1px solid var(--line); border-radius: 0.5rem; background: transparent; }
    .foot { padding: 0.6rem 1.125rem; border-top: 1px solid var(--line); }
    @media print { :host { display: none; } }
  `;

  let texts;
  let language;
  const t = (group, name, values = {}) => texts[group][name].replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);

  /** An element; properties starting with `on` are listeners, the rest attributes. */
  function h(name, properties = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (value === false || value === null || value === undefined) continue;
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...children.flat().filter((child) => child || child === 0));
    return element;
  }

  const inLanguage = (code) => ({ lang: code, dir: ["ar", "fa", "he", "ur"].includes(code) ? "rtl" : "ltr" });
  const textLanguage = (code) => (LANGUAGES.includes(code) ? code : "en");

  function chosenLanguage() {
    const wanted = [script.dataset.language, document.documentElement.lang, ...navigator.languages];
    const codes = wanted.map((tag) => (tag ?? "").split("-")[0].toLowerCase());
    return codes.find((code) => LANGUAGES.includes(code)) ?? "en";
  }

  async function call(path, body) {
    const response = await fetch(new URL(path, SERVICE), {
      credentials: "omit",
      ...(body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
    const received = await response.json().catch(() => ({}));
    if (response.ok) return received;
    throw Object.assign(new Error(received.detail), {
      status: response.status,
      fields: (received.errors ?? []).map((error) => error.field),
      seconds: Number(response.headers.get("Retry-After")) || 5,
    });
  }

  function explain({ status, fields, seconds, message }) {
    if (status === 413 || (status === 422 && fields.includes("question"))) {
      return t("page", "error_long", { max: /at most (\d+)/.exec(message)?.[1] ?? LONGEST });
    }
    return status === 503 || status === 429 ? t("page", "error_busy", { seconds }) : t("page", "error");
  }

  /** The text with its quote marked. Offsets count code points, as the service does. */
  function marked({ text, start, end, language: code }) {
    const points = [...text];
    const part = (from, to) => points.slice(from, to).join("");
    return h("blockquote", { class: "text", ...inLanguage(code) }, part(0, start), h("mark", {}, part(start, end)), part(end));
  }

  function passageBlock(passage, spoken) {
    const { citation } = passage;
    const french = citation.authority === "official" && citation.language === "fr";
    const official = citation.authority === "official";
    return h(
      "section", { class: "passage" },
      h("h4", inLanguage(passage.language), passage.heading),
      h("p", { class: "soft" }, h("span", { class: "badge" }, t("authority", passage.authority)), ` · ${confidence(passage.confidence)}`),
      marked(passage),
      passage.language !== citation.language &&
        h("details", {}, h("summary", {}, t("page", french ? "french_original" : "reference_text")), marked(citation)),
      passage.notes.map((note) => h("p", { class: "note", ...spoken }, note.message)),
      isWeb(citation.url) && h("p", {}, sourceLink(citation.url,
        official ? t("page", "open_source") : `${t("page", "source")} (${new URL(citation.url).host})`)),
    );
  }

  const isWeb = (url) => /^https?:\/\//.test(url);
  const sourceLink = (url, text, properties = {}) =>
    h("a", { class: "source", href: url, target: "_blank", rel: "noopener noreferrer", ...properties }, text);

  /** Passages beside the one that answers: only where they stand, as in the other channels. */
  function further(passages) {
    if (!passages.length) return [];
    const places = passages.map(({ heading, language: code, authority, citation }) => h("li", {},
      isWeb(citation.url) ? sourceLink(citation.url, heading, inLanguage(code)) : h("span", inLanguage(code), heading),
      " ", h("span", { class: "badge" }, t("authority", authority))));
    return h("section", { class: "passage further" }, h("h4", {}, t("page", "related")), h("ul", {}, places));
  }

  /** What a screen reader is told: the outcome, and the sentence that answers. */
  function heard(answer) {
    const answered = answer.outcome === "answered";
    const [text, code] = answered ? [answer.passages[0].quote, answer.passages[0].language] : [answer.message, textLanguage(answer.language.code)];
    return [`${t("page", HEADINGS[answer.outcome])}. `, h("span", inLanguage(code), text)];
  }

  /** Confidence in words, with the number; nothing is certain, and nothing shown is impossible. */
  function confidence(value) {
    const level = value >= 0.9 ? "high" : value >= 0.6 ? "medium" : "low";
    const percent = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 });
    const sign = value > 0.99 ? "> " : value < 0.01 ? "< " : "";
    return `${t("confidence", level)} (${sign}${percent.format(Math.min(0.99, Math.max(0.01, value)))})`;
  }

  /** The text as nodes, e-mail addresses in it as links. */
  const withMailLinks = (text) =>
    text.split(/([\w.+-]+@[\w-]+(?:\.[\w-]+)+)/).map((piece, number) => (number % 2 ? h("a", { href: `mailto:${piece}` }, piece) : piece));

  const HEADINGS = { answered: "answered", low_confidence: "unsure", no_match: "not_answered", out_of_scope: "out_of_scope" };

  function answerBlock(answer, address) {
    const spoken = inLanguage(textLanguage(answer.language.code));
    const answered = answer.outcome === "answered";
    const passages = answered ? answer.passages.slice(0, 1) : answer.passages;
    return [
      h("h3", {}, t("page", HEADINGS[answer.outcome])),
      answered ? h("p", { class: "soft" }, t("page", "outcome_answered_help")) : h("p", spoken, withMailLinks(answer.message)),
      passages.map((passage) => passageBlock(passage, spoken)),
      further(answer.passages.slice(passages.length)),
      feedback(answer),
      h("p", {}, h("a", { href: new URL(address, SERVICE).href, target: "_blank", rel: "noopener" }, t("page", "permalink"))),
    ];
  }

  function feedback(answer) {
    const group = h("div", { class: "feedback", role: "group", "aria-labelledby": "helpful" });
    const send = async (helpful) => {
      const said = await call("v1/feedback", { id: answer.id, helpful }).then(() => "thanks", () => "error");
      const words = h("p", { tabindex: "-1" }, t("page", said));
      group.replaceWith(words);
      words.focus(); // the buttons are gone
    };
    group.append(
      h("span", { id: "helpful" }, t("page", "helpful")),
      h("button", { type: "button", onclick: () => send(true) }, t("page", "helpful_yes")),
      h("button", { type: "button", onclick: () => send(false) }, t("page", "helpful_no")),
    );
    return group;
  }

  function bubble() {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", "M4 5h16v11h-9l-5 4v-4H4zM8 9h8M8 12h5");
    svg.append(path);
    return svg;
  }

  function build(root) {
    const documents = (script.dataset.documents ?? "").split(",").map((id) => id.trim()).filter(Boolean);
    const question = h("textarea", { id: "question", rows: "2", dir: "auto", placeholder: t("page", "placeholder"), "aria-describedby": "status" });
    const status = h("p", { id: "status", class: "status", role: "status" });
    const answer = h("div", { class: "answer", hidden: true });
    const form = h("form", { novalidate: true },
      h("label", { for: "question" }, t("page", "question")), question,
      h("button", { class: "ask" }, t("page", "ask")));
    const panel = h(
      "div", { id: "panel", class: "panel", role: "dialog", "aria-labelledby": "title", hidden: true },
      h("div", { class: "head" }, h("h2", { id: "title" }, t("widget", "title")),
        h("button", { class: "close", type: "button", "aria-label": t("widget", "close"), onclick: () => show(false) }, "×")),
      // Focusable, so that the keyboard can scroll it.
      h("div", { class: "body", tabindex: "0", role: "region", "aria-labelledby": "title" }, form, status, answer),
      h("p", { class: "foot soft" }, t("page", "about")),
    );
    const launcher = h(
      "button",
      { class: "launcher", type: "button", "aria-haspopup": "dialog", "aria-expanded": "false", "aria-controls": "panel", onclick: () => show(panel.hidden) },
      bubble(), h("span", {}, t("widget", "open")),
    );

    function show(open) {
      panel.hidden = !open;
      launcher.setAttribute("aria-expanded", String(open));
      (open ? question : launcher).focus();
    }

    let latest = 0; // an answer that comes after the next question is dropped
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const text = question.value.trim();
      if (!text) {
        status.textContent = t("page", "error_empty");
        question.setAttribute("aria-invalid", "true");
        return question.focus();
      }
      const number = ++latest;
      question.removeAttribute("aria-invalid");
      answer.hidden = true;
      status.textContent = t("page", "asking");
      try {
        const found = await call("v1/answers", { question: text, top_k: PASSAGES, documents: documents.length ? documents : null });
        if (number !== latest) return;
        const query = new URLSearchParams({ q: text, ...(documents.length && { documents: documents.join(",") }) });
        answer.replaceChildren(...answerBlock(found, `?${query}`).flat());
        answer.hidden = false;
        answer.scrollIntoView({ block: "nearest" });
        status.replaceChildren(h("span", { class: "heard" }, heard(found)));
      } catch (failure) {
        if (number === latest) status.textContent = explain(failure);
      }
    });
    question.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    });
    // What is typed here is not for the page's own shortcuts.
    for (const kind of ["keydown", "keyup", "keypress"]) panel.addEventListener(kind, (event) => event.stopPropagation());
    panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) show(false);
    });
    root.append(panel, launcher);
  }

  async function start() {
    language = chosenLanguage();
    try {
      texts = await call(`v1/texts/${language}`);
    } catch (failure) {
      console.warn("The questions widget cannot reach its service.", failure); // and shows nothing rather than a dead button
      return;
    }
    const host = h("gpai-questions", { "data-theme": script.dataset.theme, "data-position": script.dataset.position, ...inLanguage(language) });
    const root = host.attachShadow({ mode: "open" });
    // Not a <style>: a constructed sheet needs no exception in the page's Content-Security-Policy.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    build(root);
    document.body.append(host);
  }

  if (document.body) start();
  else document.addEventListener("DOMContentLoaded", start);
})();
