'use strict';
// The run is data: {hosts, rows, flights, folds}. A row has at, ns, host, kind, word, text, fault; departures and arrivals
// name their flights. Of a failure rows may have a share: how many percent of the runs fail that go on from there. A fold
// names rows that the report of a failure would leave out, and what it would say of them.
//
// The page shows a table. Each row has a cell with its piece of the ladder, in which heights and widths are percentages,
// so that the pieces fit together however high a row is and wherever a printer breaks the page. No text is in there.
const run = JSON.parse(document.getElementById('run').textContent);
const { hosts, rows, flights } = run;
const byId = (id) => document.getElementById(id);
const [view, table] = ['view', 'ladder'].map(byId);

const MIDDLE = 15;        // where in a row its mark is, below its top, in pixels: the middle of the first line of text
const ROW = 30;           // how high a row of one line is
const MAX_UNFOLDED = 2000; // the most rows that are unfolded at once

let folds = run.folds.map((fold) => ({ ...fold, open: false }));
let items = [];           // what the table shows, in order: {row} or {fold}, each with its elements
let place = [];           // for each row the item that shows it, or in whose place it is
let current = 0;          // the item that is chosen
let toScale = false;
let matched = new Set();  // the rows that were searched for

// ---- elements ----

function element(name, kind, text) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
}

function draw(name, attributes) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  return made;
}

const line = (kind, x1, y1, x2, y2) => draw('line', { class: kind, x1, y1, x2, y2 });
const percent = (part) => `${+(100 * part).toFixed(3)}%`;
/** Where a host's line is, as a part of the ladder's width. */
const lane = (host) => (host + 0.5) / Math.max(1, hosts.length);

// ---- what is shown ----

function list() {
  items = [];
  place = [];
  let next = 0;
  const show = (end) => {
    for (; next < end; next++) place[next] = items.push({ row: next }) - 1;
  };
  for (const fold of folds) {
    show(fold.from);
    const at = items.push({ fold }) - 1;
    if (fold.open) show(fold.to);
    else for (; next < fold.to; next++) place[next] = at;
  }
  show(rows.length);
}

/** The first and the last row that an item stands for. */
const span = ({ row, fold }) => (fold ? [fold.from, fold.to - 1] : [row, row]);

/** Who does it, and whom it goes to or comes from: as text that reads well aloud, too. */
function who({ kind, host, flights: [flight] }) {
  const made = element('span', 'who');
  if (kind === 'network' || kind === 'stage') return made;
  made.append(hosts[host]);
  const way = { departs: [' → ', ' to ', 'to'], arrives: [' ← ', ' from ', 'from'] }[kind];
  if (way) {
    const arrow = element('span', '', way[0]);
    arrow.setAttribute('aria-hidden', 'true');
    made.append(arrow, element('span', 'unseen', way[1]), hosts[flights[flight][way[2]]]);
  }
  return made;
}

function makeRow(item, index) {
  const [first] = span(item), row = rows[first];
  const made = element('tr', item.fold ? 'fold' : row.kind + (row.turned ? ' turns' : ''));
  const [at, lanes, what] = [element('td', 'at'), element('td', 'lanes'), element('td', 'what')];
  const isNew = index === 0 || rows[span(items[index - 1])[0]].at !== row.at;
  at.append(element('span', isNew ? '' : 'unseen', row.at));
  made.append(at);
  if (hasShares) made.append(makeShare(item, index));
  lanes.setAttribute('aria-hidden', 'true');
  item.picture = draw('svg', {});
  lanes.append(item.picture);
  if (item.fold) {
    const button = element('button', 'unfold', item.fold.text.replace(/^… | …$/g, ''));
    button.setAttribute('aria-expanded', String(item.fold.open));
    button.tabIndex = -1;
    what.append(button);
    item.focus = button;
  } else {
    const step = element('div', 'told');
    step.append(who(row), element('span', 'text' + (row.fault ? ' fault' : ''), row.text));
    what.append(step);
    made.tabIndex = -1;
    item.focus = made;
  }
  made.append(lanes, what);
  item.tr = made;
  return made;
}

