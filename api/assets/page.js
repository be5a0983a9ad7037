// What makes a page nicer. Without it everything works; it sends nothing by itself.
"use strict";
(() => {
  const page = document.documentElement;
  const language = page.lang || "en";
  const say = (pattern, text) => pattern.split("{}").join(text);

  function make(tag, properties = {}, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  // Times by the clock of this device, where it shows another one.
  function clock(moment, timeZone) {
    const parts = { weekday: "short", month: "short", day: "numeric", hour: "numeric", minute: "2-digit", timeZone };
    return new Intl.DateTimeFormat(language, parts).format(moment);
  }

  function showLocalTimes(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const moment = new Date(time.dateTime);
      const here = clock(moment);
      if (here !== clock(moment, page.dataset.zone)) {
        time.append(` (${say(page.dataset.here, here)})`);
      }
    }
  }

  // How much time is left, without a word to screen readers: they read it when they come by.
  const unit = (name, count) =>
    new Intl.NumberFormat(language, { style: "unit", unit: name, unitDisplay: "long" }).format(count);

  function distance(seconds) {
    if (seconds < 60) return unit("second", seconds);
    const minutes = Math.round(seconds / 60);
    const [days, hours] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60)];
    const parts = [["day", days], ["hour", hours], ["minute", days ? 0 : minutes % 60]];
    const told = parts.filter(([, count]) => count).map(([name, count]) => unit(name, count));
    return new Intl.ListFormat(language, { type: "unit" }).format(told);
  }

  function countDown(root) {
    const left = root.querySelector(".countdown");
    if (!left) return;
    const { until, now, pattern, over } = left.dataset;
    const ahead = new Date(now) - Date.now(); // of this device's clock, which may be wrong
    const tick = () => {
      const seconds = Math.ceil((new Date(until) - Date.now() - ahead) / 1000);
      const text = seconds > 0 ? say(pattern, distance(seconds)) : over;
      if (left.textContent !== text) left.textContent = text;
      if (seconds > 0 && left.isConnected) setTimeout(tick, 1000);
    };
    tick();
  }

  // A second press of a button sends nothing, for as long as the first may be under way.
  const PATIENCE = 8000;

  function guard(form) {
    const buttons = () => [...form.elements].filter((each) => each.type === "submit" && !each.hidden);
    const release = () => {
      form.removeAttribute("aria-busy");
      for (const button of buttons()) button.disabled = false;
    };
    form.addEventListener("submit", (event) => {
      if (event.defaultPrevented) return;
      if (event.submitter?.hidden) return event.preventDefault(); // the Enter key
      if (form.hasAttribute("aria-busy")) return event.preventDefault();
      form.setAttribute("aria-busy", "true");
      // Not before the form is read: a button that is disabled is no part of it.
      setTimeout(() => buttons().forEach((button) => (button.disabled = true)), 0);
      if (!("progress" in form.dataset)) setTimeout(release, PATIENCE);
    });
    addEventListener("pageshow", release);
    return release;
  }

  // A date means that time, and "as soon as" takes none.
  function pairWhen(root) {
    const then = root.querySelector("input[name=when][value=then]");
    const time = root.querySelector("#execute_at");
    const zone = root.querySelector("#time_zone");
    if (zone) {
      const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
      if ("guess" in zone.dataset && here) zone.value = here;
      const known = Intl.supportedValuesOf ? Intl.supportedValuesOf("timeZone") : [];
      zone.list.append(...known.map((name) => make("option", { value: name })));
    }
    if (!then) return;
    time.addEventListener("input", () => (then.checked = time.value !== ""));
    root.querySelector("input[name=when][value=now]").addEventListener("change", () => (time.value = ""));
  }

  // Files: dragged here, listed, taken out again.
  const inUnit = (unit, count, digits) =>
    new Intl.NumberFormat(language, { style: "unit", unit, maximumFractionDigits: digits }).format(count);
  const size = (bytes) =>
    bytes < 1e6 ? inUnit("kilobyte", Math.max(1, bytes / 1000), 0) : inUnit("megabyte", bytes / 1e6, 1);

  function keep(input, files) {
    const kept = new DataTransfer();
    for (const file of files) kept.items.add(file);
    input.files = kept.files;
  }

  function takeFiles(root) {
    const drop = root.querySelector(".drop");
    if (!drop) return;
    const input = drop.querySelector("input");
    const most = Number(drop.dataset.most);
    const list = make("ul", { className: "chosen-files" });
    drop.classList.add("ready");
    drop.append(make("p", { className: "soft", textContent: drop.dataset.drop }), list);
    const show = () => list.replaceChildren(...[...input.files].map(row));
    const row = (file) => {
      const out = make("button", { type: "button", className: "plain", textContent: "×" });
      out.setAttribute("aria-label", say(drop.dataset.remove, file.name));
      out.addEventListener("click", () => {
        keep(input, [...input.files].filter((each) => each !== file));
        show();
        input.focus();
      });
      return make("li", {}, make("span", { textContent: `${file.name}, ${size(file.size)}` }), out);
    };
    input.addEventListener("change", show);
    for (const name of ["dragenter", "dragover"]) {
      drop.addEventListener(name, (event) => {
        event.preventDefault();
        drop.classList.add("over");
      });
    }
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      const dropped = [...event.dataTransfer.files];
      keep(input, most > 1 ? [...input.files, ...dropped] : dropped.slice(0, 1));
      show();
    });
    show();
  }

  // Files are sent with a bar that says how far, and stay chosen when the answer is refused.
  function sendFiles(form, release) {
    if (!("progress" in form.dataset)) return;
    const input = form.querySelector("input[type=file]");
    form.addEventListener("submit", (event) => {
      if (event.defaultPrevented || !event.submitter) return;
      event.preventDefault();
      const body = new FormData(form);
      body.append(event.submitter.name, event.submitter.value);
      const bar = make("progress", { max: 100, value: 0 });
      const told = make("p", { className: "soft" });
      const state = make("div", { className: "sending" }, told, bar);
      told.setAttribute("role", "status");
      bar.setAttribute("aria-label", say(form.dataset.progress, ""));
      form.querySelector(".sending")?.remove();
      form.querySelector(".buttons").before(state);
      const request = new XMLHttpRequest();
      const fail = (words) => {
        bar.remove();
        told.className = "wrong";
        told.textContent = words;
        release();
      };
      const { largest, tooLarge } = input.closest(".drop").dataset;
      const large = [...input.files].find((file) => file.size > Number(largest));
      if (body.get("choice") !== "approve") body.delete(input.name);
      else if (large) return setTimeout(fail, 0, say(tooLarge, large.name));
      request.open("POST", location.href);
      request.upload.addEventListener("progress", ({ loaded, total }) => {
        bar.value = total ? (100 * loaded) / total : 0;
        const percent = new Intl.NumberFormat(language, { style: "percent" }).format(bar.value / 100);
        told.textContent = say(form.dataset.progress, percent);
      });
      request.addEventListener("error", () => fail(form.dataset.failed));
      request.addEventListener("load", () => {
        const answer = new DOMParser().parseFromString(request.responseText, "text/html");
        // A proxy's own page is none of ours.
        if ("zone" in answer.documentElement.dataset) return replaceMain(answer, input.files);
        const together = [...input.files].reduce((sum, file) => sum + file.size, 0);
        fail(request.status === 413 ? say(form.dataset.tooLarge, size(together)) : say(form.dataset.refused, request.status));
      });
      request.send(body);
    });
  }

  function replaceMain(answer, files) {
    const main = answer.querySelector("main");
    document.querySelector("main").replaceWith(document.adoptNode(main));
    document.title = answer.title;
    const input = main.querySelector("input[type=file]");
    if (input) {
      keep(input, files);
      for (const advice of main.querySelectorAll(".without-script")) advice.remove();
    }
    improve(main);
    const first = main.querySelector("[autofocus]") || main.querySelector("h1");
    if (first.tagName === "H1") first.tabIndex = -1;
    scrollTo(0, 0);
    first.focus();
  }

  // A payload by its fields. The JSON is what is sent; it is written when a field is edited.
  const MOST_FIELDS = 60;
  const isHolder = (value) => value !== null && typeof value === "object" && Object.keys(value).length > 0;

  function leaves(value, path = []) {
    if (!isHolder(value)) return [[path, value]];
    return Object.keys(value).flatMap((key) => leaves(value[key], [...path, key]));
  }

  // Characters that nobody sees, or that move others: written out, as in the rest of the page.
  const HIDDEN = /(?![\n\t])[\p{C}\p{Zl}\p{Zp}\u115f\u1160\u2800\u3164\uffa0]/gu;
  const code = (number) => number.toString(16).padStart(4, "0");
  const isJoiner = (each, index, text) =>
    /[\u200c\u200d]/.test(each) && text.charCodeAt(index - 1) > 127 && text.charCodeAt(index + 1) > 127;
  const visible = (text) =>
    text.replace(HIDDEN, (...found) => (isJoiner(...found) ? found[0] : `⟨U+${code(found[0].codePointAt(0)).toUpperCase()}⟩`));
  const write = (value) =>
    JSON.stringify(value, null, 2).replace(HIDDEN, (...found) =>
      isJoiner(...found) ? found[0] : found[0].split("").map((unit) => `\\u${code(unit.charCodeAt(0))}`).join(""));

  function at(value, path) {
    for (const key of path) {
      if (value === null || typeof value !== "object" || !Object.hasOwn(value, key)) return undefined;
      value = value[key];
    }
    return value;
  }

  function put(value, path, leaf) {
    const last = path[path.length - 1];
    const holder = at(value, path.slice(0, -1));
    // Assigned, a key of the name __proto__ would be something else.
    Object.defineProperty(holder, last, { value: leaf, enumerable: true, configurable: true, writable: true });
  }

  const parse = (text) => {
    try {
      const value = JSON.parse(text);
      return isHolder(value) && !Array.isArray(value) ? value : null;
    } catch {
      return null;
    }
  };

  function editByField(root) {
    const box = root.querySelector(".by-field");
    const json = root.querySelector("#payload");
    const asked = box && parse(box.dataset.asked);
    if (!asked || leaves(asked).length > MOST_FIELDS || !parse(json.value)) return;
    const whole = root.querySelector(".by-json");
    const fold = make("details", {}, make("summary", { textContent: whole.querySelector("label").textContent }));
    whole.replaceWith(fold);
    fold.append(whole);
    fold.open = json.hasAttribute("aria-invalid");
    const preview = root.querySelector(".changed");
    const show = () => {
      const given = parse(json.value);
      box.hidden = !given;
      if (given) box.replaceChildren(...leaves(given).map(([path, leaf], index) => field(path, leaf, index)));
    };
    const field = (path, leaf, index) => {
      const id = `payload-${index}`;
      const input = control(leaf);
      input.id = id;
      const name = path.map((key, depth) => (Array.isArray(at(asked, path.slice(0, depth))) ? `#${Number(key) + 1}` : key));
      const was = make("p", { className: "soft was", id: `${id}-was` });
      const wrong = make("p", { className: "wrong", id: `${id}-wrong`, hidden: true, textContent: box.dataset.number });
      const row = make("div", { className: "field" }, make("label", { htmlFor: id, textContent: visible(name.join(" → ")) }), input, wrong, was);
      const mark = () => {
        const before = at(asked, path);
        const now = at(parse(json.value) ?? {}, path);
        const edited = JSON.stringify(before) !== JSON.stringify(now);
        row.classList.toggle("edited", edited);
        was.textContent = edited && before !== undefined ? say(box.dataset.was, visible(typeof before === "string" ? before : JSON.stringify(before))) : "";
        was.hidden = !was.textContent;
        input.setAttribute("aria-describedby", `${id}-was`);
      };
      input.addEventListener("input", () => {
        const value = read(input, leaf);
        wrong.hidden = value !== undefined;
        if (value === undefined) {
          input.setAttribute("aria-invalid", "true");
          input.setAttribute("aria-describedby", `${id}-wrong`);
          input.setCustomValidity(box.dataset.number);
          return;
        }
        input.removeAttribute("aria-invalid");
        input.setCustomValidity("");
        const given = parse(json.value);
        if (!given) return;
        put(given, path, value);
        json.value = write(given);
        preview.replaceChildren(); // it was of something else
        mark();
      });
      mark();
      return row;
    };
    json.addEventListener("input", () => {
      preview.replaceChildren();
      show();
    });
    // A field that cannot be read is not in the JSON: what is sent would not be what is seen.
    const stop = (event) => {
      const wrong = ["modify", "yes"].includes(event.submitter?.value) && box.querySelector("[aria-invalid=true]");
      if (!wrong) return;
      event.preventDefault();
      wrong.focus();
    };
    json.form.addEventListener("submit", stop, { capture: true });
    show();
  }

  function control(leaf) {
    if (typeof leaf === "boolean") {
      const options = ["true", "false"].map((each) => make("option", { textContent: each, selected: each === String(leaf) }));
      return make("select", {}, ...options);
    }
    // What cannot be seen is edited in the JSON, where it is written out.
    if (typeof leaf === "string" && visible(leaf) !== leaf) return make("input", { type: "text", value: visible(leaf), readOnly: true });
    if (typeof leaf === "string" && leaf.length > 60) return make("textarea", { rows: 3, value: leaf });
    const isText = typeof leaf === "string";
    const input = make("input", { type: "text", value: isText ? leaf : JSON.stringify(leaf) });
    if (typeof leaf === "number") input.inputMode = "decimal";
    if (!isText && typeof leaf !== "number") input.readOnly = true;
    return input;
  }

  // undefined for what is no number where one has to be.
  function read(input, leaf) {
    if (typeof leaf === "boolean") return input.value === "true";
    if (typeof leaf !== "number") return input.value;
    const text = input.value.trim();
    return /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text) && Number.isFinite(Number(text)) ? Number(text) : undefined;
  }

  function improve(root) {
    showLocalTimes(root);
    countDown(root);
    pairWhen(root);
    takeFiles(root);
    editByField(root);
    for (const form of root.querySelectorAll("form[method=post]")) sendFiles(form, guard(form));
  }

  improve(document);
})();
