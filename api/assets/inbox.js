// The inbox with a keyboard. Without this the page does all the same; nothing here ever submits.
"use strict";
(() => {
  const KEYS_OFF = "handover.inbox.keys.off";
  const form = document.getElementById("inbox");
  if (!form) return;

  const keys = document.getElementById("keys");
  const rows = [...form.querySelectorAll(".row")];
  const send = document.getElementById("send");
  const chosen = document.getElementById("chosen");
  const keysOn = document.getElementById("keys-on");
  const unchosen = send.textContent;

  const rowInFocus = () => document.activeElement.closest(".row");

  function move(by) {
    const from = rows.indexOf(rowInFocus());
    const to = from < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, from + by));
    rows[to].focus();
    rows[to].scrollIntoView({ block: "nearest" });
  }

  function choose(row, choice) {
    const radio = row.querySelector(`input[data-choice="${choice}"]`);
    if (radio) {
      radio.checked = true;
      tell();
    }
  }

  function takeBack(row) {
    for (const radio of row.querySelectorAll("input[type=radio]")) radio.checked = false;
    tell();
  }

  function tell() {
    const count = form.querySelectorAll("input[type=radio]:checked").length;
    const words = count === 1 ? send.dataset.one : send.dataset.many;
    send.textContent = count ? words.replace("{n}", count) : unchosen;
    chosen.textContent = count ? send.textContent : "";
  }

  function help() {
    keys.hidden = false;
    keys.open = !keys.open;
    keys.querySelector("summary").focus();
  }

  function act(key) {
    const row = rowInFocus();
    switch (key) {
      case "j": return move(1);
      case "k": return move(-1);
      case "?": return help();
      case "d": return row && choose(row, "deny");
      case "a": return row && choose(row, "approve");
      case "x": return row && takeBack(row);
      case "o": return row && row.querySelector("a.open").click();
    }
  }

  // A browser may fill the form in again, as it was left.
  window.addEventListener("pageshow", tell);
  form.addEventListener("change", tell);
  form.addEventListener("reset", () => setTimeout(tell));

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      send.focus();
      return;
    }
    // In a radio button it would send the form without a press of the button.
    if (event.key === "Enter" && event.target.matches("input")) event.preventDefault();
    const typing = event.target.matches("textarea, input:not([type=radio], [type=checkbox])");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      // Between the choices of a row, these keys are the browser's own.
      if (event.target.matches("input")) return;
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if (keysOn.checked) {
      act(event.key);
    }
  });

  try {
    keysOn.checked = !localStorage.getItem(KEYS_OFF);
    keysOn.addEventListener("change", () => {
      if (keysOn.checked) localStorage.removeItem(KEYS_OFF);
      else localStorage.setItem(KEYS_OFF, "1");
    });
  } catch {
    // Without a place to remember it, it holds for this page.
  }
  keys.hidden = !matchMedia("(any-pointer: fine)").matches; // a phone has no keys
  tell();
})();
