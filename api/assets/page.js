// What makes a page nicer. Without it everything works; it sends nothing by itself.
"use strict";
(() => {
  const page = document.documentElement;
  const language = page.dataset.locale || page.lang || "en";
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

  // What can mean several things is asked back; `write` tells each of them as it can be typed.
  function askBack(form, text, meanings, write) {
    const told = new Intl.ListFormat(language, { type: "disjunction" }).format(meanings.map(write));
    const pattern = meanings.length > 1 ? form.dataset.two : form.dataset.other;
    return pattern.replace("{meanings}", () => told).replace("{typed}", () => visible(text.trim().slice(0, 40)));
  }

  // How a field is read stands below it, before it counts: the form says so, and the service compares.
  function readTyped(root) {
    const form = root.querySelector("form[data-notation]");
    if (!form) return;
    const notation = JSON.parse(form.dataset.notation);
    const number = (each) => typed.writeNumber(each, notation);
    follow(form, "value", (text) => typed.readNumber(text, notation), number, number, JSON.stringify, form.dataset.number);
    const zone = form.querySelector("#time_zone");
    const day = (each) => moment(each, { weekday: "short", year: "numeric", month: "short", day: "numeric" });
    const time = (each) => `${moment(each, { weekday: "short", year: "numeric", month: "long", day: "numeric", hour: "numeric", minute: "2-digit" })} (${zone.value.trim()})`;
    const typeable = (each) => `${each.slice(0, 16).replace("T", " ")} (${day(each)})`;
    follow(form, "execute_at", (text) => typed.readTime(text, notation), time, typeable, (each) => `${each} ${zone.value.trim()}`, "", zone);
    editByField(form, notation);
  }

  // What a clock shows, whichever it is.
  const moment = (shown, parts) => new Intl.DateTimeFormat(language, { ...parts, timeZone: "UTC" }).format(new Date(`${shown}Z`));

  // `none` is said of what cannot be read here; empty where the service may still read it.
  function follow(form, name, read, write, typeable, mark, none, beside) {
    const input = form.querySelector(`#${name}`);
    if (!input) return;
    const shown = form.querySelector(`#${name}-read`);
    const understood = form.elements[`understood.${name}`];
    const update = () => {
      const found = read(input.value);
      const nothing = input.value.trim() ? none : "";
      const wrong = found?.meanings ? askBack(form, input.value, found.meanings, typeable) : found ? "" : nothing;
      const isOne = found && !wrong;
      shown.textContent = isOne ? say(form.dataset.read, write(found.value)) : wrong;
      shown.classList.toggle("wrong", wrong !== "");
      understood.value = isOne ? mark(found.value) : "";
      input.setCustomValidity(wrong);
    };
    input.addEventListener("input", update);
    beside?.addEventListener("input", update);
    if (input.value) update();
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
    if (time) offerCalendar(time, root.querySelector("#execute_at-hint"));
    if (!then) return;
    time.addEventListener("input", () => (then.checked = time.value !== ""));
    root.querySelector("input[name=when][value=now]").addEventListener("change", () => write(time, ""));
  }

  function write(input, text) {
    input.value = text;
    input.dispatchEvent(new Event("input"));
  }

  // The browser's own calendar writes into the field what everybody reads alike.
  function offerCalendar(time, hint) {
    const picker = make("input", { type: "datetime-local", className: "picker", tabIndex: -1 });
    if (!picker.showPicker) return;
    picker.setAttribute("aria-hidden", "true");
    const button = make("button", { type: "button", className: "plain", textContent: time.dataset.pick });
    button.addEventListener("click", () => picker.showPicker());
    picker.addEventListener("input", () => picker.value && write(time, picker.value.replace("T", " ")));
    hint.after(make("div", { className: "calendar" }, button, picker));
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

  // A payload by its fields. What is edited there is written into the JSON, and the other way round.
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
  const asJson = (value) =>
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

  const names = (value) =>
    isHolder(value) ? Object.values(value).reduce((sum, each) => sum + names(each), Array.isArray(value) ? 0 : Object.keys(value).length) : 0;
  const NAME = /"(?:[^"\\]|\\.)*"(?=\s*:)/g;

  // Null for what is no object, and where a name is there twice: of those JSON.parse has only the last.
  const parse = (text) => {
    try {
      const value = JSON.parse(text);
      const isWhole = isHolder(value) && !Array.isArray(value) && names(value) === (text.match(NAME) ?? []).length;
      return isWhole ? value : null;
    } catch {
      return null;
    }
  };

  const kindOf = (leaf) => (leaf !== null && typeof leaf !== "object" ? typeof leaf : JSON.stringify(leaf));

  function editByField(form, notation) {
    const box = form.querySelector(".by-field");
    if (!box) return;
    const json = form.querySelector("#payload");
    const preview = form.querySelector(".changed");
    const asked = JSON.parse(box.dataset.asked);
    const rows = [...box.querySelectorAll(".field")].map((element) => row(element, asked, form, box, notation));
    // What was shown was of something else.
    const outdate = () => {
      preview.replaceChildren();
      form.elements["understood.payload"].value = "";
    };
    const fits = (given) => {
      const found = given ? leaves(given) : [];
      return found.length === rows.length && rows.every((each, index) => each.fits(...found[index]));
    };
    const show = () => {
      const isOne = fits(parse(json.value));
      box.hidden = !isOne;
      for (const each of rows) each.input.disabled = !isOne;
      return isOne;
    };
    for (const each of rows) {
      each.input.addEventListener("input", () => {
        outdate();
        const value = each.update();
        const given = parse(json.value);
        if (value === undefined || !given) return;
        put(given, each.path, value);
        json.value = asJson(given);
      });
    }
    json.addEventListener("input", () => {
      outdate();
      if (!show()) return;
      const given = parse(json.value);
      for (const each of rows) each.take(at(given, each.path));
    });
    // A field that cannot be read is not in the JSON: what is sent would not be what is seen.
    const stop = (event) => {
      const wrong = ["modify", "yes"].includes(event.submitter?.value) && box.querySelector("[aria-invalid=true]:enabled");
      if (!wrong) return;
      event.preventDefault();
      wrong.focus();
    };
    form.addEventListener("submit", stop, { capture: true });
    if (show()) for (const each of rows) each.update();
  }

  // One value: its field, and what is told below it of how it is read and of what was asked.
  function row(element, asked, form, box, notation) {
    const path = JSON.parse(element.dataset.path);
    const before = at(asked, path);
    const input = element.querySelector("input, textarea, select");
    const [wrong, was] = [element.querySelector(".wrong"), element.querySelector(".was")];
    const isText = typeof before === "string";
    const isNumber = typeof before === "number";
    const told = (value) => (isNumber ? typed.writeNumber(value, notation) : isText ? visible(value) : JSON.stringify(value));
    const first = isText || isNumber ? told(before) : JSON.stringify(before);
    const mark = make("input", { type: "hidden", name: `understood.${input.name}`, disabled: true });
    element.append(mark);

    // { value }, or { why } it is none.
    function read() {
      if (input.readOnly || input.value === first) return { value: before };
      if (typeof before === "boolean") return { value: input.value === "true" };
      if (!isNumber) return { value: input.value };
      const found = typed.readNumber(input.value, notation);
      if (found?.meanings) return { why: askBack(form, input.value, found.meanings, told) };
      return found ?? { why: form.dataset.number };
    }

    function update() {
      const { value, why = "" } = read();
      const isEdited = why !== "" || JSON.stringify(value) !== JSON.stringify(before);
      wrong.textContent = why;
      wrong.hidden = !why;
      if (why) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
      element.classList.toggle("edited", isEdited);
      const lines = [isNumber && !why && say(form.dataset.read, told(value)), say(box.dataset.was, told(before))];
      was.textContent = isEdited ? lines.filter(Boolean).join(" · ") : "";
      mark.disabled = !isEdited || why !== "";
      mark.value = mark.disabled ? "" : JSON.stringify(value);
      return why ? undefined : value;
    }

    // Whether this field can have that value of a changed JSON.
    function fits(other, leaf) {
      if (JSON.stringify(other) !== JSON.stringify(path) || kindOf(leaf) !== kindOf(before)) return false;
      if (input.readOnly) return JSON.stringify(leaf) === JSON.stringify(before);
      return !isText || (visible(leaf) === leaf && (input.tagName === "TEXTAREA" || !leaf.includes("\n")));
    }

    function take(leaf) {
      if (!input.readOnly) input.value = told(leaf);
      update();
    }

    return { path, input, update, fits, take };
  }

  function improve(root) {
    showLocalTimes(root);
    countDown(root);
    pairWhen(root);
    takeFiles(root);
    readTyped(root);
    for (const form of root.querySelectorAll("form[method=post]")) sendFiles(form, guard(form));
  }

  improve(document);
})();
