/* Small things done to the page's elements. */

export const page = (id) => document.getElementById(id);

export const clone = (template) => page(template).content.firstElementChild.cloneNode(true);

/** Sets a text only where it changes: a screen reader announces every change. */
export function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

/** Gives an avatar its letter, and a colour that is always the same for a name. */
export function paintAvatar(parent, name) {
  const letters = [...name];
  const hue = letters.reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
  const avatar = parent.querySelector(".avatar");
  setText(avatar, letters[0].toUpperCase());
  avatar.style.setProperty("--hue", hue);
}

/** Whether an element that scrolls shows its end, give or take a line. */
export const isAtEnd = (element) =>
  element.scrollHeight - element.scrollTop - element.clientHeight < 40;

export function scrollToEnd(element) {
  element.scrollTop = element.scrollHeight;
}
