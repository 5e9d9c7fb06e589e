/* The entry of the page: asks who the user is, and connects the controls to that person's chat. */

import { Chat } from "./chat.js";
import { clone, page, paintAvatar } from "./dom.js";

let chat = null;

/** What to offer: {domain, websocket, bosh, users: [{name, password}]}; null if there is no such file. */
async function loadDemo() {
  try {
    return await (await fetch("demo.json")).json();
  } catch {
    return null;
  }
}

function offer(demo) {
  for (const { name, password } of demo.users) {
    const button = clone("person-template");
    paintAvatar(button, name);
    button.querySelector(".label").textContent = `Chat as ${name}`;
    button.addEventListener("click", () => enter(demo, name, password));
    page("people").append(button);
  }
  page("account").addEventListener("submit", (event) => {
    event.preventDefault();
    enter(demo, page("name").value.trim(), page("password").value);
  });
}

function enter(demo, name, password) {
  history.replaceState(null, "", `?user=${encodeURIComponent(name)}`);
  page("login").hidden = true;
  page("chat").hidden = false;
  page("log").replaceChildren();
  page("contacts").replaceChildren();
  chat = new Chat(demo, name, password, () => leave("denied", "Wrong name or password.", name));
  page("text").focus();
}

/** Back to the first view. `words` say why; `name` fills the form for another try. */
function leave(state, words, name = "") {
  chat = null;
  document.title = "Megaphone";
  document.body.dataset.state = state;
  page("chat").hidden = true;
  page("login").hidden = false;
  page("notice").textContent = words;
  page("name").value = name;
  page("password").value = "";
  page(name ? "password" : "name").focus();
}

function logOut() {
  if (chat.outbox.unsent && !confirm("Some messages have not been sent. Log out anyway?")) return;
  chat.link.close();
  history.replaceState(null, "", location.pathname);
  leave("left", "You have logged out.");
}

function submitOnEnter(event) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  page("composer").requestSubmit();
}

function connectControls() {
  const text = page("text");
  page("logout").addEventListener("click", logOut);
  page("away").addEventListener("click", () => chat.toggleAway());
  text.addEventListener("keydown", submitOnEnter);
  page("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    if (chat.write(text.value)) text.value = "";
    text.focus();
  });
}

function watchWindow() {
  document.addEventListener("visibilitychange", () => chat?.look());
  document.addEventListener("visibilitychange", () => document.hidden || chat?.link.retryNow());
  window.addEventListener("offline", () => chat?.link.failed());
  window.addEventListener("online", () => chat?.link.retryNow());
  window.addEventListener("pagehide", () => chat?.link.leave());
  window.addEventListener("pageshow", (event) => event.persisted && chat?.link.comeBack());
  window.addEventListener("beforeunload", (event) => {
    if (chat?.outbox.unsent) event.preventDefault();
  });
}

/** `?user=NAME` logs in at once. */
function enterByAddress(demo) {
  const name = new URLSearchParams(location.search).get("user");
  const user = demo.users.find((user) => user.name === name);
  if (user) enter(demo, user.name, user.password);
  else if (name) leave("start", `${name} is not in the list: log in with a password.`, name);
}

// In a frame, clicks may be meant for what another page shows above it. A policy against that
// (frame-ancestors) cannot be in the page.
const framed = window.top !== window;
const demo = framed ? null : await loadDemo();
if (demo) {
  connectControls();
  watchWindow();
  offer(demo);
  enterByAddress(demo);
} else {
  document.body.dataset.state = "closed";
  page("notice").textContent = framed
    ? "Open this page in a window of its own."
    : "demo.json cannot be read: open the address that ecm-demo prints.";
}
