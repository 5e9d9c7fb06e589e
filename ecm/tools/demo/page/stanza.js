/* Reading stanzas: the namespaces beyond Strophe's own, and what to find in an element. */

export const NS = {
  ...Strophe.NS,
  RECEIPTS: "urn:xmpp:receipts", // XEP-0184
  DELAY: "urn:xmpp:delay", // XEP-0203
  PING: "urn:xmpp:ping", // XEP-0199
};

export const bare = (jid) => Strophe.getBareJidFromJid(jid);

/** Parts "RUN-7" into ["RUN", 7]; a name of another make stays whole, with the number 0. */
export function partNumber(name) {
  const [, run, number] = name.match(/^(.+)-([0-9]{1,9})$/) ?? [null, name, 0];
  return [run, Number(number)];
}

/** The first child element of that name; null if there is none. */
export function child(element, name, namespace = NS.CLIENT) {
  const matches = (e) => e.localName === name && e.namespaceURI === namespace;
  return [...element.children].find(matches) ?? null;
}

/** What an error stanza says, in words: the server's text, else the name of the condition. */
export function errorWords(stanza) {
  const parts = [...(child(stanza, "error")?.children ?? [])];
  const text = parts.find((part) => part.localName === "text")?.textContent;
  const condition = parts[0]?.localName ?? "unknown error";
  if (condition === "service-unavailable") return "nobody is there to take it";
  return text || condition.replaceAll("-", " ");
}

/**
 * Text as it can travel: whatever XML 1.0 (section 2.2) does not allow as a character, lone surrogates
 * included, would end the session, and is replaced.
 */
export function travelSafe(text) {
  const forbidden = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu;
  return text.replace(forbidden, "\ufffd");
}
