/* One other person: presence, messages, and what of them has not been read. */

import { clone, paintAvatar, setText } from "./dom.js";
import { withLinks } from "./links.js";
import { partNumber } from "./stanza.js";

/** Characters from which on a message scrolls in a box of its own. */
const LONG = 2000;

const PRESENCES = {
  online: "online",
  away: "away",
  offline: "offline",
  unknown: "presence unknown",
};

/**
 * A person to chat with, shown in two elements: `tab`, the button that selects them, and `list`, the messages.
 *
 * `known` people may see our presence; `shared` tells whether we may see theirs.
 */
export class Contact {
  constructor(jid, name, known) {
    Object.assign(this, { jid, name, known, shared: false, unread: 0 });
    this.runs = new Map(); // full JID without the number of the login -> {login, show}
    this.ids = new Set();
    this.list = document.createElement("ol");
    this.tab = clone("contact-template");
    this.tab.dataset.name = name;
  }

  get presence() {
    const shows = [...this.runs.values()].map(({ show }) => show);
    if (!this.shared) return "unknown";
    if (!shows.length) return "offline";
    return shows.includes("") || shows.includes("chat") ? "online" : "away";
  }

  /**
   * A resource is there, with that show (RFC 6121, 4.7.2.1; "" is simply there). Returns whether it is new.
   *
   * A page that had to log in anew counts once: its old session may stay on the server for minutes.
   */
  see(jid, show) {
    const [run, login] = partNumber(jid);
    const before = this.runs.get(run)?.login ?? -1;
    if (login >= before) this.runs.set(run, { login, show });
    return login > before;
  }

  /** A resource has gone. */
  miss(jid) {
    const [run, login] = partNumber(jid);
    if (this.runs.get(run)?.login === login) this.runs.delete(run);
  }

  /** Our own session is new: who is there has to be told again. */
  forget() {
    this.runs.clear();
  }

  /** Fills the tab, and the header if it is this person's. While offline ourselves we know no presence. */
  render(header, online) {
    for (const element of header ? [header, this.tab] : [this.tab]) {
      element.dataset.presence = online ? this.presence : "unknown";
      setText(element.querySelector(".name"), this.name);
      setText(element.querySelector(".presence"), PRESENCES[element.dataset.presence]);
      paintAvatar(element, this.name);
    }
    this.tab.setAttribute("aria-pressed", Boolean(header));
    this.tab.querySelector(".badge").hidden = !this.unread;
    setText(this.tab.querySelector(".badge"), this.unread);
  }

  /** Shows a message and returns its element; null if its id is there already. */
  show({ id, direction, text, date }) {
    const key = `${direction} ${id}`;
    if (id && this.ids.has(key)) return null;
    this.ids.add(key);
    const element = this.fill(clone("message-template"), direction, text, date);
    element.dataset.id = id ?? "";
    this.list.insertBefore(element, this.successor(element));
    return element;
  }

  fill(element, direction, text, date) {
    const paragraph = element.querySelector(".text");
    const time = element.querySelector("time");
    element.dataset.direction = direction;
    element.querySelector(".author").textContent = direction === "in" ? `${this.name}:` : "You:";
    paragraph.append(...withLinks(text));
    if (text.length > LONG) paragraph.tabIndex = 0;
    time.dateTime = date.toISOString();
    time.textContent = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    return element;
  }

  /**
   * The first message shown that was written after this one, by the number at the end of the ids.
   *
   * BOSH answers come on two connections and can overtake each other; Strophe hands them on as they come.
   */
  successor({ dataset: { direction, id } }) {
    const [run, number] = partNumber(id);
    const isLater = ({ dataset: other }) => {
      const [otherRun, otherNumber] = partNumber(other.id);
      return other.direction === direction && otherRun === run && otherNumber > number;
    };
    return [...this.list.children].find(isLater) ?? null;
  }
}
