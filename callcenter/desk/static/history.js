// Who chooses a day means a period from day to day.
for (const day of document.querySelectorAll('.filters [type="date"]')) {
  day.addEventListener("input", () => (day.form.elements.period.value = "range"));
}
