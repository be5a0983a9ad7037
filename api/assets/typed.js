// Numbers and times as people type them, by the rules of api/people/typed.py, which has the last word.
"use strict";
globalThis.typed = (() => {
  const MOST = 100;
  const SPELLINGS = new Map([
    ..."\u00a0\u202f\u2009".split("").map((each) => [each, " "]),
    ..."\u2212\ufe63\uff0d".split("").map((each) => [each, "-"]),
    ..."\u2019\u02bc\uff07".split("").map((each) => [each, "'"]),
    ["\uff0e", "."], ["\uff0c", ","], ["\uff1a", ":"], ["\uff0f", "/"], ["\uff0b", "+"],
  ]);
  const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\\/-]/g, "\\$&");

  // Digits of every script stand ten by ten.
  function digit(each) {
    let first = each.codePointAt(0);
    const at = first;
    while (/\p{Nd}/u.test(String.fromCodePoint(first - 1))) first -= 1;
    return String((at - first) % 10);
  }

  const plain = (text) =>
    text.replace(/[^\x00-\x7f]/gu, (each) => SPELLINGS.get(each) ?? (/\p{Nd}/u.test(each) ? digit(each) : each)).trim();

  function written(digits, decimal, whole) {
    const match = new RegExp(`^(${whole}|)(?:${escaped(decimal)}([0-9]*))?$`).exec(digits);
    if (!match || !(match[1] || match[2])) return [];
    return [`${match[1].replace(/[^0-9]/g, "") || 0}.${match[2] || 0}`];
  }

  function own(digits, { decimal, groups, sizes: [last, others] }) {
    const grouped = [...groups].map(escaped).map((g) => `[1-9][0-9]{0,${others - 1}}(?:${g}[0-9]{${others}})*${g}[0-9]{${last}}`);
    return written(digits, decimal, ["[0-9]+", ...grouped].join("|"));
  }

  function elsewhere(digits) {
    return [[".", ",' "], [",", ".' "]].flatMap(([decimal, groups]) => {
      const grouped = [...groups].map(escaped).map((g) => `[1-9][0-9]{0,2}(?:${g}[0-9]{2,3})*${g}[0-9]{3}`);
      return written(digits, decimal, ["[0-9]+", ...grouped].join("|"));
    });
  }

  function slips(digits) {
    const one = /^[0-9]+([.,])[0-9]+$/.exec(digits);
    return one ? [".", ""].map((point) => digits.replace(one[1], point)) : [];
  }

  // The same for two texts exactly if they are the same number.
  function exact(text) {
    const [, sign, whole, fraction = "", power = "0"] = /^([+-]?)([0-9]*)\.?([0-9]*)(?:e(.+))?$/i.exec(text);
    const digits = (whole + fraction).replace(/^0+/, "");
    const short = digits.replace(/0+$/, "");
    if (!short) return "0";
    return `${sign === "-" ? "-" : ""}${short}e${Number(power) - fraction.length + digits.length - short.length}`;
  }

  // { value } for what can mean one thing, { meanings } for what is to be asked back, else null.
  function readNumber(text, notation) {
    const told = plain(text);
    const match = told.length <= MOST && /^([+-]?)([0-9][0-9.,' ]*|[.,][0-9]+)([eE][+-]?[0-9]{1,3})?$/.exec(told);
    if (!match) return null;
    const [, sign, typed, exponent = ""] = match;
    const digits = typed.trimEnd();
    const ours = own(digits, notation);
    const meant = [...ours, ...elsewhere(digits), ...(ours.length ? [] : slips(digits))].map((each) => sign + each + exponent);
    const numbers = [...new Set(meant.map((each) => Number(each) + 0))].filter(Number.isFinite);
    if (!numbers.length) return null;
    const isOne = numbers.length === 1 && ours.length && exact(meant[0]) === exact(String(numbers[0]));
    return isOne ? { value: numbers[0] } : { meanings: numbers };
  }

  function writeNumber(number, { decimal }) {
    return String(number + 0).replace(/^(-?[1-9][0-9]{0,2}\.[0-9]{3})(?=e|$)/, "$10").replace(".", decimal);
  }

  function daysOf(first, separator, second, third, { order, separator: usual }) {
    const isYear = (part) => part.length === 4;
    const orders = isYear(first) ? ["ymd"] : separator === "." ? ["dmy"] : order === "mdy" ? ["mdy", "dmy"] : ["dmy", "mdy"];
    const days = new Map();
    let isOwn = false;
    for (const each of orders) {
      const told = Object.fromEntries([...each].map((name, index) => [name, [first, second, third][index]]));
      const year = isYear(told.y) ? told.y : `20${told.y.slice(-2).padStart(2, "0")}`;
      const moment = new Date(Date.UTC(Number(year), Number(told.m) - 1, Number(told.d)));
      if (moment.getUTCMonth() !== Number(told.m) - 1 || moment.getUTCFullYear() !== Number(year)) continue;
      days.set(moment.getTime(), moment.toISOString().slice(0, 10));
      isOwn ||= isYear(told.y) && ((each === "ymd" && separator === "-") || (each === order && separator === usual));
    }
    return [[...days.values()], isOwn];
  }

  function hoursOf(hour, half, isTwice) {
    if (half) return hour >= 1 && hour <= 12 ? [(hour % 12) + (/p/i.test(half) ? 12 : 0)] : [];
    if (isTwice && hour >= 1 && hour <= 12) return [hour % 12, (hour % 12) + 12];
    return hour < 24 ? [hour] : [];
  }

  // As readNumber, with what a clock shows as YYYY-MM-DDTHH:MM:SS. Null also for what only the
  // service reads: names of months, offsets, fractions of a second.
  function readTime(text, notation) {
    const told = plain(text);
    const match = told.length <= MOST &&
      /^([0-9]{1,4})\s?([./-])\s?([0-9]{1,2})\s?\2\s?([0-9]{1,4})[T\s,]+(?:(?:um|à|at)\s)?([0-9]{1,2})(?:\s?[:.h]\s?([0-9]{2})|(?=\s?(?:[ap]\.?m|h)))(?::([0-9]{2}))?(?:\s?([ap])\.?m\.?|\s?uhr|\s?h)?$/i.exec(told);
    if (!match) return null;
    const [, first, separator, second, third, hour, minute = "00", seconds = "00", half] = match;
    const isIso = /^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:/.test(told);
    if (Number(minute) > 59 || Number(seconds) > 59) return null;
    const [days, isOwn] = daysOf(first, separator, second, third, notation);
    const hours = hoursOf(Number(hour), half, notation.halves && !isIso);
    const meanings = days.flatMap((day) => hours.map((each) => `${day}T${String(each).padStart(2, "0")}:${minute}:${seconds}`));
    if (!meanings.length) return null;
    return meanings.length === 1 && isOwn ? { value: meanings[0] } : { meanings };
  }

  return { readNumber, writeNumber, readTime };
})();
