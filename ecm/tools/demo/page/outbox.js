/* Own messages, from the moment they are written until the other side has confirmed them. */

import { NS } from "./stanza.js";

/** How many sessions may break with a message under way before the message itself is blamed. */
const MAX_BREAKS = 3;

/** What is said about each state that a message goes through. */
const WORDS = {
  waiting: "waiting for the connection",
  sending: "sending …",
  sent: "sent", // the server has it
  delivered: "delivered", // the other page has it
};

/**
 * The messages {id, to, text, date, element} that have no receipt (XEP-0184) yet, oldest first.
 *
 * A message is sent again after each new login of either side, because nobody knows what an ended session
 * still carried. It keeps its id, and the receiving page shows an id only once.
 */
export class Outbox {
  constructor(link) {
    this.link = link;
    this.messages = new Map();
    this.held = true;
    this.confirming = false;
  }

  get all() {
    return [...this.messages.values()];
  }

  /** Whether there are messages that would be lost with this page. */
  get unsent() {
    return this.all.some((message) => message.state !== "sent");
  }

  add(message) {
    message.breaks = 0;
    message.late = this.held;
    this.messages.set(message.id, message);
    this.mark(message, "waiting");
    this.flush();
  }

  /** The connection is lost: what comes now has to wait. */
  hold() {
    this.held = true;
  }

  /** The connection works again. */
  release() {
    this.held = false;
    this.flush();
  }

  /** This side has a new session. */
  restart() {
    this.confirming = false;
    for (const message of this.all) if (message.state === "sending") this.countBreak(message);
    this.repeat(this.all);
    this.release();
  }

  countBreak(message) {
    message.breaks += 1;
    if (message.breaks === MAX_BREAKS) this.fail(message, "the connection broke each time");
  }

  /** The other side has a new session. */
  repeatTo(jid) {
    this.repeat(this.all.filter((message) => message.to === jid));
  }

  repeat(messages) {
    for (const message of messages) {
      message.late = true;
      this.mark(message, "waiting");
    }
    this.flush();
  }

  flush() {
    if (this.held) return;
    for (const message of this.all) if (message.state === "waiting") this.transmit(message);
    this.confirm();
  }

  transmit(message) {
    const { id, to, text, date, late } = message;
    const stanza = $msg({ to, id, type: "chat" }).c("body").t(text).up();
    stanza.c("request", { xmlns: NS.RECEIPTS }).up();
    if (late) stanza.c("delay", { xmlns: NS.DELAY, stamp: date.toISOString() });
    this.mark(message, "sending");
    this.link.send(stanza);
  }

  /** Stanzas are taken in order (RFC 6120, 10.1): a server that answers a ping has all that was sent before. */
  confirm() {
    const covered = this.all.filter((message) => message.state === "sending");
    if (this.confirming || !covered.length) return;
    this.confirming = true;
    this.link.ping(() => {
      this.confirming = false;
      for (const message of covered) this.taken(message);
      this.confirm();
    });
  }

  taken(message) {
    message.breaks = 0;
    if (message.state === "sending") this.mark(message, "sent");
  }

  delivered(id, from) {
    const message = this.messages.get(id);
    if (message?.to !== from) return;
    this.messages.delete(id);
    this.mark(message, "delivered");
  }

  /** The message came back with an error. */
  returned(id, from, reason) {
    const message = this.messages.get(id);
    if (message?.to === from) this.fail(message, reason);
  }

  fail(message, reason) {
    this.messages.delete(message.id);
    this.mark(message, "failed", `not sent: ${reason}`);
  }

  mark(message, state, words = WORDS[state]) {
    message.state = message.element.dataset.progress = state;
    message.element.querySelector(".progress").textContent = words;
    message.element.querySelector(".again").hidden = state !== "failed";
  }
}
