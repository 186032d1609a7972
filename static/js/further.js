// A page of a long list that found nothing as far as it looked goes on by itself. Pages without a find stay out of the
// history, so that going back leads to where the search began.

const further = document.querySelector(".js-further");
if (further) location.replace(further.href);
