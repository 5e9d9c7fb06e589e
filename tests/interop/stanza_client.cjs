// A chat client made of stanza (npm), as a child of a test.
//
//   node stanza_client.cjs URL JID PASSWORD
//
// It prints what happens, one JSON array a line: ["online", JID], ["heard", TEXT], ["offline"].
// On stdin it takes ["say", JID, TEXT] and ["leave"].

"use strict";

const { createInterface } = require("node:readline");
const { createClient } = require("stanza");

const [url, jid, password] = process.argv.slice(2);
const client = createClient({
  jid,
  password,
  transports: { bosh: url, websocket: false },
  autoReconnect: false,
});

const commands = {
  say: (to, body) => client.sendMessage({ to, body, type: "chat" }),
  leave: () => client.disconnect(),
};

function tell(...event) {
  const line = JSON.stringify(event).replace(/[^\0-\x7f]/g, escaped);
  process.stdout.write(`${line}\n`);
}

// In ASCII no character can be torn apart on its way.
function escaped(unit) {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

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

createInterface({ input: process.stdin }).on("line", (line) => {
  const [command, ...values] = JSON.parse(line);
  commands[command](...values);
});

client.connect();
