/* One person's chat, from login to logout: turns stanzas into what is on the page, and back. */

import { Contact } from "./contact.js";
import { isAtEnd, page, scrollToEnd, setText } from "./dom.js";
import { Link } from "./link.js";
import { Outbox } from "./outbox.js";
import { NS, bare, child, errorWords, travelSafe } from "./stanza.js";

/** Names one loading of the page: own messages have the ids RUN-1, RUN-2, …, and so have the resources. */
const RUN = crypto.getRandomValues(new Uint32Array(3)).reduce((run, word) => run + word.toString(36), "");

/** What is said about each state of the connection (`data-state` of the body). */
const STATES = {
  connecting: (me) => `Connecting as ${me} …`,
  online: (me, way, away) => `Online as ${me} over ${way}${away ? ", shown as away" : ""}`,
  lost: () => "Connection lost – trying again",
};

export class Chat {
  /** `demo` is the content of demo.json; `onDenied` is called if name or password are wrong. */
  constructor(demo, name, password, onDenied) {
    this.me = name;
    this.jid = (name.includes("@") ? name : `${name}@${demo.domain}`).toLowerCase();
    this.denied = onDenied;
    this.away = false;
    this.written = 0;
    this.current = null;
    this.contacts = new Map();
    this.link = new Link(demo, this.jid, RUN, password, this);
    this.outbox = new Outbox(this.link);
    this.setState("connecting");
    for (const user of demo.users) {
      const jid = `${user.name}@${demo.domain}`;
      if (jid !== this.jid) this.meet(jid, user.name, true);
    }
    this.link.open();
  }

  /* What the link reports */

  opened() {
    for (const contact of this.contacts.values()) contact.forget();
    this.link.on("message", (stanza) => this.receive(stanza));
    this.link.on("presence", (stanza) => this.notice(stanza));
    this.link.on("iq", (stanza) => this.answer(stanza));
    this.link.ask($iq({ type: "get" }).c("query", { xmlns: NS.ROSTER }), (iq) => this.enter(iq));
    this.setState("online");
  }

  resumed() {
    this.setState("online");
    this.outbox.release();
  }

  lost() {
    this.outbox.hold();
    this.setState("lost");
  }

  /* Other people */

  /** Adds a person to the page. */
  meet(jid, name, known) {
    const contact = new Contact(jid, name, known);
    this.contacts.set(jid, contact);
    contact.tab.addEventListener("click", () => this.select(contact));
    page("log").append(contact.list);
    page("contacts").append(contact.tab);
    contact.list.hidden = true;
    if (!this.current) this.select(contact);
    return contact;
  }

  /** The roster has come: from now on the others see us, and their receipts find us. */
  enter(iq) {
    this.learn(iq);
    const strangers = [...this.contacts.values()].filter(({ known, shared }) => known && !shared);
    for (const contact of strangers) this.befriend(contact);
    this.announce();
    this.outbox.restart();
  }

  /** Takes in a roster or a change of it (RFC 6121, 2.1.6). */
  learn(iq) {
    for (const item of child(iq, "query", NS.ROSTER)?.children ?? []) {
      const contact = this.contacts.get(item.getAttribute("jid"));
      if (contact) contact.shared = ["to", "both"].includes(item.getAttribute("subscription"));
    }
    this.render();
  }

  /** Puts somebody on the roster under a name, asks for their presence and offers ours. */
  befriend(contact) {
    const { jid, name } = contact;
    const item = $iq({ type: "set" }).c("query", { xmlns: NS.ROSTER }).c("item", { jid, name });
    contact.known = true;
    this.link.ask(item, () => {});
    this.link.send($pres({ to: jid, type: "subscribe" }));
    this.link.send($pres({ to: jid, type: "subscribed" }));
  }

  announce() {
    const presence = $pres();
    if (this.away) presence.c("show").t("away");
    this.link.send(presence);
  }

  toggleAway() {
    this.away = !this.away;
    if (this.link.ready) this.announce();
    this.render();
  }

  notice(stanza) {
    const from = stanza.getAttribute("from");
    const type = stanza.getAttribute("type");
    const contact = this.contacts.get(bare(from));
    if (!contact) return;
    if (type === "subscribe" && contact.known) this.link.send($pres({ to: contact.jid, type: "subscribed" }));
    if (type === "unavailable") contact.miss(from);
    if (!type) this.see(contact, from, stanza);
    this.render();
  }

