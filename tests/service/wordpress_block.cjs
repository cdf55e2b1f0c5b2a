// The block's script against what it calls of WordPress: proposes links for the blocks on stdin, and takes them over one by one.
const fs = require("fs");
let { title, blocks, most } = JSON.parse(fs.readFileSync(0, "utf8"));
let number = 0, state, edit;
const made = texts => texts.map(text => ({ clientId: `block-${number++}`, text }));
blocks = made(blocks);
const element = (type, props, ...children) => ({ type, props, children: children.flat() });

globalThis.window = { wp: {
  element: { createElement: element, useState: first => [state ??= first, next => { state = next; }], Fragment: "f" },
  serverSideRender: "box",
  blockEditor: { InspectorControls: "controls" },
  components: { PanelBody: "panel" },
  blocks: {
    registerBlockType: (name, given) => { edit = given.edit; },
    serialize: some => some.map(block => block.text).join("\n\n"),
    parse: text => made([text]),
  },
  data: {
    select: store => store === "core/editor"
      ? { getCurrentPostId: () => 7, getEditedPostAttribute: () => title }
      : { getBlocks: () => blocks },
    dispatch: () => ({
      replaceBlock: (id, others) => { blocks = blocks.flatMap(block => block.clientId === id ? others : [block]); },
    }),
  },
  apiFetch: async ({ data }) => (await fetch(`${process.env.SERVICE}/v1/links?limit=20`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ title: data.title, text: data.text }),
  })).json(),
} };
require(process.argv[2]);

function within(node, found) {
  if (!node || typeof node !== "object") return [];
  return [...(found(node) ? [node] : []), ...node.children.flatMap(child => within(child, found))];
}

(async () => {
  const Links = within(edit({ name: "box", attributes: {} }), node => typeof node.type === "function")[0].type;
  const press = async words => {
    const buttons = within(Links(), node => node.type === "button" && node.children.includes(words));
    await buttons[0]?.props.onClick();
    return buttons.length;
  };
  Links();
  await press("Propose links");
  const proposed = state.links;
  for (let taken = 0; taken < most && await press("Put it in"); taken++);
  console.log(JSON.stringify({ proposed, blocks: blocks.map(block => block.text), left: state.links }));
})();
