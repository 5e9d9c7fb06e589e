"use strict";
// Asks for the page again every two seconds, and shows what has changed: what is open stays open,
// and what is being typed stays. Says so when nobody answers.
const root = document.documentElement;
const show = (text) => {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const old of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(old.id);
    if (!now) continue;
    for (const { id } of old.querySelectorAll("details[open]"))
      fresh.getElementById(id)?.setAttribute("open", "");
    if (now.innerHTML !== old.innerHTML) old.replaceChildren(...now.childNodes);
  }
  document.querySelector(".state").className = fresh.querySelector(".state").className;
  document.title = fresh.title;
  const icon = fresh.querySelector("link[rel=icon]");
  document.querySelector("link[rel=icon]").href = icon.href;
};
const ask = async () => {
  if (!document.hidden) {
    try {
      const answer = await fetch(location.href, { signal: AbortSignal.timeout(5000) });
      if (!answer.ok) throw new Error();
      show(await answer.text());
      root.classList.remove("is-stale");
    } catch {
      root.classList.add("is-stale");
    }
  }
  setTimeout(ask, 2000);
};
setTimeout(ask, 2000);
