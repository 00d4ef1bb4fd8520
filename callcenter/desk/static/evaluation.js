// Comments belong to moments of a recording: a button goes there, another takes the moment that is being played.
const sound = (id) => document.getElementById(`sound-${id}`);
const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-jump], [data-mark]");
  if (!target) return;
  if (target.dataset.jump) {
    const player = sound(target.dataset.sound);
    const go = () => { player.currentTime = Number(target.dataset.jump); };
    if (player.readyState) go();
    else player.addEventListener("loadedmetadata", go, { once: true });
    player.play().catch(() => {}); // a browser that may not play by itself still stands at the moment
  } else {
    const fields = document.getElementById("evaluation").elements;
    const number = target.dataset.mark;
    const player = sound(fields[`comment_sound_${number}`].value);
    fields[`comment_at_${number}`].value = clock(player?.currentTime ?? 0);
    fields[`comment_${number}`].focus();
  }
});
