/* The connection to the server: logs in over WebSocket or BOSH, notices a loss, logs in again. */

import { NS } from "./stanza.js";
import { Ways } from "./ways.js";

/** Longest pause between two logins, in seconds. */
const LONGEST_PAUSE = 30;

/** How long a login or an answer may take before the connection counts as lost, in milliseconds. */
const LIMIT = 20000;

/** How long a WebSocket may be silent at first: some proxies let it wait for ever, in milliseconds. */
const FIRST_WORD = 5000;

/** How often a WebSocket is asked whether it still lives, in milliseconds: as often as BOSH polls. */
const PING = 60000;

/** HTTP statuses after which Strophe repeats the request; 0 is a connection that failed. */
const REPEATED = [0, ...Array.from({ length: 100 }, (_, n) => 500 + n)];

/** Milliseconds to wait before login number `attempt` (from 0): 0.5–1 s at first, doubled each time. */
function pause(attempt) {
  return 1000 * Math.min(LONGEST_PAUSE, 2 ** attempt) * (0.5 + Math.random() / 2);
}

/** Strophe keeps to itself what its callbacks throw, and calls them no more: so it is said here. */
function reporting(action) {
  return (argument) => {
    try {
      return action(argument);
    } catch (error) {
      console.error(error);
    }
  };
}

/**
 * Strophe takes an element in the right namespace anywhere in what comes over a WebSocket for an error of the
 * stream: a message of somebody else's could end the session.
 */
function ignoreErrorsInside(proto) {
  const check = proto._check_streamerror.bind(proto);
  proto._check_streamerror = (wrapper, status) =>
    wrapper.firstElementChild?.namespaceURI === NS.STREAM && check(wrapper, status);
}

/**
 * The link of one account. Calls its listener's methods opened (a new session), resumed (the session works
 * again), lost, and denied (wrong name or password).
 *
 * After an HTTP failure Strophe repeats the request at once, then only after 8, 27 and 64 seconds. The link
 * gives it one pause to recover, and then logs in anew, as it does when a WebSocket has closed. Every login has
 * a Strophe connection of its own; what an older one still says is ignored.
 *
 * Over BOSH, Strophe waits a tenth of a second before each of the seven steps of a login; flushing spares that.
 *
 * Every login also has a resource of its own. Under the old resource a server may hand on what the lost
 * session left unread, in the middle of the login, and Strophe would then wait for ever for the rest of it.
 */
export class Link {
  /** `addresses` are for Ways; `jid` is the bare JID; the resources are `run`-1, `run`-2, … */
  constructor(addresses, jid, run, password, listener) {
    Object.assign(this, { jid, run, password, listener });
    this.ways = new Ways(addresses);
    this.strophe = null;
    this.ready = false;
    this.proven = false; // this password was right once
    this.logins = 0;
    this.attempt = 0; // logins that failed since the last that did not
    this.deadline = null; // timer: the login takes too long
    this.pinging = null; // timer: the next ping
    this.timer = null; // timer: the next login
    this.newest = null; // sid and rid of the newest request of BOSH
  }

  open() {
    this.close();
    this.ways.choose();
    if (this.ways.current === "bosh") this.useBosh();
    else this.useWebSocket();
    const jid = `${this.jid}/${this.run}-${++this.logins}`;
    this.strophe.connect(jid, this.password, this.whileCurrent((status) => this.changed(status)));
  }

  useBosh() {
    const strophe = (this.strophe = new Strophe.Connection(this.ways.bosh));
    this.expect(LIMIT);
    for (const status of REPEATED) {
      strophe.addProtocolErrorHandler("HTTP", status, this.whileCurrent(() => this.failed()));
    }
    strophe.xmlInput = this.whileCurrent((body) => this.answered(body));
    strophe.xmlOutput = this.whileCurrent((body) => this.requested(body));
  }

  useWebSocket() {
    const strophe = (this.strophe = new Strophe.Connection(this.ways.websocket, { protocol: "ws" }));
    ignoreErrorsInside(strophe._proto);
    this.expect(FIRST_WORD);
    strophe.xmlInput = this.whileCurrent(() => this.heard());
  }

  /** Something has to come within that time. */
  expect(limit) {
    clearTimeout(this.deadline);
    this.deadline = setTimeout(() => this.failed(), limit);
  }

