// The boxes that `recommend export --out related.jsonl` wrote, by article: ids of the related ones, best first, with
// their reasons. What only fills a box is left out.
const { readFileSync } = require("node:fs");

module.exports = (file = process.env.RELATED_ARTICLES || "related.jsonl", most = 5) => {
  const path = typeof file === "string" ? file : "related.jsonl"; // Eleventy hands its own configuration over
  const boxes = {};
  const rows = readFileSync(path, "utf8").split("\n").filter((line) => line.trim()).map((line) => JSON.parse(line));
  for (const row of rows.sort((a, b) => a.rank - b.rank)) {
    if (row.rank < 1 || !row.related) continue;
    const box = (boxes[row.article_id] ??= []);
    if (box.length < most) box.push({ id: row.related_id, reason: row.reason });
  }
  return boxes;
};
