"use strict";
// The token stays in memory: closing the page forgets it.
const state = { token: "", selected: null, pictured: null };
const $ = (id) => document.getElementById(id);
const number = (value) => (value === null || value === undefined ? "–" : value.toPrecision(4));

const get = (path) => fetch(path, { headers: { Authorization: `Bearer ${state.token}` } });

async function ask(path) {
  const answer = await get(`/api/v1${path}`);
  const body = await answer.json();
  if (answer.status === 401) state.token = ""; // to ask again and again would be guessing
  if (!answer.ok) throw new Error(body.detail);
  return body;
}

function row(job) {
  const line = document.createElement("tr");
  line.tabIndex = 0;
  line.id = `job-${job.id}`;
  line.setAttribute("aria-selected", String(job.id === state.selected));
  const metrics = job.metrics || {};
  const cells = [job.name || job.id.slice(0, 13), job.status, `${job.progress.epoch} / ${job.progress.epochs}`,
    number(metrics.train_loss), number(metrics.val_loss), number(metrics.val_accuracy)];
  for (const text of cells) line.appendChild(document.createElement("td")).textContent = text;
  const select = () => { state.selected = job.id; refresh(); };
  line.addEventListener("click", select);
  line.addEventListener("keydown", (event) => { if (event.key === "Enter") select(); });
  return line;
}

function shape(name, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function draw(job, curve) {
  const chart = $("chart");
  chart.replaceChildren();
  const series = ["train_loss", "val_loss"].filter((name) => curve[name]);
  const values = series.flatMap((name) => curve[name]).filter((value) => value !== null);
  if (!values.length) {
    chart.appendChild(shape("text", { x: 40, y: 150 }, "No epoch has ended yet."));
    return;
  }
  const last = Math.max(curve.epoch[curve.epoch.length - 1], 2);
  const low = Math.min(...values), high = Math.max(...values, low + 1e-12);
  const x = (epoch) => 50 + (570 * (epoch - 1)) / (last - 1);
  const y = (value) => 260 - (240 * (value - low)) / (high - low);
  chart.append(shape("line", { class: "axis", x1: 50, y1: 260, x2: 620, y2: 260 }),
    shape("line", { class: "axis", x1: 50, y1: 20, x2: 50, y2: 260 }),
    shape("text", { x: 44, y: 24, "text-anchor": "end" }, number(high)),
    shape("text", { x: 44, y: 262, "text-anchor": "end" }, number(low)),
    shape("text", { x: 50, y: 280 }, "1"), shape("text", { x: 600, y: 280 }, String(last)),
    shape("text", { x: 310, y: 280 }, "epoch"));
  for (const name of series) {
    const points = curve.epoch.map((epoch, i) => [epoch, curve[name][i]]).filter(([, value]) => value !== null);
    const path = points.map(([epoch, value], i) => `${i ? "L" : "M"}${x(epoch)},${y(value)}`).join("");
    chart.appendChild(shape("path", { class: name.split("_")[0], d: path }));
  }
  if (job.best) {
    const at = x(job.best.epoch);
    chart.append(shape("line", { class: "best", x1: at, x2: at, y1: 20, y2: 260 }),
      shape("text", { x: at, y: 14, "text-anchor": "middle" }, `best: ${job.best.epoch}`));
  }
}

function show(jobs) {
  const focused = document.activeElement.id;
  $("welcome").hidden = true;
  $("empty").hidden = jobs.length > 0;
  $("jobs").hidden = jobs.length === 0;
  $("jobs").tBodies[0].replaceChildren(...jobs.map(row));
  if (focused.startsWith("job-") && $(focused)) $(focused).focus(); // whoever is there with the keyboard stays
}

const url = (blob) => new Promise((resolve) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.readAsDataURL(blob);
});

// Drawn by the service when a job has ended, and fetched once: the token is a header, which an image's address has not.
async function showPictures(job) {
  const key = job.links.pictures ? `${job.id} ${job.attempt}` : null;
  if (state.pictured === key) return;
  state.pictured = key;
  $("pictures").replaceChildren();
  if (!key) return;
  const { pictures } = await ask(`/jobs/${job.id}/pictures`);
  for (const { name, href } of pictures) {
    const answer = await get(href);
    if (!answer.ok) continue;
    const picture = document.createElement("img");
    picture.alt = name.replace("_", " ");
    picture.src = await url(await answer.blob());
    if (state.pictured !== key) return; // another job was chosen meanwhile
    $("pictures").appendChild(picture);
  }
}

function figures(best) {
  const shown = Object.entries((best && best.metrics) || {}).filter(([name]) => /^(val|test)_/.test(name));
  return shown.map(([name, value]) => `${name.replace("val_", "validation_").replaceAll("_", " ")} ${number(value)}`).join(" · ");
}

function showOne(job, curve) {
  $("one-title").textContent = job.name || job.id;
  const why = job.stop_reason || (job.failure && job.failure.message) || (job.queue && job.queue.why) || "";
  const state = why ? `${job.status}: ${why}` : job.status;
  $("one-state").textContent = job.verdict ? `${state}. ${job.verdict.sentence}` : state;
  $("one-mlflow").hidden = !job.mlflow;
  if (job.mlflow) $("one-mlflow").firstElementChild.href = job.mlflow.url;
  $("one-figures").textContent = figures(job.best);
  draw(job, curve);
  showPictures(job).catch((error) => { $("message").textContent = error.message; });
}

async function refresh() {
  if (!state.token || document.hidden) return;
  try {
    const page = await ask("/jobs?limit=50");
    $("message").textContent = "";
    show(page.jobs);
    $("one").hidden = !state.selected;
    if (state.selected) {
      const [job, curve] = await Promise.all([ask(`/jobs/${state.selected}`), ask(`/jobs/${state.selected}/curve`)]);
      showOne(job, curve);
    }
  } catch (error) {
    $("message").textContent = error.message;
  }
}

$("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  state.token = $("token").value.trim();
  refresh();
});
// A link that signs in has the token in its fragment, which no server sees; it leaves the address and the history.
function signInByLink() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  history.replaceState(null, "", location.pathname);
  state.token = token;
  refresh();
}

window.addEventListener("hashchange", signInByLink);
signInByLink();
setInterval(refresh, 2000);
