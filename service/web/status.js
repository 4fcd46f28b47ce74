// The one live region: what screen readers are told without the focus moving.

import { h, inLanguage } from "./dom.js";

let timer;

/** Say texts, one after the other; each is a string, or [text, its language]. */
export function announce(...texts) {
  const region = document.getElementById("liveStatus");
  clearTimeout(timer);
  region.replaceChildren();
  // Emptied first and filled later, so that the same words twice are heard twice.
  timer = setTimeout(() => {
    region.replaceChildren(
      ...texts.filter(Boolean).map((text) =>
        typeof text === "string" ? h("span", {}, `${text} `) : h("span", inLanguage(text[1]), `${text[0]} `)
      ),
    );
  }, 60);
}
