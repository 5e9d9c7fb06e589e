// A chat client made of xmpp.js (npm: @xmpp/client), as a child of a test. See program.py.
//
//   node xmpp_js_client.cjs URL JID PASSWORD
//
// Beside ws: and wss: the library knows xmpp: (TCP, with STARTTLS if it is offered) and xmpps:
// (TLS at once). It connects again by itself, and resumes its stream (XEP-0198).

"use strict";

const { setTimeout } = require("node:timers/promises");
const { pathToFileURL } = require("node:url");
const { obey, tell } = require("./program.cjs");

const [service, jid, password] = process.argv.slice(2);
const [username, domain] = jid.split("@");

// Node.js has no WebSocket of its own before 22.
globalThis.WebSocket ??= require("ws");

async function main() {
  // The package is of ES modules, which Node.js does not look for in NODE_PATH.
  const library = pathToFileURL(require.resolve("@xmpp/client"));
  const { client, xml } = await import(library);
  // Without a name it does not say who it is when it begins its first stream, and ejabberd from
  // 24.10 on does not offer SASL2 (XEP-0388). With that it would not resume: it enables stream
  // management with Bind 2 (XEP-0386), again when ejabberd offers it again, and is refused.
  const credentials = { username, password };
  const xmpp = client({ service, domain, credentials, timeout: 20_000 });

  xmpp.on("online", async (address) => {
    // The library sets its count of stanzas to 0 a moment after <enabled/> has come, and forgets
    // those that came meanwhile: so none may come before.
    while (!xmpp.streamManagement.enabled) await setTimeout(10);
    await xmpp.send(xml("presence"));
    tell("online", address.toString());
  });
  xmpp.on("stanza", (stanza) => {
    const body = stanza.is("message") && stanza.getChildText("body");
    if (body) tell("heard", body);
  });
  xmpp.on("error", (error) => console.error(error));

  obey({
    say: (to, text) => xmpp.send(xml("message", { to, type: "chat" }, xml("body", {}, text))),
    leave: async () => {
      await xmpp.stop();
      tell("offline");
      process.exit();
    },
  });

  await xmpp.start();
}

main();
