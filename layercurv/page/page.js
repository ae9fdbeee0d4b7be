// Filters: a row is shown if it holds the words of the search and has the chosen values.
for (const form of document.querySelectorAll(".filter")) {
  const rows = [...document.querySelectorAll(`#${form.dataset.table} tbody tr`)];
  const output = form.querySelector("output");
  const apply = () => {
    const words = form.querySelector("input").value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = [...form.querySelectorAll("select")].filter((select) => select.value);
    let shown = 0;
    for (const row of rows) {
      const fits =
        words.every((word) => row.dataset.search.includes(word)) &&
        chosen.every((select) => row.dataset[select.dataset.key] === select.value);
      row.hidden = !fits;
      shown += fits;
    }
    output.textContent = `${shown} of ${rows.length} shown`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
}
