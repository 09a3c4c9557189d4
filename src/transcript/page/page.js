'use strict';
// The run is data: {hosts, rows, flights}. A row has at, ns, host, kind, word, text, fault; departures and arrivals name
// their flights. Of a failure rows may have a share: how many percent of the runs fail that go on from there. What is drawn is only what is in sight, so the length of a run does not matter.
const run = JSON.parse(document.getElementById('run').textContent);
const { hosts, rows, flights } = run;
const byId = (id) => document.getElementById(id);
const [view, space, picture] = ['view', 'space', 'picture'].map(byId);

const ROW = 30, TOP = 46, BESIDE = 14, CHAR = 7.4, MIN_LANE = 130, STRIP = 40, STRIP_AT = 8;
let current = 0;          // the step that is chosen
let hovered = null;       // the step under the pointer, looked at meanwhile
let toScale = false;
let matches = [];
let tops = [];            // where each row is, in pixels

// ---- where things are ----

const timeWidth = Math.max(5, ...[rows[0], rows[rows.length - 1]].filter(Boolean).map((row) => row.at.length)) * CHAR;
const hasShares = rows.some((row) => row.share !== undefined);
const lefts = { first: 0, lane: 0, width: 0 };

function measure() {
  // To scale, the space between two rows grows with the time between them; compressed, every row is as high as any.
  const total = rows.length ? rows[rows.length - 1].ns - rows[0].ns : 0;
  const more = Math.min(200000, Math.max(4 * view.clientHeight, rows.length * ROW));
  const perNs = toScale && total > 0 ? more / total : 0;
  tops = rows.map((row, index) => TOP + ROW / 2 + index * ROW + (row.ns - rows[0].ns) * perNs);
  const lanes = Math.max(1, hosts.length - 1);
  lefts.first = timeWidth + 34 + (hasShares ? STRIP + STRIP_AT : 0);
  lefts.lane = Math.max(MIN_LANE, (view.clientWidth - lefts.first - 24) / lanes);
  if (hosts.length === 1) lefts.lane = view.clientWidth - lefts.first - 24;
  lefts.width = Math.floor(lefts.first + lefts.lane * lanes + 24);
  space.style.width = lefts.width + 'px';
  space.style.height = Math.max(view.clientHeight, (tops[tops.length - 1] || TOP) + 2 * ROW) + 'px';
}

const x = (host) => lefts.first + lefts.lane * host;

/** The first row at or below a height. */
function rowAt(height) {
  let low = 0, high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tops[middle] < height) low = middle + 1; else high = middle;
  }
  return low;
}

// ---- drawing ----

function draw(name, attributes, text) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  return element;
}

const clip = (text, room) => {
  const most = Math.max(1, Math.floor(room / CHAR));
  return text.length <= most ? text : text.slice(0, most - 1) + '…';
};

function beside(to, row, kind, y, rightwards, room, text) {
  const { host } = row;
  const on = row === rows[current] ? ' on' : '';
  const attributes = { class: kind + (rightwards ? '' : ' end') + on, x: x(host) + (rightwards ? BESIDE : -BESIDE), y };
  to.append(draw('text', attributes, clip(text, room)));
}

/** At the left of each row how many runs fail that go on from there; a number where that changes. */
function drawShare(to, index) {
  const { share, turned } = rows[index];
  if (share === undefined) return;
  const top = tops[index] - ROW / 2;
  const height = (index + 1 < rows.length ? tops[index + 1] : tops[index] + ROW) - ROW / 2 - top;
  to.append(draw('rect', { class: 'shares', x: STRIP_AT, y: top, width: STRIP, height }));
  to.append(draw('rect', { class: 'share', x: STRIP_AT, y: top, width: STRIP * share / 100, height }));
  if (index === 0 || rows[index - 1].share !== share) to.append(draw('text', { class: 'at start', x: STRIP_AT + 4, y: tops[index] + 4 }, share + '%'));
  if (turned) to.append(draw('path', { class: 'turned', d: `M${lefts.first} ${tops[index]}H${x(hosts.length - 1)}` }));
}

function drawLives(to, top, bottom) {
  hosts.forEach((_, host) => {
    let since = TOP - 14, down = false;
    const segment = (until) => {
      if (until > top && since < bottom) {
        to.append(draw('path', { class: down ? 'life down' : 'life', d: `M${x(host)} ${Math.max(since, top)}V${Math.min(until, bottom)}` }));
      }
      since = until;
    };
    for (const [index, goesDown] of turns[host]) {
      segment(tops[index]);
      down = goesDown;
    }
    segment(bottom);
  });
}

/** For each host the rows where its machine ends or begins anew. */
const turns = hosts.map((_, host) => rows.flatMap((row, index) => {
  if (row.host !== host || !['ended', 'down', 'up'].includes(row.kind)) return [];
  return [[index, row.kind !== 'up']];
}));

