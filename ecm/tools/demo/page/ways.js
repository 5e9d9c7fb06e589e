/* The way to the server: WebSocket, and BOSH where WebSocket cannot be had. */

const NAMES = { websocket: "WebSocket", bosh: "BOSH" };

/** How many logins over WebSocket may fail in a row before BOSH is tried, where WebSocket has worked before. */
const PATIENCE = 3;

/**
 * Tells over what the next login goes.
 *
 * Where WebSocket has never worked, something on the way may not let it through: BOSH is tried at once. Where it
 * has, the server is more likely to be away, and would take a login over BOSH just as little. After a
 * login over BOSH, be it good or not, it is WebSocket's turn again.
 */
export class Ways {
  /** Addresses; a path is one of this page's server. Either may be missing. */
  constructor({ websocket, bosh }) {
    Object.assign(this, { websocket, bosh });
    this.patience = 1;
    this.failures = 0; // of WebSocket, in a row
    this.current = null; // of the newest login
  }

  /** What people call it. */
  get name() {
    return NAMES[this.current];
  }

  /** Takes the way of the next login. */
  choose() {
    const isBosh = this.bosh && (!this.websocket || this.failures >= this.patience);
    this.current = isBosh ? "bosh" : "websocket";
  }

  /** That login has failed. Returns whether the other way is to be tried at once. */
  failed() {
    this.failures = this.current === "bosh" ? 0 : this.failures + 1;
    return Boolean(this.bosh) && this.failures >= this.patience;
  }

  /** That login has worked. */
  worked() {
    this.failures = 0;
    if (this.current === "websocket") this.patience = PATIENCE;
  }
}