  /** Ends the session, if there is one, and the attempts to get one. */
  close() {
    const strophe = this.strophe;
    this.stopTimers();
    Object.assign(this, { strophe: null, ready: false, newest: null });
    strophe?.pause(); // what it has not sent yet is the outbox's business
    strophe?.disconnect();
  }

  /** Wraps a callback of the present Strophe connection: it does nothing once there is another. */
  whileCurrent(action) {
    const strophe = this.strophe;
    return reporting((argument) => strophe === this.strophe && action(argument));
  }

  stopTimers() {
    for (const timer of [this.deadline, this.pinging, this.timer]) clearTimeout(timer);
    this.timer = null;
  }

  /**
   * Ends the session of a page that goes away. A browser may keep the page, and with it a WebSocket, for somebody
   * who comes back; over BOSH a goodbye of Strophe's would be cut off.
   */
  leave() {
    if (this.ways.current === "websocket") return this.close();
    if (!this.newest?.sid) return;
    const { sid, rid } = this.newest;
    const goodbye = $build("body", { xmlns: NS.HTTPBIND, sid, rid: rid + 1, type: "terminate" });
    goodbye.cnode($pres({ type: "unavailable" }).tree());
    const headers = { "Content-Type": "text/xml; charset=utf-8" };
    const request = { method: "POST", headers, body: goodbye.toString(), keepalive: true };
    fetch(this.ways.bosh, request).catch(() => {}); // nobody is left to tell
  }

  /** Logs in again: a page that had gone away, and was kept by the browser, is shown again. */
  comeBack() {
    this.listener.lost();
    this.open();
  }

  send(stanza) {
    this.strophe.send(stanza);
    this.strophe.flush();
  }

  /** Sends an IQ. `done` gets the answer, be it result or error; without an answer the link is lost. */
  ask(iq, done) {
    const settle = this.whileCurrent((answer) => (answer ? done(answer) : this.failed()));
    this.strophe.sendIQ(iq, settle, settle, LIMIT);
    this.strophe.flush();
  }

  /** Asks whether the server is there; `done` is called when it has answered. */
  ping(done) {
    const server = Strophe.getDomainFromJid(this.jid);
    this.ask($iq({ type: "get", to: server }).c("ping", { xmlns: NS.PING }), done);
  }

  /** Nothing else tells that a WebSocket is dead: nothing comes over it by itself. */
  keepAsking() {
    clearTimeout(this.pinging);
    this.pinging = setTimeout(() => this.ping(() => this.keepAsking()), PING);
  }

  /** Calls `handler` for each stanza of that name. */
  on(name, handler) {
    const handle = this.whileCurrent(handler);
    const handleAll = (stanza) => {
      handle(stanza);
      return true; // or Strophe drops the handler
    };
    this.strophe.addHandler(handleAll, null, name);
  }

  retryNow() {
    if (this.timer) this.open();
  }

  requested(body) {
    const rid = Math.max(Number(body.getAttribute("rid")), this.newest?.rid ?? 0);
    this.newest = { rid, sid: body.getAttribute("sid") };
  }

  /** Called before Strophe itself looks at the answer. */
  answered(body) {
    const isGoodbye = body.getAttribute("type") === "terminate";
    if (!this.strophe.authenticated) queueMicrotask(this.whileCurrent(() => this.strophe.flush()));
    else if (this.timer && !isGoodbye) this.established("resumed");
  }

  /** Something has come over the WebSocket. */
  heard() {
    if (!this.strophe.authenticated) this.expect(LIMIT);
    else if (this.timer) this.established("resumed");
  }

  changed(status) {
    if (status === Strophe.Status.CONNECTED) this.established("opened");
    else if (status === Strophe.Status.AUTHFAIL) this.refused();
    else if (status === Strophe.Status.DISCONNECTED) this.failed();
  }

  established(event) {
    this.stopTimers();
    this.attempt = 0;
    this.ready = this.proven = true;
    this.ways.worked();
    if (this.ways.current === "websocket") this.keepAsking();
    this.listener[event]();
  }

  /** A password that was right before is tried again: a server that is starting may not know it yet. */
  refused() {
    if (this.proven) return this.failed();
    this.close();
    this.listener.denied();
  }

  failed() {
    if (this.timer) return;
    this.stopTimers();
    if (!this.ready && this.ways.failed()) return this.open();
    this.ready = false;
    this.timer = setTimeout(() => this.open(), pause(this.attempt++));
    if (!this.strophe.connected) this.strophe.disconnect(); // or it goes on with this login by itself
    this.listener.lost();
  }
}