function drawFlight(to, flight, isHere) {
  const [from, end, y] = [x(flight.from), x(flight.to), tops[flight.departs]];
  const classes = (flight.fault ? ' faulty' : '') + (isHere ? ' here' : '');
  for (const row of flight.arrivals) {
    const turn = Math.atan2(tops[row] - y, end - from) * 180 / Math.PI;
    to.append(draw('path', { class: 'flight' + classes, d: `M${from} ${y}L${end} ${tops[row]}` }));
    to.append(draw('path', { class: 'head' + classes, d: 'M0 0l-10-4v8z', transform: `translate(${end} ${tops[row]}) rotate(${turn})` }));
  }
  if (flight.arrivals.length) return;
  const [left, low] = [end + (from < end ? -lefts.lane : lefts.lane) / 2, y + ROW / 2];
  to.append(draw('path', { class: 'flight' + (flight.fate === 'lost' ? ' lost' : '') + classes, d: `M${from} ${y}L${left} ${low}` }));
  if (flight.fate === 'lost') to.append(draw('path', { class: 'cross', d: `M${left - 5} ${low - 5}l10 10m0-10l-10 10` }));
}

function drawRow(to, row, index) {
  const y = tops[index], last = hosts.length - 1;
  if (index === 0 || rows[index - 1].at !== row.at || index === rowAt(view.scrollTop + TOP)) {
    to.append(draw('text', { class: index === current ? 'at on' : 'at', x: lefts.first - 16, y: y + 4 }, row.at));
  }
  if (row.kind === 'departs') {
    const { to: end } = flights[row.flights[0]];
    beside(to, row, row.fault ? 'fault' : 'sent', y - 6, end > row.host, lefts.lane * Math.abs(end - row.host) - 2 * BESIDE, row.text);
  } else if (row.kind === 'arrives') {
    const { from } = flights[row.flights[0]];
    if (row.says) beside(to, row, 'came', y + 13, from > row.host, lefts.lane - 2 * BESIDE, row.text);
  } else {
    if (row.kind === 'network' || row.kind === 'stage') to.append(draw('path', { class: 'across ' + row.kind, d: `M${lefts.first} ${y}H${x(last)}` }));
    const rightwards = last === 0 || (2 * row.host <= last && row.host < last);
    const room = rightwards ? lefts.width - x(row.host) - BESIDE : x(row.host) - lefts.first - BESIDE;
    beside(to, row, row.kind, y + 4, rightwards, room, row.text);
    to.append(draw('circle', { class: 'mark ' + row.kind, cx: x(row.host), cy: y, r: 5 }));
  }
  if (index === current) to.append(draw('circle', { class: 'mark ' + row.kind, cx: x(row.host), cy: y, r: 6, id: 'marker' }));
}

function drawNames(to) {
  to.append(draw('rect', { class: 'ground', x: 0, y: 0, width: lefts.width, height: 30 }));
  hosts.forEach((name, host) => {
    const side = host === 0 ? ' left' : host === hosts.length - 1 ? ' right' : '';
    const shift = host === 0 ? -8 : side ? 8 : 0;
    to.append(draw('text', { class: 'name' + side, x: x(host) + shift, y: 20 }, clip(name, lefts.lane - 16)));
  });
  if (hasShares) to.append(draw('text', { class: 'at start', x: STRIP_AT, y: 20 }, 'fails'));
  to.append(draw('path', { class: 'life', d: `M0 30H${lefts.width}` }));
}

let matched = new Set();
function redraw() {
  const [top, height] = [view.scrollTop, view.clientHeight];
  const bottom = top + height;
  picture.setAttribute('width', lefts.width);
  picture.setAttribute('height', height);
  picture.setAttribute('viewBox', `0 ${top} ${lefts.width} ${height}`);
  const [first, end] = [Math.max(0, rowAt(top - ROW)), Math.min(rows.length, rowAt(bottom + ROW) + 1)];
  const all = draw('g');
  const band = (index, kind) => all.append(draw('rect', { class: 'row ' + kind, x: 0, y: tops[index] - ROW / 2, width: lefts.width, height: ROW }));
  for (let index = first; index < end; index++) if (matched.has(index)) band(index, 'found');
  if (hovered !== null) band(hovered, 'near');
  if (rows.length) band(current, 'here');
  for (let index = first; index < end; index++) drawShare(all, index);
  drawLives(all, top, bottom);
  const here = rows.length ? rows[shown()].flights : [];
  flights.forEach((flight, index) => {
    const until = flight.arrivals.length ? flight.arrivals[flight.arrivals.length - 1] : flight.departs + 1;
    if (flight.departs < end && until >= first) drawFlight(all, flight, here.includes(index));
  });
  for (let index = first; index < end; index++) drawRow(all, rows[index], index);
  const names = draw('g', { transform: `translate(0 ${top})` });
  drawNames(names);
  picture.replaceChildren(all, names);
}
