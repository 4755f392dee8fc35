"use strict";
// The clips of a page: a list that stays fast with ten thousand, and the chosen one to see and hear (timeline.js).
// Everything that comes from outside is put there as text, never as HTML.

const DATA = JSON.parse(document.getElementById("clips").textContent);
const TWO = DATA.runs.length > 1;
const ROW_HEIGHT = 56;
const called = (said, clip) => named(said.wrong ? !clip.label : clip.label);
const speakerOf = (clip) => [clip.speaker, clip.show].filter(Boolean).join(" · ");

// --- which clips, in which order --------------------------------------------------------------------------------------

function kindOf(clip) {
  const [first, second] = clip.said;
  if (!TWO) return first.wrong ? (clip.label ? "missed" : "false alarm") : "right";
  if (first.wrong !== second.wrong) return first.wrong ? "fixed" : "broken";
  return first.wrong ? "both wrong" : "both right";
}

function swing(said) {
  const heard = said.pieces.filter((value) => value !== null);
  return heard.length ? Math.max(...heard) - Math.min(...heard) : 0;
}

const last = (clip) => clip.said[clip.said.length - 1];
const confidence = (clip) => Math.abs(last(clip).probability - 0.5);
const difference = (clip) => (TWO ? Math.abs(clip.said[0].probability - clip.said[1].probability) : 0);
const RANKS = TWO
  ? { fixed: 0, broken: 1, "both wrong": 2, "both right": 3 }
  : { missed: 0, "false alarm": 0, right: 1 };
const ORDERS = {
  mistakes: (clip) => [RANKS[clip.kind], clip.kind.endsWith("right") ? confidence(clip) : -confidence(clip)],
  difference: (clip) => [-difference(clip)],
  swing: (clip) => [-swing(last(clip))],
  probability: (clip) => [-last(clip).probability],
  length: (clip) => [-clip.seconds],
  id: () => [],
};
const collator = new Intl.Collator("en", { numeric: true });

function compare(a, b) {
  for (let number = 0; number < a.key.length; number += 1) {
    if (a.key[number] !== b.key[number]) return a.key[number] - b.key[number];
  }
  return collator.compare(a.clip.id, b.clip.id);
}

for (const clip of DATA.clips) {
  clip.kind = kindOf(clip);
  clip.searched = [clip.id, clip.text, clip.speaker, clip.show].join("\n").toLowerCase();
}

let visible = [];
let chosen = -1;

function choose() {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = { speaker: $("speaker").value, show: $("show").value, kind: $("kind").value };
  const key = ORDERS[$("order").value];
  visible = DATA.clips
    .filter(
      (clip) =>
        (!wanted.speaker || clip.speaker === wanted.speaker) &&
        (!wanted.show || clip.show === wanted.show) &&
        (!wanted.kind || clip.kind === wanted.kind || (wanted.kind === "wrong" && last(clip).wrong)) &&
        words.every((word) => clip.searched.includes(word)),
    )
    .map((clip) => ({ clip, key: key(clip) }))
    .sort(compare)
    .map((each) => each.clip);
  $("count").textContent = `${visible.length} of ${DATA.clips.length} clips`;
  $("list").scrollTop = 0;
  chosen = -1;
  show(visible.length ? 0 : -1);
}

// --- the list: only the rows that can be seen are there ----------------------------------------------------------------

function row(clip, number) {
  const said = last(clip);
  const bar = make("span", { class: "bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", said.probability);
  const node = make(
    "div",
    {
      class: `row ${clip.kind.replace(" ", "-")}`, role: "option", id: `row-${number}`,
      "aria-selected": String(number === chosen), "aria-setsize": visible.length, "aria-posinset": number + 1,
    },
    make("span", { class: "name", text: clip.id }),
    make("span", { class: "kind", text: clip.kind }),
    make("span", { class: "number", text: shown(said.probability) }),
    bar,
    make("span", { class: "words", text: [speakerOf(clip), clip.text].filter(Boolean).join(": ") }),
  );
  node.style.top = `${number * ROW_HEIGHT}px`;
  node.addEventListener("click", () => show(number));
  return node;
}

function fill() {
  const list = $("list");
  const first = Math.max(0, Math.floor(list.scrollTop / ROW_HEIGHT) - 4);
  const end = Math.min(visible.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW_HEIGHT) + 4);
  const rows = [];
  for (let number = first; number < end; number += 1) rows.push(row(visible[number], number));
  if (chosen >= 0 && (chosen < first || chosen >= end)) rows.push(row(visible[chosen], chosen));
  $("rows").style.height = `${visible.length * ROW_HEIGHT}px`;
  $("rows").replaceChildren(...rows);
  if (chosen >= 0) list.setAttribute("aria-activedescendant", `row-${chosen}`);
  else list.removeAttribute("aria-activedescendant");
}

