/* What makes the desk quicker: order changed in place and saved at once, and a draft's box that follows the writing.
   Without this script every button sends its form, and the page comes back. */
"use strict";

for (const form of document.querySelectorAll("[data-box]")) orders(form);
for (const form of document.querySelectorAll("[data-draft]")) previews(form);

function orders(form) {
  const list = form.querySelector("ol"), saving = form.querySelector(".saving"), said = form.querySelector("[data-said]");
  const first = [...list.children];
  let upto = 0;

  form.addEventListener("click", event => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.name === "up" || button.name === "down") {
      event.preventDefault();
      move(button.closest("[data-item]"), button.name === "up" ? -1 : 1, button);
    } else if ("reset" in button.dataset) {
      list.append(...first);
      upto = 0;
      settle();
      said.textContent = "The order is as it was.";
      first[0].querySelector("a").focus();
    } else if ("save" in button.dataset) {
      for (const field of form.querySelectorAll("[data-order]")) field.name = "order";
      form.elements.upto.value = upto;
    }
  });

  form.addEventListener("keydown", event => {
    const item = event.target.closest("[data-item]");
    if (!item || !event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
    event.preventDefault();
    move(item, event.key === "ArrowUp" ? -1 : 1, event.target);
  });

  function move(item, step, focused) {
    const items = [...list.children], old = items.indexOf(item), place = old + step;
    if (place < 0 || place >= items.length) return;
    if (step < 0) items[place].before(item);
    else items[place].after(item);
    upto = Math.max(upto, place + 1, old + (step < 0 ? 0 : 1));
    settle();
    const there = focused.disabled ? item.querySelector(step < 0 ? "[name=down]" : "[name=up]") : focused;
    there.focus();
    said.textContent = `${item.querySelector("h3").textContent.trim()}: now number ${place + 1} of ${items.length}.`;
  }

  function settle() {
    const items = [...list.children];
    for (const [place, item] of items.entries()) {
      item.querySelector(".rank").textContent = place + 1;
      item.querySelector("[name=up]").disabled = !place;
      item.querySelector("[name=down]").disabled = place === items.length - 1;
      item.classList.toggle("moved", first[place] !== item);
    }
    saving.hidden = items.every((item, place) => first[place] === item);
  }
}

function previews(form) {
  const part = document.querySelector("[data-part]");
  let timer, asking;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, 600);
  });

  async function show() {
    asking?.abort();
    asking = new AbortController();
    const body = new URLSearchParams(new FormData(form));
    body.set("part", "1");
    try {
      const answer = await fetch(form.action, { method: "POST", body, signal: asking.signal });
      if (!answer.ok || answer.redirected) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      part.replaceChildren(...page.body.childNodes);
    } catch (problem) {
      if (problem.name !== "AbortError") part.textContent = "The box cannot be had just now; the button tries again.";
    }
  }
}
