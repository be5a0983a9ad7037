// Offers the time zone of this device, where it is one that can be chosen and is not chosen yet.
"use strict";
(() => {
  const zones = document.getElementById("zone");
  const offer = document.getElementById("device");
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;

  if (here && zones.value !== here && [...zones.options].some((option) => option.value === here)) {
    offer.textContent = offer.dataset.words.replace("{zone}", here);
    offer.hidden = false;
    offer.addEventListener("click", () => {
      zones.value = here;
      offer.hidden = true;
      zones.focus();
    });
  }
})();
