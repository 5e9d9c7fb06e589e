/* Addresses in texts, to be clicked. */

/**
 * An address of a page, up to a space, a quote, a bracket of markup, or a character that is not seen: one of
 * these could make it look like another.
 */
const ADDRESS = /https?:\/\/[^\s"<>`\p{C}]+/giu;

/** What ends a sentence rather than an address. */
const ENDS = ".,;:!?'*_~";

/** How many addresses of one message become links. */
const MOST = 100;

/** The parts of a text: strings, and an <a> for each address. Together they read as the text. */
export function withLinks(text) {
  const parts = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(ADDRESS)) {
    const link = parts.length < 2 * MOST && toLink(trimmed(found));
    if (!link) continue;
    parts.push(text.slice(end, index), link);
    end = index + link.textContent.length;
  }
  return [...parts, text.slice(end)];
}

/** Null for what is no address, and for one with a name before the host, which is there to deceive. */
function toLink(address) {
  if (!URL.canParse(address)) return null;
  const { href, username, password } = new URL(address);
  if (username || password) return null;
  const link = document.createElement("a");
  return Object.assign(link, { href, textContent: address, target: "_blank", rel: "noopener noreferrer" });
}

/** Leaves off what stands behind an address in a sentence, also brackets that were opened before it. */
function trimmed(address) {
  let foreign = address.split(")").length - address.split("(").length;
  let length = address.length;
  while (ENDS.includes(address[length - 1]) || (address[length - 1] === ")" && foreign-- > 0)) length -= 1;
  return address.slice(0, length);
}
