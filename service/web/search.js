// Finding words in a text, whatever their case and accents.

/** The text in lower case and without accents, and for each of its characters where it stands in the original. */
export function fold(text) {
  let folded = "";
  const places = [];
  let at = 0;
  for (const point of text) {
    for (const part of point.normalize("NFD").toLowerCase().replace(/\p{M}/gu, "").replace("ς", "σ")) {
      folded += part;
      for (let unit = 0; unit < part.length; unit++) places.push(at);
    }
    at += point.length;
  }
  places.push(at);
  return { folded, places };
}

/** The words of a query, folded. */
export function queryWords(query) {
  return [...new Set(fold(query).folded.split(/\s+/).filter(Boolean))];
}

/** Where any of the words stand, as [start, end) in the original, sorted and apart; null when a word is missing. */
export function findWords(text, words) {
  const { folded, places } = fold(text);
  const found = [];
  for (const word of words) {
    let at = folded.indexOf(word);
    if (at < 0) return null;
    for (; at >= 0; at = folded.indexOf(word, at + word.length)) found.push([places[at], places[at + word.length]]);
  }
  found.sort((a, b) => a[0] - b[0]);
  const apart = [];
  for (const range of found) {
    const last = apart.at(-1);
    if (last && range[0] <= last[1]) last[1] = Math.max(last[1], range[1]);
    else apart.push(range);
  }
  return apart;
}
