"use strict";
// Give a model a clip, and see and hear what it says. What is heard stays in this page until it is closed.
// Everything that comes from outside is put there as text, never as HTML.

let model = null; // what the server says of it, and how much it takes
const heard = []; // answers, newest first
let chosen = -1;
const waiting = []; // files that are not sent yet
let isSending = false;

const words = (label) => label.replace("non_", "not ");
const verdict = (clip) => `${words(clip.label)}, ${exact(clip)}`;

// As many digits as tell the probability from the threshold, or "not sarcastic, 0.50" would contradict itself.
function exact({ probability, threshold }) {
  const isBelow = probability < threshold;
  for (let digits = 2; digits < 6; digits += 1) {
    const text = probability.toFixed(digits);
    if (Number(text) < Number(threshold.toFixed(digits)) === isBelow) return text;
  }
  return probability.toFixed(6);
}
const megabytes = (bytes) => `${+(bytes / 1e6).toFixed(1)} MB`;

// --- what model it is -------------------------------------------------------------------------------------------------

async function introduce() {
  try {
    model = await asked("api/model");
  } catch (error) {
    $("model").textContent = "";
    complain(error.message);
    return;
  }
  document.title = `Is it sarcastic? ${model.name}`;
  $("cautions").replaceChildren(...model.cautions.map((text) => make("p", { class: "warning", text })));
  $("model").textContent = model.facts.join(" · ");
  $("advice").textContent = model.advice;
  const { bytes, seconds } = model.limits;
  $("limits").textContent =
    `Audio or video, up to ${megabytes(bytes)} and ${seconds} s each. It is heard on the machine that serves this` +
    " page, and not kept.";
}

async function asked(address, options = {}) {
  let response, answer;
  try {
    response = await fetch(address, options);
    answer = await response.json();
  } catch {
    throw new Error("The server does not answer. Does sarcasm serve still run on its terminal?");
  }
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

function complain(text) {
  $("problems").append(make("li", { text }));
}

// --- clips that are given ---------------------------------------------------------------------------------------------

function take(files) {
  if (!isSending) $("problems").replaceChildren();
  waiting.push(...files);
  if (!isSending) send();
}

async function send() {
  isSending = true;
  while (waiting.length) {
    const file = waiting.shift();
    $("status").textContent = `Hearing ${file.name} …${waiting.length ? ` ${waiting.length} more after it.` : ""}`;
    try {
      await hear(file);
    } catch (error) {
      $("status").textContent = "";
      complain(error.message.startsWith(file.name) ? error.message : `${file.name}: ${error.message}`);
    }
  }
  isSending = false;
}

async function hear(file) {
  const most = model ? model.limits.bytes : Infinity;
  if (file.size > most) throw new Error(`the file is larger than ${megabytes(most)}; cut it into parts`);
  const name = file.name.replace(/\p{Surrogate}/gu, "?"); // halves of letters cannot be sent
  const clip = await asked("api/predict?picture=true", {
    method: "POST",
    headers: { "X-Clip-Name": encodeURIComponent(name), "Content-Type": "application/octet-stream" },
    body: file,
  });
  heard.unshift({ ...clip, name: file.name, sound: URL.createObjectURL(file), said: [stepsOf(clip.pieces)] });
  $("answers").hidden = false;
  $("status").textContent = `${file.name}: ${verdict(clip)}.`;
  show(0);
}

// Pieces follow one another without a gap, and are as long as one another.
function stepsOf(pieces) {
  return {
    pieces: pieces.map((piece) => piece.probability),
    piece_seconds: pieces.length ? pieces[0].end - pieces[0].begin : 1,
  };
}

$("choose").addEventListener("click", () => $("files").click());
$("files").addEventListener("change", () => {
  take([...$("files").files]);
  $("files").value = ""; // or the same file could not be chosen again
});

// Whatever misses the frame would otherwise replace this page.
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover" || kind === "dragenter");
    if (kind === "drop" && event.dataTransfer.files.length) take([...event.dataTransfer.files]);
  });
}

// --- the microphone ---------------------------------------------------------------------------------------------------

let recording = null;
let nRecordings = 0;
const REFUSED = {
  NotAllowedError: "The microphone may not be used. Allow it for this page, beside its address, and press Record again.",
  NotFoundError: "There is no microphone. Connect one and press Record again.",
  NotReadableError: "The microphone cannot be used; another program may have it. Close that one and press Record again.",
};

async function begin() {
  $("record").disabled = true;
  player.pause(); // or the microphone would hear it
  $("problems").replaceChildren();
  let stream = null;
  try {
    if (!navigator.mediaDevices) throw new Error("this page was not opened as http://127.0.0.1 or http://localhost");
    // As it is: what a browser does for calls would be heard by the model as well.
    const plain = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    stream = await navigator.mediaDevices.getUserMedia({ audio: plain });
    const context = new AudioContext();
    await context.audioWorklet.addModule("recorder.js");
    const node = new AudioWorkletNode(context, "recorder");
    recording = { stream, context, blocks: [], n: 0, most: longest(context.sampleRate) };
    node.port.onmessage = ({ data }) => add(data);
    context.createMediaStreamSource(stream).connect(node).connect(context.destination); // it puts out silence
    stream.getAudioTracks()[0].addEventListener("ended", () => end(true));
  } catch (error) {
    stream?.getTracks().forEach((track) => track.stop());
    complain(REFUSED[error.name] || `The microphone cannot be used: ${error.message}.`);
  }
  $("record").disabled = false;
  showRecording();
}

