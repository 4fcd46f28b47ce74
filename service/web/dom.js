// Building elements. Whatever the service sends goes in as a text node, so markup in it stays text.

/** An element. Properties starting with `on` are listeners, the rest attributes; false, null and undefined are left out. */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** A line drawing of 24 by 24, only for the eye. */
export function icon(path) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of [["class", "icon"], ["viewBox", "0 0 24 24"], ["aria-hidden", "true"]]) svg.setAttribute(key, value);
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

const RIGHT_TO_LEFT = new Set(["ar", "fa", "he", "ur", "yi"]);

/** The attributes that say in which language a text is. */
export function inLanguage(code) {
  return { lang: code, dir: RIGHT_TO_LEFT.has(code) ? "rtl" : "ltr" };
}

/** The address when it is one of the web, else null: a `javascript:` link must not come about. */
export function webAddress(url) {
  try {
    return ["https:", "http:"].includes(new URL(url).protocol) ? url : null;
  } catch {
    return null;
  }
}

/** The text as nodes, e-mail addresses in it as links. */
export function withMailLinks(text) {
  return text.split(/([\w.+-]+@[\w-]+(?:\.[\w-]+)+)/).map((piece, number) =>
    number % 2 ? h("a", { href: `mailto:${piece}` }, piece) : piece
  );
}

/** Where the character of that number begins in a JavaScript string. The service counts code points, JavaScript halves. */
export function unitOffset(text, character) {
  let units = 0;
  for (const point of text) {
    if (character-- <= 0) break;
    units += point.length;
  }
  return units;
}

/** A text as paragraphs, the ranges (in JavaScript offsets, sorted, apart) marked. */
export function paragraphs(text, ranges = []) {
  const found = [];
  for (const match of text.matchAll(/[^\n]+(?:\n(?![ \t]*\n)[^\n]+)*/g)) {
    const start = match.index;
    const end = start + match[0].length;
    if (!match[0].trim()) continue;
    const pieces = [];
    let at = start;
    for (const [from, to] of ranges) {
      const [first, last] = [Math.max(from, start), Math.min(to, end)];
      if (first >= last) continue;
      pieces.push(text.slice(at, first), h("mark", {}, text.slice(first, last)));
      at = last;
    }
    pieces.push(text.slice(at, end));
    found.push(h("p", {}, pieces.filter((piece) => piece !== "")));
  }
  return found;
}