function show(number) {
  if (number === chosen && number >= 0) return;
  chosen = number;
  const list = $("list");
  if (number >= 0) {
    const top = number * ROW_HEIGHT;
    if (top < list.scrollTop) list.scrollTop = top;
    if (top + ROW_HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW_HEIGHT - list.clientHeight;
  }
  fill();
  detail(number >= 0 ? visible[number] : null);
}

// --- one clip ---------------------------------------------------------------------------------------------------------

function detail(clip) {
  player.pause();
  if (!clip) {
    line = null;
    $("detail").replaceChildren(make("p", { text: "No clip is left by these filters." }));
    return;
  }
  const parts = [make("h3", { id: "chosen", text: clip.id })];
  const facts = [
    speakerOf(clip) || "speaker not known", `${clip.seconds.toFixed(2)} s`, `labelled ${named(clip.label)}`,
  ];
  parts.push(make("p", { class: "facts", text: facts.join(" · ") }));
  clip.said.forEach((said, number) => {
    const words = `${called(said, clip)}, probability of sarcastic ${shown(said.probability)}`;
    parts.push(
      make(
        "p",
        { class: "said" },
        ...(TWO ? [key(number), make("b", { text: `${DATA.runs[number]}: ` })] : [make("b", { text: "Decided " })]),
        make("span", { class: said.wrong ? "wrong" : "right", text: `${words} (${said.wrong ? "wrong" : "right"})` }),
      ),
    );
  });
  parts.push(make("blockquote", { text: clip.text || "No transcript." }));
  line = timeLine(clip);
  parts.push(line.node, sound(clip), votes(clip));
  $("detail").replaceChildren(...parts);
}

function key(number) {
  const sample = draw("svg", { width: 30, height: 10, "aria-hidden": "true" });
  sample.append(
    draw("line", {
      x1: 0, x2: 26, y1: 5, y2: 5, stroke: COLOURS[number], "stroke-width": 3, "stroke-dasharray": DASHES[number],
    }),
  );
  return sample;
}

function sound(clip) {
  const note = make("p", { class: "note", id: "sound-note" });
  if (!clip.sound) {
    note.textContent = "This page has no sound (report.audio=none).";
    return note;
  }
  const elsewhere =
    `The sound cannot be played from here. It lies at ${clip.path}: open this page from that machine's disk, or ` +
    "make one that holds the sound: sarcasm report RUN --audio embedded";
  // A browser lets only pages of the disk play files of the disk; MLflow's page is none.
  if (clip.sound.startsWith("file:") && location.protocol !== "file:") {
    player.removeAttribute("src");
    note.textContent = elsewhere;
    return note;
  }
  player.setAttribute("aria-label", `Sound of clip ${clip.id}`);
  player.onerror = () => {
    note.textContent = clip.sound.startsWith("data:") ? "This browser cannot play the sound." : elsewhere;
  };
  player.src = clip.sound;
  return make("div", {}, player, note);
}

function votes(clip) {
  const body = make("tbody");
  const head = ["fold", "seed", "probability", "threshold", "decided"];
  if (TWO) head.unshift("run");
  clip.said.forEach((said, run) => {
    for (const [fold, seed, probability, decision, threshold] of said.votes) {
      const words = { 1: "sarcastic", 0: "not sarcastic" }[decision] || decision;
      const cells = [fold, seed, shown(probability), shown(threshold), words];
      if (TWO) cells.unshift(DATA.runs[run]);
      body.append(make("tr", {}, ...cells.map((text) => make("td", { text }))));
    }
  });
  const n = clip.said.reduce((sum, said) => sum + said.votes.length, 0);
  return make(
    "details",
    n > 1 ? { open: "" } : {},
    make("summary", { text: n > 1 ? `What each of ${n} fits says` : "What the fit says" }),
    make(
      "div", { class: "scroll" },
      make("table", {}, make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col", text })))), body),
    ),
  );
}

// --- keys -------------------------------------------------------------------------------------------------------------

const KEYS = {
  j: () => show(Math.min(visible.length - 1, chosen + 1)),
  k: () => show(Math.max(0, chosen - 1)),
  p: playOrPause,
  h: () => seek(player.currentTime - (line?.step || 1)),
  l: () => seek(player.currentTime + (line?.step || 1)),
  "/": () => $("search").focus(),
};
const LIST_KEYS = {
  ArrowDown: KEYS.j,
  ArrowUp: KEYS.k,
  PageDown: () => show(Math.min(visible.length - 1, chosen + 8)),
  PageUp: () => show(Math.max(0, chosen - 8)),
  Home: () => show(visible.length ? 0 : -1),
  End: () => show(visible.length - 1),
  " ": playOrPause,
  Enter: playOrPause,
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "Escape" && event.target === $("search")) {
    $("list").focus();
    return;
  }
  if (event.target.closest("input, select, textarea")) return;
  const act = (event.target === $("list") && LIST_KEYS[event.key]) || KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

// --- begin ------------------------------------------------------------------------------------------------------------

function offer(id, values) {
  const names = [...new Set(values)].filter(Boolean).sort(collator.compare);
  $(id).append(...names.map((text) => make("option", { value: text, text })));
  $(id).closest("label").hidden = names.length < 2;
}

$("embedded").hidden = !DATA.clips.some((clip) => clip.sound.startsWith("data:"));
offer("speaker", DATA.clips.map((clip) => clip.speaker));
offer("show", DATA.clips.map((clip) => clip.show));
const counts = {};
for (const clip of DATA.clips) counts[clip.kind] = (counts[clip.kind] || 0) + 1;
for (const option of $("kind").options) {
  const kind = option.value;
  if (!kind) continue;
  const n = kind === "wrong" ? DATA.clips.filter((clip) => last(clip).wrong).length : counts[kind] || 0;
  option.textContent += ` (${n})`;
}
for (const id of ["speaker", "show", "kind", "order"]) $(id).addEventListener("change", choose);
$("search").addEventListener("input", choose);
$("list").addEventListener("scroll", fill, { passive: true });
window.addEventListener("resize", () => {
  fill();
  if (chosen >= 0 && line) redraw(visible[chosen]);
});
choose();
