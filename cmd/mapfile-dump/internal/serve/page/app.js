// The page: puts list, pads and the live stream together.

import { el, setText } from './dom.js';
import { Catalog } from './catalog.js';
import { List } from './list.js';
import { Live } from './live.js';
import { Pad, arrange } from './pad.js';
import { Painter } from './paint.js';
import { maxPads, newPad, nextTheme, readPads, remember } from './state.js';
import { rate, visible } from './text.js';

const $ = id => document.getElementById(id);
const narrow = matchMedia('(max-width: 760px)');

const catalog = new Catalog();
const drawings = new Map(); // the newest, by item
let pads = [], active = null, paused = false, connected = true, everConnected = false;
let live = null; // the stream, once the first drawings are there
const painter = new Painter(ms => live?.cost(ms));

// Pads.

const padEvents = {
  changed: () => { remember(pads.map(pad => pad.pad), false); want(); },
  close: pad => setPads(pads.filter(other => other !== pad)),
  activate,
  dirty: pad => painter.soon(pad),
  row: item => catalog.rows.get(item),
  connected: () => connected,
  paused: () => paused,
};

function addPad(pad) {
  const added = new Pad(pad, padEvents);
  const drawing = drawings.get(pad.item);
  if (drawing) added.take(drawing);
  else if (live) ask(pad.item);
  return added;
}

// setPads shows these pads; step says whether Back leads to those before.
function setPads(next, step = true) {
  pads = next;
  if (!pads.includes(active)) active = pads.at(-1) ?? null;
  const host = $('pads');
  for (const element of host.querySelectorAll('.pad')) if (!pads.some(pad => pad.element === element)) element.remove();
  pads.forEach((pad, i) => {
    const place = host.children[i + 1]; // after the text of the empty page
    if (place !== pad.element) host.insertBefore(pad.element, place ?? null);
  });
  $('empty').hidden = pads.length > 0;
  arrange(host, pads.length);
  activate(active);
  list.mark(pads.map(pad => pad.pad.item));
  remember(pads.map(pad => pad.pad), step);
  for (const item of drawings.keys()) if (!pads.some(pad => pad.pad.item === item)) drawings.delete(item);
  want();
  document.title = pads.length ? `${pads.map(pad => pad.name).join(', ').slice(0, 80)} – mapfile` : 'mapfile';
}

function activate(pad) {
  active = pad;
  for (const other of pads) other.element.classList.toggle('active', other === pad && pads.length > 1);
}

function draw(item, inNewPad) {
  const there = pads.find(pad => pad.pad.item === item);
  if (there && !inNewPad) activate(there);
  else {
    const added = addPad(newPad(item));
    const next = active && (!inNewPad || pads.length === maxPads) ? pads.map(pad => pad === active ? added : pad) : [...pads, added];
    active = added;
    setPads(next);
  }
  drawer(false);
  active.element.scrollIntoView({ block: 'nearest' });
}

// ask gets a drawing at once; the stream, which begins anew for it, takes a little longer.
async function ask(item) {
  const answer = await fetch('api/draw/' + item).catch(() => null);
  if (answer?.ok && !drawings.has(item)) drawingCame(await answer.json());
}

function restore() {
  const wanted = readPads(location.hash);
  // Pads that stay keep their reference and their place.
  const rest = [...pads];
  setPads(wanted.map(pad => {
    const i = rest.findIndex(old => old.pad.item === pad.item);
    if (i < 0) return addPad(pad);
    const [old] = rest.splice(i, 1);
    Object.assign(old.pad.options, pad.options);
    painter.soon(old);
    return old;
  }), false);
}

function want() {
  live?.want(pads.filter(pad => !paused && !pad.held).map(pad => pad.pad.item));
  for (const pad of pads) {
    if (!paused && !pad.held && pad.last !== drawings.get(pad.pad.item) && drawings.has(pad.pad.item)) pad.take(drawings.get(pad.pad.item));
    pad.refresh();
  }
}

// What the server tells.

const list = new List($('tree'), catalog, { draw });
const states = new Map(); // of the pads' items, to tell when they change

function refresh() {
  for (const pad of pads) {
    pad.refresh();
    const state = pad.state(), before = states.get(pad.pad.item);
    if (state === 'UNKNOWN') continue; // the banner tells that
    if (before && before !== state) setText($('announce'), `${pad.name}: ${state.toLowerCase()}`);
    states.set(pad.pad.item, state);
  }
}

