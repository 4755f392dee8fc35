"use strict";
// One clip to see and hear: its time line, the player and the place in it. Pages of runs and `sarcasm serve` share it.
// Everything that comes from outside is put there as text, never as HTML.

const EDGE = 54; // pixels left of the time line, for its scale
const PICTURE_HEIGHT = 128, STEPS_HEIGHT = 120, GAP = 8, FOOT = 20;
const COLOURS = ["#D55E00", "#0072B2"];
const DASHES = ["", "6 3"];
const $ = (id) => document.getElementById(id);

function make(tag, options = {}, ...children) {
  const { text, ...attributes } = options;
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  node.append(...children);
  return node;
}

function draw(tag, attributes = {}, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

const shown = (value) => value.toFixed(2);
const named = (isSarcastic) => (isSarcastic ? "sarcastic" : "not sarcastic");

// --- the player ------------------------------------------------------------------------------------------------------

const player = make("audio", { controls: "", preload: "metadata", id: "player" });
let line = null; // the time line of the clip that is shown

function seek(second) {
  if (!Number.isFinite(player.duration)) return;
  player.currentTime = Math.max(0, Math.min(player.duration, second));
  line?.move();
}

function follow() {
  line?.move();
  if (!player.paused) requestAnimationFrame(follow);
}

player.addEventListener("play", follow);
player.addEventListener("seeked", () => line?.move());

function playOrPause() {
  if (!player.getAttribute("src")) return;
  if (player.paused) player.play().catch(() => {});
  else player.pause();
}

// --- the time line ---------------------------------------------------------------------------------------------------

// The log-mel picture over the probability of each piece, on one axis of time.
function timeLine(clip) {
  const width = Math.max(320, Math.min(900, $("detail").clientWidth || 640));
  const heard = Math.max(...clip.said.map((said) => said.pieces.length * said.piece_seconds));
  const seconds = Math.max(clip.seconds, heard, clip.picture ? clip.picture_seconds : 0);
  const inner = width - EDGE - 8;
  const x = (second) => EDGE + (second / seconds) * inner;
  const top = PICTURE_HEIGHT + GAP;
  const y = (probability) => top + STEPS_HEIGHT * (1 - probability);
  const height = top + STEPS_HEIGHT + FOOT;
  const title = `Log-mel of the clip, and below it the probability of sarcastic in each piece: ${clip.said
    .map((said) => said.pieces.map((value) => (value === null ? "none" : shown(value))).join(", "))
    .join("; ")}`;
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": title });
  if (clip.picture) {
    svg.append(
      draw("image", {
        href: `data:image/png;base64,${clip.picture}`, x: EDGE, y: 0, width: x(clip.picture_seconds) - EDGE,
        height: PICTURE_HEIGHT, preserveAspectRatio: "none",
      }),
      draw("text", { x: EDGE - 6, y: 10, class: "scale" }, "7.5 kHz"),
      draw("text", { x: EDGE - 6, y: PICTURE_HEIGHT - 2, class: "scale" }, "125 Hz"),
    );
  }
  if (seconds - heard > 0.001) {
    svg.append(
      draw("rect", { x: x(heard), y: 0, width: x(seconds) - x(heard), height: height - FOOT, class: "unheard" }, ""),
    );
    svg.lastChild.append(draw("title", {}, "the end of the clip, shorter than a piece, is not heard"));
  }
  svg.append(draw("rect", { x: EDGE, y: top, width: inner, height: STEPS_HEIGHT, class: "frame" }));
  const middle = clip.threshold ?? 0.5;
  for (const value of [0, middle, 1]) {
    svg.append(
      draw("line", { x1: EDGE, x2: EDGE + inner, y1: y(value), y2: y(value), class: value === middle ? "half" : "grid" }),
      draw("text", { x: EDGE - 6, y: y(value) + 4, class: "scale" }, (+shown(value)).toString()),
    );
  }
  const every = [0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600].find((step) => seconds / step <= 10) || 1200;
  for (let second = 0; second <= seconds; second += every) {
    svg.append(draw("text", { x: x(second), y: height - 5, class: "second" }, `${second} s`));
  }
  clip.said.forEach((said, number) => {
    let path = "";
    said.pieces.forEach((value, place) => {
      if (value === null) return;
      const [start, end] = [x(place * said.piece_seconds), x((place + 1) * said.piece_seconds)];
      const joins = place > 0 && said.pieces[place - 1] !== null;
      path += `${joins ? "L" : "M"}${start} ${y(value)}L${end} ${y(value)}`;
      const area = draw("rect", { x: start, y: top, width: end - start, height: STEPS_HEIGHT, class: "piece" });
      const span = `${(place * said.piece_seconds).toFixed(2)} to ${((place + 1) * said.piece_seconds).toFixed(2)} s`;
      area.append(draw("title", {}, `${span}: ${shown(value)}`));
      svg.append(area);
    });
    svg.append(
      draw("path", { d: path, class: "steps", stroke: COLOURS[number], "stroke-dasharray": DASHES[number] }),
    );
  });
  const head = draw("line", { x1: EDGE, x2: EDGE, y1: 0, y2: height - FOOT, class: "playhead", id: "playhead" });
  svg.append(head);
  const move = () => {
    const at = x(Math.min(seconds, player.currentTime));
    head.setAttribute("x1", at);
    head.setAttribute("x2", at);
  };
  svg.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect();
    const place = ((event.clientX - box.left) / box.width) * width - EDGE;
    seek(Math.max(0, Math.min(seconds, (place / inner) * seconds)));
  });
  return { node: make("div", { class: "time-line" }, svg), move, step: clip.said[0].piece_seconds };
}

function redraw(clip) {
  const wider = timeLine(clip);
  line.node.replaceWith(wider.node);
  line = wider;
  line.move();
}