// ---- when the run was lost ----

const hasShares = rows.some((row) => row.share !== undefined);
const turned = rows.findIndex((row) => row.turned);
/** The first row with the share that the run had once it was lost. */
let lost = turned;
while (lost > 0 && rows[lost - 1].share === rows[turned].share) lost--;

/** How many runs fail that go on from there: the bars make a curve, with a number where it changes. */
function makeShare(item, index) {
  const made = element('td', 'fails'), before = index > 0 ? span(items[index - 1])[1] : -1;
  const { share } = rows[span(item)[1]], last = before < 0 ? undefined : rows[before].share;
  if (share === undefined) return made;
  const isTurning = turned >= 0 && before < lost && lost <= span(item)[1];
  made.append(element('span', share === last ? 'unseen' : isTurning ? 'turning' : '', share + '%'));
  const picture = draw('svg', { 'aria-hidden': 'true' });
  picture.append(draw('rect', { class: 'shares', width: '100%', height: '100%' }));
  picture.append(draw('rect', { class: 'share', width: percent(share / 100), height: '100%' }));
  if (last !== undefined && last !== share) picture.append(line('curve', percent(last / 100), 0, percent(share / 100), 0));
  picture.append(line('curve', percent(share / 100), 0, percent(share / 100), '100%'));
  made.append(picture);
  return made;
}

// ---- the ladder ----

/** For each host the rows where its machine ends or begins anew. */
const turns = hosts.map((_, host) => rows.flatMap((row, index) => {
  if (row.host !== host || !['ended', 'down', 'up'].includes(row.kind)) return [];
  return [[index, row.kind !== 'up']];
}));

function drawLives() {
  hosts.forEach((_, host) => {
    const x = percent(lane(host));
    let next = 0, isDown = false;
    items.forEach(({ picture, ...item }, index) => {
      const until = item.fold?.open ? span(item)[0] - 1 : span(item)[1];
      let after = isDown;
      for (; next < turns[host].length && turns[host][next][0] <= until; next++) after = turns[host][next][1];
      const kind = (down) => 'life' + (down ? ' down' : '') + (item.fold && !item.fold.open ? ' folded' : '');
      const top = index === 0 ? 4 : 0;
      if (after === isDown) picture.append(line(kind(isDown), x, top, x, '100%'));
      else picture.append(line(kind(isDown), x, top, x, MIDDLE), line(kind(after), x, MIDDLE, x, '100%'));
      isDown = after;
    });
  });
}

/** The elements of each flight that is shown. */
let parts = [];

function drawFlights(tops) {
  parts = flights.map(() => []);
  flights.forEach((flight, index) => {
    const kind = 'flight' + (flight.fault ? ' faulty' : '');
    const add = (item, piece) => parts[index].push(item.picture.appendChild(piece));
    const departs = items[place[flight.departs]];
    for (const arrival of flight.arrivals) {
      const arrives = items[place[arrival]];
      if (departs.fold && arrives.fold) continue;
      drawArrow(flight, kind + (departs.fold || arrives.fold ? ' folded' : ''), place[flight.departs], place[arrival], tops, add);
    }
    if (flight.arrivals.length || departs.fold) return;
    // In the gap before the receiver, off everybody's line.
    const end = percent(lane(flight.to) + (flight.from < flight.to ? -0.5 : 0.5) / hosts.length);
    add(departs, line(`${kind} ${flight.fate}`, percent(lane(flight.from)), MIDDLE, end, MIDDLE + 6));
    if (flight.fate !== 'lost') return;
    const cross = draw('svg', { x: end, y: MIDDLE + 6 });
    cross.append(draw('path', { class: 'cross', d: 'M-4-4L4 4M4-4L-4 4' }));
    add(departs, cross);
  });
}

