/* Grades by keyboard: 1 to n as written on the buttons, from 0; U takes back the last. Nothing is written as markup. */
const WORDS = [
  ["unrelated", "same field", "related", "must be there"],
  ["no use", "some context", "useful", "needed", "must be there"],
];
const find = (id) => document.getElementById(id);
let state = null;
let shownAt = 0;
let busy = false;

const build = (name, className, text) => {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.textContent = text;
  return node;
};

function article(node, label, heading, one) {
  const title = build(heading, "", one.title);
  title.id = `${node.id}-title`;
  const facts = [one.published, one.section, one.site].filter(Boolean).join(" · ");
  node.replaceChildren(build("p", "label", label), title, build("p", "facts", facts), build("div", "text", one.text));
  node.tabIndex = 0;
  node.scrollTop = 0;
}

function show(next) {
  const sameQuery = state?.pair && next.pair && state.pair.query.id === next.pair.query.id;
  state = next;
  const { pair, judged, pairs, left_here: left, last } = state;
  find("progress").textContent = `${judged} of ${pairs} judged` + (pair ? ` · ${left} left under this article` : "");
  find("bar").max = pairs || 1;
  find("bar").value = judged;
  find("agreement").textContent =
    state.judges < 2 ? "" : state.agreement === null ? `${state.judges} judges` : `${state.judges} judges agree by ${state.agreement}`;
  find("main").hidden = !pair;
  find("done").hidden = Boolean(pair);
  find("undo").disabled = !last;
  for (const button of find("grades").children) {
    button.disabled = !pair;
    button.classList.remove("given");
  }
  if (pair) {
    if (!sameQuery) article(find("query"), "Beneath this article", "h1", pair.query);
    article(find("document"), "Would this one belong?", "h2", pair.document);
  }
  shownAt = performance.now();
}

function grades() {
  const words = WORDS[state.scale.length - 4] ?? [];
  find("grades").replaceChildren(
    ...state.scale.map((grade, i) => {
      const button = build("button", "", "");
      button.type = "button";
      button.append(build("kbd", "", String(i)), build("span", "", `${words[i] ?? ""}${grade === i ? "" : ` (${grade})`}`));
      button.addEventListener("click", () => give(i));
      return button;
    }),
  );
}

async function ask(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(path, options);
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.detail);
  return told;
}

async function send(body) {
  if (busy) return;
  busy = true;
  try {
    const next = await ask("grade", body);
    find("problem").hidden = true;
    show(next);
  } catch (error) {
    find("problem").textContent = `Not kept: ${error.message}. Try again, or start recommend judge anew: what was kept stays.`;
    find("problem").hidden = false;
  } finally {
    busy = false;
  }
}

function give(i) {
  if (!state?.pair || i >= state.scale.length) return;
  find("grades").children[i].classList.add("given");
  const { query, document } = state.pair;
  send({ query: query.id, document: document.id, grade: state.scale[i], seconds: (performance.now() - shownAt) / 1000 });
}

function undo() {
  if (state?.last) send({ query: state.last.query, document: state.last.document, grade: null, seconds: 0 });
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (/^[0-9]$/.test(event.key)) give(Number(event.key));
  else if (event.key.toLowerCase() === "u") undo();
});
find("undo").addEventListener("click", undo);
ask("next")
  .then((first) => {
    state = first;
    grades();
    state = null;
    show(first);
  })
  .catch((error) => {
    find("problem").textContent = error.message;
    find("problem").hidden = false;
  });
