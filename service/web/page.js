// The page: interface language, colours, and which view an address shows.

import { describeChoices, loadChoices, showAsked, startAsking } from "./ask.js";
import { showBrowsing, showEntry } from "./browse.js";
import { h, inLanguage } from "./dom.js";
import { remember } from "./storage.js";
import { INTERFACE_LANGUAGES, interfaceLanguage, preferredLanguage, t, useLanguage } from "./texts.js";

const askView = document.getElementById("askView");
const browseView = document.getElementById("browseView");

let home = "./"; // the address of the question last looked at

/** Show what the address says. `moved`: the reader followed a link, so the focus follows; `asked`: the form was sent. */
async function route({ moved = false, asked = false } = {}) {
  const parameters = new URLSearchParams(location.search);
  const browsing = parameters.get("view") === "browse";
  const changed = askView.hidden !== browsing;
  askView.hidden = browsing;
  browseView.hidden = !browsing;
  document.getElementById("browseLink").setAttribute("aria-current", browsing ? "page" : "false");
  if (browsing) {
    await showBrowsing(parameters, home);
    if (!showEntry(location.hash) && moved) focusTop(browseView.querySelector("h1"));
  } else {
    home = location.search || "./";
    showAsked(parameters, asked);
    if (moved && changed) focusTop(document.getElementById(location.search ? "answerHeading" : "questionText"));
  }
  describeTitle(browsing);
}

function focusTop(element) {
  window.scrollTo(0, 0);
  element?.focus({ preventScroll: true });
}

function describeTitle(browsing) {
  const heading = browsing ? browseView.querySelector("h1")?.textContent : document.getElementById("questionText").value.trim();
  document.title = heading ? `${heading} – ${t("widget.title")}` : t("page.title");
}

function go(address, how) {
  // The same question asked again is a new request, not a new entry in the history.
  if (new URL(address, location.href).href !== location.href) history.pushState(null, "", address);
  return route(how);
}

function followLinks() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-route]");
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!link || !plain || event.defaultPrevented) return;
    event.preventDefault();
    go(link.getAttribute("href"), { moved: true });
  });
  window.addEventListener("popstate", () => route());
}

function offerLanguages() {
  const select = document.getElementById("interfaceLanguage");
  select.append(...Object.entries(INTERFACE_LANGUAGES).map(([code, name]) => h("option", { value: code, ...inLanguage(code) }, name)));
  select.value = interfaceLanguage();
  select.addEventListener("change", async () => {
    try {
      await useLanguage(select.value, { keep: true });
    } catch {
      select.value = interfaceLanguage();
      return;
    }
    describeChoices();
    await route();
  });
}

function offerColours() {
  const select = document.getElementById("themeChoice");
  const root = document.documentElement;
  select.value = root.dataset.theme ?? "auto";
  select.addEventListener("change", () => {
    if (select.value === "auto") delete root.dataset.theme;
    else root.dataset.theme = select.value;
    remember("theme", select.value);
  });
}

/** On paper nothing can be unfolded, so what is folded is opened for it. */
function preparePrinting() {
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.related-passage:not([open])")];
    for (const details of opened) details.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
  });
}

async function start() {
  for (const id of ["brandLink", "browseLink"]) document.getElementById(id).dataset.route = "";
  startAsking((address) => go(address, { asked: true }));
  followLinks();
  offerColours();
  preparePrinting();
  await Promise.allSettled([useLanguage(preferredLanguage()), loadChoices()]);
  offerLanguages();
  describeChoices();
  document.documentElement.dataset.ready = "";
  await route();
}

start();
