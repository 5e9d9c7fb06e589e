// What the programs of program.py that run in Node share: the events, and the commands.

"use strict";

const { createInterface } = require("node:readline");

const told = {};

function tell(kind, ...values) {
  told[kind] = (told[kind] ?? 0) + 1;
  const line = JSON.stringify([kind, told[kind], ...values]).replace(/[^\0-\x7f]/g, escaped);
  process.stdout.write(`${line}\n`);
}

function escaped(unit) {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

// `commands` has a function for each; that of "say" may return a promise.
function obey(commands) {
  createInterface({ input: process.stdin }).on("line", async (line) => {
    const [command, ...values] = JSON.parse(line);
    await commands[command](...values);
    if (command === "say") tell("said");
  });
}

module.exports = { obey, tell };
