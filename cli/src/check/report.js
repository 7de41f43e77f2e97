// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
// Opens the reasons of a cell, filters rows, and follows links to cells. Without it, the reasons are below each row.
"use strict";

const rows = Array.from(document.querySelectorAll("tr[id]"));
const filter = document.getElementById("filter");
const all = document.getElementById("all");
// Columns by the names of their kernels.
const columns = new Map();
for (const item of document.querySelectorAll("[data-column]")) {
  columns.set(item.textContent, Number(item.dataset.column));
}
let opened = null;

function reasons(row) {
  const next = row.nextElementSibling;
  return next && next.classList.contains("why") ? next : null;
}

function kernelName(column) {
  for (const [name, number] of columns) {
    if (number === column) {
      return name;
    }
  }
  return "";
}

function cell(row, column) {
  return row.cells[column + 1] || null;
}

function close() {
  if (!opened) {
    return;
  }
  reasons(opened.row).classList.remove("open");
  opened.button.setAttribute("aria-expanded", "false");
  opened = null;
  history.replaceState(null, "", location.pathname + location.search);
}

// Shows what holds in this column only.
function open(row, column) {
  const why = reasons(row);
  const button = cell(row, column)?.querySelector("button");
  if (!why || !button) {
    return false;
  }
  close();
  for (const item of why.querySelectorAll("li")) {
    item.classList.toggle("off", !item.dataset.columns.split(" ").includes(String(column)));
  }
  why.querySelector("details").open = true;
  why.classList.add("open");
  why.querySelector("b").textContent = kernelName(column);
  button.setAttribute("aria-expanded", "true");
  opened = { row, column, button };
  history.replaceState(null, "", "#" + encodeURI(row.id + "/" + kernelName(column)));
  return true;
}

function toggle(row, column) {
  if (opened && opened.row === row && opened.column === column) {
    close();
  } else {
    open(row, column);
  }
}

function applyFilter() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  close();
  for (const row of rows) {
    const text = row.cells[0].textContent.toLowerCase();
    row.classList.toggle("off", !words.every((word) => text.includes(word)));
  }
}

// Of OBJECT/PROGRAM/KERNEL: each part may have slashes.
function followLink() {
  let link;
  try {
    link = decodeURIComponent(location.hash.slice(1));
  } catch {
    return;
  }
  const matching = rows.filter((row) => link === row.id || link.startsWith(row.id + "/"));
  const row = matching.sort((a, b) => b.id.length - a.id.length)[0];
  if (!row || (opened && link === opened.row.id + "/" + kernelName(opened.column))) {
    return;
  }
  if (row.classList.contains("quiet")) {
    all.checked = true;
  }
  row.classList.remove("off");
  const column = columns.get(link.slice(row.id.length + 1));
  if (column !== undefined && open(row, column)) {
    // The link is to this kernel, and not to the first of its column.
    history.replaceState(null, "", "#" + encodeURI(link));
    opened.button.focus();
  }
  row.scrollIntoView({ block: "center" });
}

// The nearest button in a direction.
function step(button, down, right) {
  const td = button.closest("td");
  if (right) {
    let next = td;
    do {
      next = right > 0 ? next.nextElementSibling : next.previousElementSibling;
    } while (next && !next.querySelector("button"));
    return next?.querySelector("button");
  }
  const visible = rows.filter((row) => row.offsetParent !== null);
  let at = visible.indexOf(td.parentElement);
  let found;
  do {
    at += down;
    found = visible[at]?.cells[td.cellIndex].querySelector("button");
  } while (visible[at] && !found);
  return found;
}

document.body.classList.add("js");
filter.hidden = false;
filter.addEventListener("input", applyFilter);
document.querySelector("tbody").addEventListener("click", (event) => {
  const button = event.target.closest("td button");
  if (button) {
    toggle(button.closest("tr"), button.closest("td").cellIndex - 1);
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    close();
    return;
  }
  const button = document.activeElement?.closest?.("td button");
  const directions = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  if (button && directions[event.key]) {
    event.preventDefault();
    step(button, ...directions[event.key])?.focus();
  }
});
window.addEventListener("hashchange", followLink);
followLink();
