// The browser's telephone: one WebRTC connection to the gateway, kept up and made anew when the network changes.
import { post, t } from "./fragments.js";

const GATHERING = 2000;
const page = crypto.randomUUID();

export class Phone {
  #connection = null;
  #stream = null;
  #wanted = false;
  #tries = 0;

  #elsewhere = false;
  muted = false;

  // `ice`: STUN and TURN servers, as an RTCPeerConnection takes them.
  constructor(urls, audio, ice, shows) {
    Object.assign(this, { urls, audio, ice, shows });
    window.addEventListener("online", () => this.#wanted && !this.#elsewhere && this.connect());
    window.addEventListener("pagehide", () => {
      const body = new Blob([JSON.stringify({ page })], { type: "application/json" });
      if (this.#wanted) fetch(this.urls.bye, { method: "POST", body, keepalive: true, headers: this.urls.headers() });
    });
  }

  async start(deviceId = "") {
    this.#wanted = true;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, ...(deviceId && { deviceId }) },
      });
      this.#stream?.getTracks().forEach((track) => track.stop());
      this.#stream = stream;
      this.#listenToLevel(stream);
      const sender = this.#connection?.getSenders().find((one) => one.track?.kind === "audio");
      this.mute(this.muted);
      if (sender && this.#connection.connectionState === "connected") await sender.replaceTrack(stream.getAudioTracks()[0]);
      else await this.connect(true);
    } catch {
      this.shows.line(t("No microphone"), "bad");
    }
  }

  stop() {
    this.#wanted = false;
    clearTimeout(this.timer);
    this.#connection?.close();
    this.#connection = null;
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.shows.line(t("Telephone off"), "");
    post(this.urls.bye, { page }).catch(() => {});
  }

  // This page has the telephone from now on.
  async take() {
    if (this.#wanted && this.#elsewhere) await this.connect(true);
  }

  // `owner` is the page that has it: where that is none any more, whoever is there takes it.
  told(owner) {
    if (!this.#wanted) return;
    if (!owner && this.#elsewhere) this.connect();
  }

  mute(muted) {
    this.muted = muted;
    for (const track of this.#stream?.getAudioTracks() ?? []) track.enabled = !muted;
  }

  // A fresh page takes the telephone over; one that lost its connection takes it back only if no other has it.
  async connect(take = false) {
    if (!this.#wanted || !this.#stream) return;
    clearTimeout(this.timer);
    this.shows.line(t(this.#tries ? "Reconnecting…" : "Connecting…"), "warn");
    const before = this.#connection;
    const connection = new RTCPeerConnection({ iceServers: this.ice });
    this.#connection = connection;
    try {
      connection.addTrack(this.#stream.getAudioTracks()[0], this.#stream);
      connection.ontrack = ({ streams }) => (this.audio.srcObject = streams[0]);
      connection.onconnectionstatechange = () => this.#changed(connection);
      await connection.setLocalDescription(await connection.createOffer());
      await gathered(connection);
      const response = await post(this.urls.connect, { page, sdp: connection.localDescription.sdp, take: take ? "yes" : "no" });
      if (!response.ok) throw new Error(`${response.status}`);
      const { sdp, elsewhere } = await response.json();
      if (connection !== this.#connection) return connection.close();
      if (elsewhere) return this.#left(connection);
      this.#elsewhere = false;
      this.shows.elsewhere(false);
      await connection.setRemoteDescription({ type: "answer", sdp });
      // A far side that says goodbye leaves connectionState as it is.
      const transport = connection.getSenders()[0].transport;
      if (transport) transport.onstatechange = () => transport.state === "closed" && this.#again(connection);
    } catch {
      this.#again(connection);
    } finally {
      before?.close();
    }
  }

  #changed(connection) {
    if (connection !== this.#connection) return;
    if (connection.connectionState === "connected") {
      this.#tries = 0;
      this.shows.line(t("Telephone ready"), "good");
      this.#measure(connection);
    }
    if (["disconnected", "failed"].includes(connection.connectionState)) this.#again(connection);
  }

  #left(connection) {
    connection.close();
    this.#tries = 0;
    this.#elsewhere = true;
    this.shows.line(t("Telephone in another tab"), "warn");
    this.shows.elsewhere(true);
  }

  #again(connection) {
    if (connection !== this.#connection || !this.#wanted) return;
    this.shows.line(t("Reconnecting…"), "warn");
    this.#tries += 1;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), Math.min(8000, 250 * 2 ** this.#tries));
  }

  async #measure(connection) {
    if (connection !== this.#connection || connection.connectionState !== "connected") return;
    let lost = 0, received = 0, jitter = 0;
    for (const report of (await connection.getStats()).values()) {
      if (report.type === "inbound-rtp") [lost, received, jitter] = [report.packetsLost, report.packetsReceived, report.jitter];
    }
    const seen = this.seen ?? { lost, received };
    const share = (lost - seen.lost) / Math.max(1, lost - seen.lost + received - seen.received);
    this.seen = { lost, received };
    this.shows.quality(share > 0.05 || jitter > 0.06 ? "poor" : share > 0.01 || jitter > 0.03 ? "fair" : "good");
    setTimeout(() => this.#measure(connection), 2000);
  }

  #listenToLevel(stream) {
    this.context ??= new AudioContext();
    const analyser = this.context.createAnalyser();
    analyser.fftSize = 512;
    this.context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    clearInterval(this.metering);
    this.metering = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const loudness = Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
      this.shows.level(Math.min(1, loudness * 6));
    }, 150);
  }
}

function gathered(connection) {
  if (connection.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const late = setTimeout(resolve, GATHERING);
    connection.addEventListener("icegatheringstatechange", () => {
      if (connection.iceGatheringState !== "complete") return;
      clearTimeout(late);
      resolve();
    });
  });
}
