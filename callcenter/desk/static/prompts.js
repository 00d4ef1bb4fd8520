// Prompts: one plays at a time; a recording that is spoken into the browser becomes the form's file.
import { t } from "./fragments.js";

const player = new Audio();
let playing = null;

function say(button, text) {
  button.querySelector("span").textContent = t(text);
}

function stopped() {
  if (playing) say(playing, "Play");
  playing = null;
}

player.addEventListener("ended", stopped);
player.addEventListener("error", () => {
  if (!playing) return;
  const address = playing.href;
  stopped();
  failed(address);
});

async function failed(address) {
  const state = document.getElementById("play-state");
  state.textContent = t("That didn't work. Try again.");
  state.hidden = false;
  // The server says why in words, where it can be asked.
  const answer = await fetch(address, { headers: { Accept: "application/json" } }).catch(() => null);
  if (answer?.status === 422) state.textContent = (await answer.json()).error;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-play]");
  if (!button || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const again = playing === button;
  player.pause();
  stopped();
  if (again) return;
  playing = button;
  say(button, "Stop");
  player.src = button.href;
  player.play().catch(() => {});
});

// Recording

const RATE = 16000;
const recorder = document.getElementById("recorder");
const file = document.querySelector("#new-recording [type=file]");
let now = null;
let sound = null;

function wav(samples) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, letters) => [...letters].forEach((letter, n) => view.setUint8(at + n, letter.charCodeAt(0)));
  text(0, "RIFF"); view.setUint32(4, 36 + 2 * samples.length, true); text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, RATE, true); view.setUint32(28, 2 * RATE, true); view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  text(36, "data"); view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, n) => view.setInt16(44 + 2 * n, Math.round(Math.max(-1, Math.min(1, sample)) * 32767), true));
  return view.buffer;
}

// Whatever the browser records in, the file is plain: one channel, 16 kHz.
async function plain(blob) {
  const context = new AudioContext();
  const decoded = await context.decodeAudioData(await blob.arrayBuffer());
  await context.close();
  const target = new OfflineAudioContext(1, Math.ceil(decoded.duration * RATE), RATE);
  const source = target.createBufferSource();
  source.buffer = decoded;
  source.connect(target.destination);
  source.start();
  return target.startRendering();
}

function measure(stream) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const look = () => {
    if (!now) { document.getElementById("loud").value = 0; context.close(); return; }
    analyser.getFloatTimeDomainData(samples);
    document.getElementById("loud").value = Math.max(...samples.map(Math.abs));
    requestAnimationFrame(look);
  };
  look();
}

async function start(button) {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
  } catch {
    document.getElementById("recorded").textContent = t("No microphone");
    return;
  }
  const parts = [];
  now = new MediaRecorder(stream);
  now.addEventListener("dataavailable", (event) => parts.push(event.data));
  now.addEventListener("stop", async () => {
    for (const track of stream.getTracks()) track.stop();
    now = null;
    say(button, "Record");
    try {
      sound = await plain(new Blob(parts, { type: parts[0]?.type }));
    } catch {
      document.getElementById("recorded").textContent = t("That didn't work. Try again.");
      return;
    }
    const chosen = new DataTransfer();
    chosen.items.add(new File([wav(sound.getChannelData(0))], "recording.wav", { type: "audio/wav" }));
    file.files = chosen.files;
    document.getElementById("hear").disabled = false;
    document.getElementById("recorded").textContent = t("Recorded: %(seconds)s s").replace("%(seconds)s", sound.duration.toFixed(1));
  });
  now.start();
  say(button, "Stop");
  measure(stream);
}

if (recorder && window.MediaRecorder && navigator.mediaDevices) {
  recorder.hidden = false;
  document.getElementById("record").addEventListener("click", (event) => {
    if (now) now.stop();
    else start(event.currentTarget);
  });
  document.getElementById("hear").addEventListener("click", () => {
    const context = new AudioContext();
    const source = context.createBufferSource();
    source.buffer = sound;
    source.connect(context.destination);
    source.addEventListener("ended", () => context.close());
    source.start();
  });
}