  /** A presence with a delay reports who is there; one without comes from somebody who has just logged in. */
  see(contact, jid, stanza) {
    const isNew = contact.see(jid, child(stanza, "show")?.textContent ?? "");
    if (isNew && !child(stanza, "delay", NS.DELAY)) this.outbox.repeatTo(contact.jid);
  }

  /* Messages */

  /** Sends a text to the person on the screen; returns whether it was taken. */
  write(text) {
    const contact = this.current;
    if (!contact || !text.trim() || !this.link.proven) return false;
    if (!contact.known && this.link.ready) this.befriend(contact);
    const id = `${RUN}-${++this.written}`;
    const message = { id, to: contact.jid, text: travelSafe(text), date: new Date() };
    message.element = contact.show({ ...message, direction: "out" });
    message.element.querySelector(".again").addEventListener("click", () => this.outbox.add(message));
    this.outbox.add(message);
    scrollToEnd(page("log"));
    return true;
  }

  receive(stanza) {
    const id = stanza.getAttribute("id");
    const from = bare(stanza.getAttribute("from") ?? this.jid);
    const receipt = child(stanza, "received", NS.RECEIPTS);
    if (stanza.getAttribute("type") === "error") this.outbox.returned(id, from, errorWords(stanza));
    else if (receipt) this.outbox.delivered(receipt.getAttribute("id"), from);
    else if (child(stanza, "body")) this.take(stanza, id, from);
  }

  take(stanza, id, from) {
    const contact = this.contacts.get(from) ?? this.meet(from, from, false);
    const stamp = child(stanza, "delay", NS.DELAY)?.getAttribute("stamp");
    const written = new Date(stamp ?? NaN);
    const date = isNaN(written) ? new Date() : written;
    this.show(contact, { id, date, text: child(stanza, "body").textContent });
    if (child(stanza, "request", NS.RECEIPTS)) {
      this.link.send($msg({ to: from, type: "chat" }).c("received", { xmlns: NS.RECEIPTS, id }));
    }
  }

  show(contact, message) {
    const follow = isAtEnd(page("log"));
    if (!contact.show({ ...message, direction: "in" })) return;
    if (contact !== this.current || document.hidden) contact.unread += 1;
    if (contact === this.current && follow) scrollToEnd(page("log"));
    this.render();
  }

  /* Requests of the server */

  /** Each must get an answer (RFC 6120, 8.2.3). */
  answer(iq) {
    const [id, to, type] = ["id", "from", "type"].map((name) => iq.getAttribute(name));
    if (type !== "get" && type !== "set") return;
    const isOwn = !to || bare(to) === this.jid;
    const reply = $iq({ id, to, type: "result" });
    if (isOwn && child(iq, "query", NS.ROSTER)) this.learn(iq);
    else if (!child(iq, "ping", NS.PING)) {
      reply.attrs({ type: "error" }).c("error", { type: "cancel" });
      reply.c("service-unavailable", { xmlns: NS.STANZAS });
    }
    this.link.send(reply);
  }

  /* The screen */

  select(contact) {
    this.current = contact;
    for (const other of this.contacts.values()) other.list.hidden = other !== contact;
    this.look();
    scrollToEnd(page("log"));
  }

  /** What is on the screen counts as read. */
  look() {
    if (!document.hidden && this.current) this.current.unread = 0;
    this.render();
  }

  setState(state) {
    document.body.dataset.state = state;
    this.render();
  }

  render() {
    const contacts = [...this.contacts.values()];
    const unread = contacts.reduce((sum, contact) => sum + contact.unread, 0);
    for (const contact of contacts) {
      contact.render(contact === this.current ? page("partner") : null, this.link.ready);
    }
    setText(page("state"), STATES[document.body.dataset.state](this.me, this.link.ways.name, this.away));
    page("contacts").hidden = contacts.length < 2;
    page("away").setAttribute("aria-pressed", this.away);
    document.title = `${unread ? `(${unread}) ` : ""}${this.me} – Megaphone`;
  }
}