function longest(rate) {
  if (!model) return 60 * rate;
  return Math.floor(Math.min(model.limits.seconds * rate, (model.limits.bytes - 44) / 2));
}

function add(block) {
  if (!recording) return;
  recording.blocks.push(block);
  recording.n += block.length;
  const peak = Math.max(...block.map(Math.abs));
  $("level").value = Math.max(peak, 0.98 * $("level").value); // falls slowly, so that an eye can follow
  $("clock").textContent = `${(recording.n / recording.context.sampleRate).toFixed(1)} s`;
  if (recording.n + block.length > recording.most) end(true);
}

function end(isKept) {
  if (!recording) return;
  const { stream, context, blocks, n } = recording;
  recording = null;
  stream.getTracks().forEach((track) => track.stop());
  const rate = context.sampleRate;
  context.close();
  showRecording();
  if (!isKept) return;
  if (!n) {
    complain("The microphone gave no sound. Try again.");
    return;
  }
  nRecordings += 1;
  take([new File([wav(blocks, n, rate)], `recording ${nRecordings}.wav`, { type: "audio/wav" })]);
}

function showRecording() {
  const isOn = recording !== null;
  $("record").textContent = isOn ? "Stop and send" : "Record";
  $("record").classList.toggle("on", isOn);
  for (const id of ["discard", "level", "clock"]) $(id).hidden = !isOn;
  $("clock").textContent = "0.0 s";
}

// 16 bits, one channel.
function wav(blocks, n, rate) {
  const bytes = new ArrayBuffer(44 + 2 * n);
  const view = new DataView(bytes);
  const put = (place, text) => [...text].forEach((letter, i) => view.setUint8(place + i, letter.charCodeAt(0)));
  put(0, "RIFF");
  view.setUint32(4, 36 + 2 * n, true);
  put(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  put(36, "data");
  view.setUint32(40, 2 * n, true);
  let place = 44;
  for (const block of blocks) {
    for (const sample of block) {
      view.setInt16(place, Math.round(Math.max(-1, Math.min(1, sample)) * 32767), true);
      place += 2;
    }
  }
  return bytes;
}

$("record").addEventListener("click", () => (recording ? end(true) : begin()));
$("discard").addEventListener("click", () => {
  end(false);
  $("record").focus();
});

// --- what was heard ---------------------------------------------------------------------------------------------------

function show(number) {
  if (number < 0 || number >= heard.length) return;
  chosen = number;
  const items = heard.map((clip, place) => {
    const bar = make("span", { class: "bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", clip.probability);
    const button = make(
      "button", { type: "button", ...(place === chosen ? { "aria-current": "true" } : {}) },
      make("span", { class: "name", text: clip.name }), make("span", { class: "kind", text: words(clip.label) }),
      make("span", { class: "number", text: exact(clip) }), bar,
    );
    button.addEventListener("click", () => {
      show(place);
      $("history").children[place].firstChild.focus();
    });
    return make("li", {}, button);
  });
  $("history").replaceChildren(...items);
  items[chosen].scrollIntoView({ block: "nearest" });
  detail(heard[chosen]);
}

function detail(clip) {
  player.pause();
  const n = clip.pieces.length;
  line = timeLine(clip);
  const note = make("p", { class: "note", id: "sound-note" });
  player.setAttribute("aria-label", `Sound of ${clip.name}`);
  player.onerror = () => {
    note.textContent = "This browser cannot play such a file; what the model says of it holds all the same.";
  };
  player.src = clip.sound;
  $("detail").replaceChildren(
    make("h3", { id: "chosen", text: clip.name }),
    make("p", { class: "verdict" }, make("b", { text: verdict(clip) })),
    ...(clip.warnings || []).map((text) => make("p", { class: "warning", text: `Warning: ${text}.` })),
    make("p", {
      class: "facts",
      text:
        `The number is the probability of sarcastic; from ${shown(clip.threshold)} on it is called sarcastic. ` +
        `${clip.seconds.toFixed(2)} s, ${n === 1 ? "1 piece" : `${n} pieces`}.`,
    }),
    line.node, player, note, tableOf(clip),
  );
}

function tableOf(clip) {
  const rows = clip.pieces.map((piece) =>
    make(
      "tr", {},
      ...[piece.begin, piece.end, piece.probability].map((value) => make("td", { class: "number", text: shown(value) })),
    ),
  );
  const heads = ["from, s", "to, s", "probability"].map((text) => make("th", { scope: "col", class: "number", text }));
  return make(
    "details", clip.pieces.length > 12 ? {} : { open: "" },
    make("summary", { text: "Each piece in numbers" }),
    make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows)),
  );
}

const KEYS = {
  j: () => show(chosen + 1),
  k: () => show(chosen - 1),
  p: playOrPause,
  h: () => seek(player.currentTime - (line?.step || 1)),
  l: () => seek(player.currentTime + (line?.step || 1)),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});

window.addEventListener("resize", () => line && redraw(heard[chosen]));
introduce();
