"use strict";
// The page of a sweep: tables that can be sorted and looked through, and the jobs as lines over parallel axes.
// Everything that comes from outside is put there as text, never as HTML.

const $ = (id) => document.getElementById(id);
const DRAWN = JSON.parse($("drawn").textContent);
const TOP = 34, HEIGHT = 300, FOOT = 16, SIDE = 70, NARROWEST = 120; // pixels
const collator = new Intl.Collator("en", { numeric: true });
const tables = [...document.querySelectorAll("table.sorted")];
const rows = tables.flatMap((table) => [...table.tBodies[0].rows]);
const linesOf = (row) => row.dataset.lines.split(" ").filter(Boolean).map(Number);

// --- sorting ----------------------------------------------------------------------------------------------------------

function keyOf(cell, isNumber) {
  if (isNumber) return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
  return cell.textContent || null;
}

function sort(table, column, direction) {
  const heads = [...table.tHead.rows[0].cells];
  const isNumber = heads[column].classList.contains("number");
  const keyed = [...table.tBodies[0].rows].map((row) => ({ row, key: keyOf(row.cells[column], isNumber) }));
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return (a.key === null) - (b.key === null); // what is not there is last
    return direction * (isNumber ? a.key - b.key : collator.compare(a.key, b.key));
  });
  table.tBodies[0].append(...keyed.map((each) => each.row));
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[column].setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
}

for (const table of tables) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      // Of scores the highest are looked for first.
      const first = head.classList.contains("number") ? -1 : 1;
      sort(table, column, before ? (before === "ascending" ? -1 : 1) : first);
    });
  });
}

// --- looking through --------------------------------------------------------------------------------------------------

for (const table of tables) {
  const names = [...table.tHead.rows[0].cells].map((head) => head.textContent);
  for (const row of table.tBodies[0].rows) {
    // As it stands, and as one types it: head=small.
    row.searched = [...row.cells]
      .map((cell, column) => `${cell.textContent}\n${names[column]}=${cell.textContent}`)
      .join("\n")
      .toLowerCase();
  }
}

function choose() {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of rows) row.hidden = !words.every((word) => row.searched.includes(word));
  $("count").textContent = tables
    .map((table) => {
      const all = [...table.tBodies[0].rows];
      return `${all.filter((row) => !row.hidden).length} of ${all.length} ${table.id}`;
    })
    .join(", ");
  const jobs = $("jobs");
  const kept = new Set(jobs ? [...jobs.tBodies[0].rows].filter((row) => !row.hidden).flatMap(linesOf) : []);
  lines.forEach((line, number) => line.classList.toggle("faded", !kept.has(number)));
}

// --- lines ------------------------------------------------------------------------------------------------------------

let lines = [];
let chosen = -1;
let overlay = null;

function draw(tag, attributes = {}, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

function drawLines() {
  const place = $("lines");
  if (!place) return;
  const n = DRAWN.axes.length;
  const width = Math.max(place.clientWidth, 2 * SIDE + NARROWEST * (n - 1));
  const x = (axis) => SIDE + (n > 1 ? (axis * (width - 2 * SIDE)) / (n - 1) : 0);
  const y = (height) => TOP + HEIGHT * (1 - height);
  const svg = draw("svg", {
    viewBox: `0 0 ${width} ${TOP + HEIGHT + FOOT}`, width, height: TOP + HEIGHT + FOOT, role: "img",
    "aria-label": `${DRAWN.names.length} jobs as lines over ${DRAWN.axes.map((axis) => axis.name).join(", ")}`,
  });
  const best = new Set(DRAWN.best);
  lines = DRAWN.names.map((name, number) => {
    let path = "";
    let joins = false;
    DRAWN.axes.forEach((axis, position) => {
      const height = axis.heights[number];
      if (height !== null) path += `${joins ? "L" : "M"}${x(position).toFixed(1)} ${y(height).toFixed(1)}`;
      joins = height !== null;
    });
    const line = draw("g", { class: best.has(number) ? "line best" : "line" });
    // Below the line to be seen, a broad one to be pointed at.
    line.append(draw("path", { d: path, class: "reach" }), draw("path", { d: path, class: "stroke" }));
    line.addEventListener("mouseenter", () => highlight([number]));
    line.addEventListener("mouseleave", () => highlight(chosen >= 0 ? [chosen] : []));
    return line;
  });
  // The best last, so that it lies on top.
  svg.append(...lines.filter((_, number) => !best.has(number)), ...lines.filter((_, number) => best.has(number)));
  DRAWN.axes.forEach((axis, position) => {
    svg.append(draw("line", { x1: x(position), x2: x(position), y1: TOP, y2: TOP + HEIGHT, class: "axis" }));
    const name = axis.name.length > 20 ? `…${axis.name.slice(-19)}` : axis.name;
    svg.append(draw("text", { x: x(position), y: 14, class: "axis-name" }, name));
    svg.lastChild.append(draw("title", {}, axis.name));
    const anchor = position === n - 1 ? "start" : "end";
    for (const [text, height] of axis.marks) {
      const attributes = {
        x: x(position) + (anchor === "end" ? -6 : 6), y: y(height) + 4, class: "mark", "text-anchor": anchor,
      };
      svg.append(draw("text", attributes, text));
    }
  });
  // What is pointed at is drawn once more, over all others.
  overlay = draw("path", { class: "lit-line" });
  svg.append(overlay);
  place.replaceChildren(svg);
}

function highlight(numbers) {
  overlay?.setAttribute("d", numbers.map((number) => lines[number].firstChild.getAttribute("d")).join(""));
  for (const row of rows) row.classList.toggle("lit", numbers.length > 0 && linesOf(row).some((each) => numbers.includes(each)));
  const said = $("line-said");
  if (said) said.textContent = numbers.length === 1 ? DRAWN.names[numbers[0]] : "\u00a0";
}

for (const row of rows) {
  row.addEventListener("mouseenter", () => highlight(linesOf(row)));
  row.addEventListener("mouseleave", () => highlight([]));
  row.addEventListener("focusin", () => highlight(linesOf(row)));
  row.addEventListener("focusout", () => highlight([]));
}

const STEPS = { ArrowRight: 1, ArrowLeft: -1 };
$("lines")?.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const seen = lines.map((_, number) => number).filter((number) => !lines[number].classList.contains("faded"));
  if (!seen.length || !(event.key in STEPS || event.key === "Home" || event.key === "End")) return;
  event.preventDefault();
  const at = seen.indexOf(chosen);
  const next = at < 0 ? (STEPS[event.key] === -1 ? seen.length - 1 : 0) : at + (STEPS[event.key] || 0);
  if (event.key === "Home") chosen = seen[0];
  else if (event.key === "End") chosen = seen[seen.length - 1];
  else chosen = seen[Math.max(0, Math.min(seen.length - 1, next))];
  highlight([chosen]);
});
$("lines")?.addEventListener("blur", () => {
  chosen = -1;
  highlight([]);
});

// --- begin ------------------------------------------------------------------------------------------------------------

drawLines();
choose();
$("search").addEventListener("input", choose);
window.addEventListener("resize", () => {
  drawLines();
  choose();
  highlight(chosen >= 0 ? [chosen] : []);
});