/** One arrow, piece by piece. Without latency it can go up. */
function drawArrow({ from, to, fault }, kind, a, b, tops, add) {
  const [begin, end] = [tops[a] + MIDDLE, tops[b] + MIDDLE];
  const x = (y) => percent(lane(from) + (lane(to) - lane(from)) * (y - begin) / (end - begin));
  for (let at = Math.min(a, b); at <= Math.max(a, b); at++) {
    const upper = at === Math.min(a, b) ? [x(tops[at] + MIDDLE), MIDDLE] : [x(tops[at]), 0];
    const lower = at === Math.max(a, b) ? [x(tops[at] + MIDDLE), MIDDLE] : [x(tops[at + 1]), '100%'];
    const piece = a < b ? line(kind, ...upper, ...lower) : line(kind, ...lower, ...upper);
    if (at === b) piece.setAttribute('marker-end', fault ? 'url(#faulty)' : 'url(#head)');
    add(items[at], piece);
  }
}

function drawMark({ row, picture }) {
  const { kind, host } = rows[row];
  if (kind === 'network' || kind === 'stage') {
    picture.append(line(`across ${kind}`, percent(lane(0)), MIDDLE, percent(lane(hosts.length - 1)), MIDDLE));
  }
  const radius = kind === 'departs' ? 3 : 5, isFaulty = kind === 'departs' && rows[row].fault;
  if (kind !== 'arrives') picture.append(draw('circle', { class: `mark ${kind}${isFaulty ? ' faulty' : ''}`, cx: percent(lane(host)), cy: MIDDLE, r: radius }));
}

/** The table anew. */
function build() {
  list();
  const body = document.createDocumentFragment();
  body.append(...items.map(makeRow));
  byId('rows').replaceChildren(body);
  shade();
  layOut();
}

/** What happens at one moment has one shade. */
function shade() {
  let isShaded = false, last = null;
  for (const item of items) {
    const { at } = rows[span(item)[0]];
    if (at !== last) isShaded = !isShaded;
    last = at;
    if (!isShaded) item.tr.classList.add('shaded');
  }
}

/** The ladder anew, once it is known how high the rows are. */
function layOut() {
  // To scale, the space below a row grows with the time until the next; else every row is as high as its text.
  const total = rows.length ? rows[rows.length - 1].ns - rows[0].ns : 0;
  const perNs = toScale && total > 0 ? Math.min(200000, Math.max(4 * view.clientHeight, items.length * ROW)) / total : 0;
  items.forEach((item, index) => {
    const begin = rows[span(item)[0]].ns, next = items[index + 1], end = next ? rows[span(next)[0]].ns : begin;
    item.picture.parentNode.style.height = perNs ? `${ROW + (end - begin) * perNs}px` : '';
  });
  const tops = items.map(({ tr }) => tr.offsetTop);
  for (const { picture } of items) picture.replaceChildren();
  drawLives();
  drawFlights(tops);
  for (const item of items) if (!item.fold) drawMark(item);
  drawNames();
  mark();
}

/** The names above their lines: upright where they do not fit. */
function drawNames() {
  const names = byId('names');
  names.className = '';
  names.replaceChildren(...hosts.map((name, host) => {
    const made = element('span', '', name);
    made.style.left = percent(lane(host));
    return made;
  }));
  const room = names.clientWidth / Math.max(1, hosts.length) - 6;
  if ([...names.children].some((name) => name.offsetWidth > room)) names.className = 'tall';
}

/** Which row is chosen and which were searched for, and where the flights of the chosen one go. */
function mark() {
  for (const element of table.querySelectorAll('.here, .near, .found')) element.classList.remove('here', 'near', 'found');
  items.forEach((item) => {
    item.focus.tabIndex = -1;
    item.tr.removeAttribute('aria-current');
    const [first, last] = span(item);
    if (item.fold && item.fold.open) return;
    for (let row = first; row <= last && matched.size; row++) if (matched.has(row)) item.tr.classList.add('found');
  });
  const item = items[current];
  if (!item) return;
  item.focus.tabIndex = 0;
  item.tr.classList.add('here');
  item.tr.setAttribute('aria-current', 'true');
  if (item.fold) return;
  for (const flight of rows[item.row].flights) {
    for (const part of parts[flight]) part.classList.add('here');
    for (const row of [flights[flight].departs, ...flights[flight].arrivals]) {
      if (place[row] !== current) items[place[row]].tr.classList.add('near');
    }
  }
}