function listed(structural) {
  if (structural || list.found >= 0) list.rebuild();
  else list.refresh();
  showFound();
  refresh();
  const slots = catalog.rows.size, files = catalog.files.size;
  let perSecond = 0;
  for (const row of catalog.rows.values()) if (row.state === 'LIVE') perSecond += Number(row.rate) || 0;
  const total = rate(perSecond);
  setText($('summary'), `${count(files, 'file')}, ${count(slots, 'slot')}${total ? ', ' + total.replace('/s', ' updates/s') : ''}`);
  setText($('emptytext'), slots ? 'Choose a slot in the list to draw it.' : files ? 'There are no slots yet.' : 'There are no map files yet. They appear here as soon as a producer makes one.');
  $('faults').hidden = catalog.faults.length === 0;
  setText($('faults').firstElementChild, count(catalog.faults.length, 'trouble'));
  const texts = catalog.faults.map(visible);
  if ($('faults').dataset.texts !== texts.join('\n')) {
    $('faults').dataset.texts = texts.join('\n');
    $('faults').lastElementChild.replaceChildren(...texts.map(text => el('li', { text })));
  }
}

function count(n, what) {
  return `${n.toLocaleString('en-US')} ${what}${n === 1 ? '' : 's'}`;
}

function showFound() {
  $('found').hidden = list.found < 0;
  if (list.found >= 0) setText($('found'), list.found ? `${count(list.found, 'slot')} found` : 'Nothing found');
}

function connection(open) {
  connected = list.connected = open;
  everConnected ||= open;
  setText($('banner'), open ? '' : everConnected ? 'The connection to the server is lost. Trying again … What you see is as it was last.' : 'The server does not answer. Trying again …');
  $('banner').hidden = open;
  list.refresh();
  refresh();
}

function drawingCame(data) {
  drawings.set(data.item, data);
  for (const pad of pads) if (pad.pad.item === data.item && (!pad.drawing || !(paused || pad.held))) pad.take(data);
}

restore();

// The drawings of the address come first, by themselves: the list may be long. Whatever becomes of them,
// the stream follows soon.
const first = [...globalThis.firstDrawings.values()].map(promise => promise.then(data => {
  if (data?.item && !drawings.has(data.item)) drawingCame(data);
}));
Promise.race([Promise.allSettled(first), new Promise(done => setTimeout(done, 300))]).then(() => {
  live = new Live({
    connection,
    list: data => { catalog.list(data); listed(true); },
    rows: data => listed(catalog.change(data)),
    draw: drawingCame,
    parsed: ms => painter.parsed(ms),
  });
  want();
});
setInterval(refresh, 1000); // ages go on

addEventListener('popstate', restore);
new ResizeObserver(() => arrange($('pads'), pads.length)).observe($('pads'));

// Controls.

function drawer(open) {
  document.body.classList.toggle('drawer', open && narrow.matches);
  $('menu').setAttribute('aria-expanded', open);
  $('shade').hidden = !(open && narrow.matches);
  $('side').inert = narrow.matches && !open;
  $('pads').inert = narrow.matches && open;
}
narrow.addEventListener('change', () => drawer(false));
drawer(narrow.matches && pads.length === 0);
$('menu').addEventListener('click', () => {
  drawer(!document.body.classList.contains('drawer'));
  if (document.body.classList.contains('drawer')) $('tree').focus({ preventScroll: true }); // not the search: that would bring up a keyboard
});
$('shade').addEventListener('click', () => drawer(false));

function pause(on) {
  paused = on;
  $('pause').setAttribute('aria-pressed', on);
  setText($('pause'), on ? 'Go on' : 'Pause');
  $('pause').classList.toggle('on', on);
  want();
}
$('pause').addEventListener('click', () => pause(!paused));
$('theme').addEventListener('click', () => {
  nextTheme();
  for (const pad of pads) painter.soon(pad);
});
$('help').addEventListener('click', () => $('keys').showModal());
$('skip').addEventListener('click', e => { e.preventDefault(); $('pads').focus(); });

function search() {
  list.filter($('search').value);
  showFound();
}

function endSearch() {
  $('search').value = '';
  search();
}
$('search').addEventListener('input', search);
$('search').addEventListener('keydown', e => {
  if (e.key === 'ArrowDown') list.focusFirst();
  else if (e.key === 'Enter') list.drawFirst(e.shiftKey);
  else if (e.key === 'Escape' && $('search').value) endSearch();
  else if (e.key === 'Escape') drawer(false);
  else return;
  e.preventDefault();
  e.stopPropagation();
});

document.addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest?.('input, dialog')) return;
  if (e.key === '/') {
    drawer(true);
    $('search').focus();
    $('search').select();
  } else if (e.key === '?') $('keys').showModal();
  else if (e.key === 'p') pause(!paused);
  else if (e.key === 'Escape') {
    if (document.body.classList.contains('drawer')) { drawer(false); $('menu').focus(); }
    else if ($('search').value) endSearch();
    else return;
  } else return;
  e.preventDefault();
});
document.addEventListener('pointerdown', e => {
  for (const menu of document.querySelectorAll('.menu[open]')) if (!menu.contains(e.target)) menu.open = false;
});
