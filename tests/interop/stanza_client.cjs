// A chat client made of stanza (npm), as a child of a test. See program.py.
//
//   node stanza_client.cjs URL JID PASSWORD
//
// Over WebSocket it connects again by itself, and resumes its stream (XEP-0198).

"use strict";

const { createClient } = require("stanza");
const { obey, tell } = require("./program.cjs");

const [url, jid, password] = process.argv.slice(2);
const isBosh = url.startsWith("http");
const client = createClient({
  jid,
  password,
  transports: isBosh ? { bosh: url, websocket: false } : { bosh: false, websocket: url },
  autoReconnect: !isBosh,
});

client.on("session:started", () => {
  client.sendPresence();
  tell("online", client.jid);
});
client.on("chat", (message) => tell("heard", message.body));
// "disconnected" never comes while an acknowledgement (XEP-0198) waits to be asked for.
client.on("stream:end", () => {
  tell("offline");
  process.exit();
});

obey({
  say: (to, body) => client.sendMessage({ to, body, type: "chat" }),
  leave: () => client.disconnect(),
});

client.connect();
