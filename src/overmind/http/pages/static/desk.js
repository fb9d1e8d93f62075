"use strict";
// The live page. One tab of a browser reads the stream of ticks and passes them on, because a browser opens at most
// six connections to one origin: with a stream in every tab, the seventh tab and the stop button would wait for ever.
// Each visible tab then fetches its own view again and changes what is different in it.
(() => {
  const SILENCE_MS = 3000; // Without a tick for so long a page is not live.
  const LOOK_MS = 500;
  const QUIET_MS = 5000; // What is not in the journal is fetched again after so long.
  const RETRY_MS = 2000; // before a refused stream is asked for again
  const policy = window.trustedTypes
    ? window.trustedTypes.createPolicy("overmind", { createHTML: (html) => html })
    : { createHTML: (html) => html };
  const main = document.getElementById("main");
  const live = document.getElementById("live");
  const dead = document.getElementById("dead");
  if (!live) return;

  // State of this page

  let heardAt = performance.now(); // when the last tick came
  let shownAt = heardAt; // when the view was last known to be current
  let fetchedAt = heardAt;
  let tickedMs = Number(live.dataset.at); // the desk's time of the last tick
  let wanted = Number(main.dataset.seq); // the newest entry that a tick told of
  let shown = wanted; // the entry that the view shows
  let freshUntil = 0; // The service makes no newer view before.
  let tag = "";
  let busy = false;
  let refused = ""; // why the service does not answer the view

  const time = (ms) => new Date(ms).toISOString().slice(11, 19);

  // The address keeps no key of a notice: the next load would not know it.
  const address = new URL(location.href);
  if (address.searchParams.has("notice")) {
    address.searchParams.delete("notice");
    history.replaceState(null, "", address);
  }

  const nav = document.querySelector(".nav"); // On a narrow screen the view's own name may be out of sight.
  const here = nav && nav.querySelector("[aria-current]");
  if (here) nav.scrollLeft = here.offsetLeft - (nav.clientWidth - here.offsetWidth) / 2;

  // The stream

  const channel = "BroadcastChannel" in window ? new BroadcastChannel("desk") : null;
  let stream = null;

  function hear(text, passOn) {
    const tick = JSON.parse(text);
    heardAt = performance.now();
    tickedMs = tick.at_ms;
    wanted = tick.seq;
    if (passOn && channel) channel.postMessage(text);
    refresh(false);
    tell();
  }

  function open(passOn) {
    close();
    stream = new EventSource("/desk/stream");
    stream.onmessage = (event) => hear(event.data, passOn);
    const own = stream;
    stream.onerror = () => {
      if (own.readyState === EventSource.CLOSED && stream === own) setTimeout(() => stream === own && open(passOn), RETRY_MS);
    };
  }

  function close() {
    if (stream) stream.close();
    stream = null;
  }

  let leads = false;
  function queueUp() {
    if (!navigator.locks || !channel) return;
    navigator.locks.request("desk-stream", () => new Promise((leave) => {
      leads = true;
      open(true);
      addEventListener("pagehide", () => { leads = false; close(); leave(); }, { once: true });
    }));
  }
  if (channel) channel.onmessage = (event) => {
    if (stream && !leads) close(); // Another tab leads again.
    hear(event.data, false);
  };
  queueUp();
  addEventListener("pageshow", (event) => { if (event.persisted) queueUp(); });

  // If the leading tab says nothing, or there can be none, a visible page opens a stream of its own.
  function lookAfterStream() {
    const silent = performance.now() - heardAt > SILENCE_MS;
    if (silent && !stream && !document.hidden) open(false);
    if (document.hidden && stream && !leads) close();
  }

  // The view

  async function refresh(force) {
    if (document.hidden || busy) return;
    const now = performance.now();
    if (!force && now < freshUntil) return;
    if (!force && wanted === shown && now - fetchedAt <= QUIET_MS) {
      shownAt = now;
      return;
    }
    busy = true;
    fetchedAt = now;
    const asked = wanted;
    try {
      const headers = { "x-fragment": "1", "x-seq": String(asked) };
      if (tag) headers["if-none-match"] = tag;
      const answer = await fetch(location.href.split("#")[0], { headers, cache: "no-store", redirect: "manual" });
      if (answer.status === 200) {
        const text = await answer.text();
        tag = answer.headers.get("etag") || "";
        const made = new DOMParser().parseFromString(policy.createHTML(text), "text/html").getElementById("main");
        if (made) morph(main, made);
        document.dispatchEvent(new CustomEvent("desk:shown"));
      }
      if (answer.status === 200 || answer.status === 304) {
        const got = Number(answer.headers.get("x-seq"));
        shown = Math.min(asked, got || asked); // A view that costs much may be a little older.
        shownAt = performance.now();
        freshUntil = shownAt + Number(answer.headers.get("x-fresh-ms") || 0);
        refused = "";
      } else {
        refused = answer.type === "opaqueredirect" || answer.status === 401 ? "signed out" : "the service refuses this view";
      }
    } catch {
      refused = "the service does not answer";
    } finally {
      busy = false;
      tell();
    }
    if (wanted !== asked) refresh(false);
  }
  document.addEventListener("visibilitychange", () => { lookAfterStream(); if (!document.hidden) refresh(true); });

  // How old the page is

  let told = "";
  function tell() {
    const now = performance.now();
    const silent = now - heardAt > SILENCE_MS || (!document.hidden && (refused || now - shownAt > QUIET_MS + SILENCE_MS));
    const said = silent ? `Not live since ${time(tickedMs)} UTC: ${refused || "the stream is silent"}. What you see is old.` : "";
    const parts = silent ? ["not live since ", time(tickedMs), ""] : ["live ", time(tickedMs), " UTC"];
    if (parts.join("") + said === told) return;
    told = parts.join("") + said;
    parts.forEach((text, place) => { live.children[place].textContent = text; });
    live.classList.toggle("is-live", !silent);
    live.classList.toggle("is-dead", silent);
    dead.hidden = !silent;
    dead.textContent = said;
    if (refused === "signed out") {
      const link = dead.appendChild(document.createElement("a"));
      link.href = "/login?next=" + encodeURIComponent(location.pathname + location.search);
      link.textContent = " Sign in";
    }
  }
  setInterval(() => { lookAfterStream(); tell(); }, LOOK_MS);
  refresh(false);

  // The morph: makes one element like another, and keeps what a person does in it: focus, typed text, what is open.

  const KEPT = new Set(["open"]); // attributes that a person changes

  function morph(from, to) {
    if (from.isEqualNode(to)) return;
    for (const { name } of [...from.attributes]) {
      if (!to.hasAttribute(name) && !KEPT.has(name)) from.removeAttribute(name);
    }
    for (const { name, value } of to.attributes) {
      if (!KEPT.has(name) && from.getAttribute(name) !== value) from.setAttribute(name, value);
    }
    if (!to.hasAttribute("data-keep")) morphChildren(from, to); // A script of its own fills the others.
  }

  function morphChildren(from, to) {
    let place = from.firstChild;
    for (const made of [...to.childNodes]) {
      const same = counterpart(from, place, made);
      if (!same) {
        from.insertBefore(document.importNode(made, true), place);
        continue;
      }
      if (same === place) place = place.nextSibling;
      else from.insertBefore(same, place);
      if (same.nodeType === Node.ELEMENT_NODE) morph(same, made);
      else if (same.data !== made.data) same.data = made.data;
    }
    while (place) {
      const next = place.nextSibling;
      place.remove();
      place = next;
    }
  }

  function counterpart(from, place, made) {
    if (made.id) {
      const found = document.getElementById(made.id);
      return found && found.parentNode === from && found.nodeName === made.nodeName ? found : null;
    }
    return place && place.nodeName === made.nodeName && !place.id ? place : null;
  }
})();
