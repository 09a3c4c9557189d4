// ---- what is known at a step ----

/** What is known of every host when a row has happened. */
function states(until) {
  const all = hosts.map(() => ({ how: 'running', sent: 0, came: 0, lost: 0, coming: 0, open: new Set(), said: '' }));
  for (let index = 0; index <= until; index++) {
    const row = rows[index], state = all[row.host];
    if (row.word === 'send' || row.word === 'write') state.sent++;
    if (row.word === 'recv' || row.word === 'read') state.came++;
    if (row.kind === 'event') state.said = row.text;
    if (row.kind === 'ended') state.how = row.status === 0 ? 'done' : 'failed';
    if (row.kind === 'down') Object.assign(state, { how: 'down', open: new Set() });
    if (row.kind === 'up') state.how = 'running';
    if (row.conn) state.open[row.conn.open ? 'add' : 'delete'](`${hosts[row.conn.peer]}${row.conn.number > 0 ? '/' + row.conn.number : ''}`);
  }
  for (const flight of flights) {
    if (flight.departs > until) continue;
    if (flight.fate === 'lost') all[flight.from].lost++;
    else if (!flight.arrivals.length || flight.arrivals[flight.arrivals.length - 1] > until) all[flight.to].coming++;
  }
  return all;
}

const HOW = { running: 'running', done: 'ended: success', failed: 'ended: failure', down: 'down' };

function tell() {
  if (!rows.length) {
    byId('step').textContent = 'Nothing happened.';
    return;
  }
  const item = items[current], [first, last] = span(item), row = rows[last];
  byId('step').textContent = item.fold
    ? `${first + 1} to ${last + 1} of ${rows.length}\n${item.fold.text}`
    : `${first + 1} of ${rows.length}, at ${row.at} s\n${row.line}`;
  byId('hosts').replaceChildren(...states(last).map((state, host) => {
    const card = element('div', !item.fold && host === row.host ? 'host here' : 'host');
    const head = element('h3', '', hosts[host]);
    head.append(element('span', 'how ' + state.how, HOW[state.how]));
    const counts = [`sent ${state.sent}`, state.lost && `${state.lost} of that never came in`, `received ${state.came}`, state.coming && `on the way to it ${state.coming}`];
    card.append(head, element('p', '', counts.filter(Boolean).join(' · ')));
    if (state.open.size) card.append(element('p', '', 'open: ' + [...state.open].join(', ')));
    if (state.said) card.append(element('p', 'said', state.said));
    return card;
  }));
}

// ---- stepping ----

/** Chooses an item; the keyboard follows if it is in the table. */
function go(at, isQuiet) {
  if (!rows.length) {
    tell();
    return;
  }
  const hasFocus = table.contains(document.activeElement) || document.activeElement === document.body;
  current = Math.max(0, Math.min(items.length - 1, at));
  mark();
  tell();
  if (isQuiet) return;
  const { tr, focus } = items[current];
  tr.scrollIntoView({ block: 'nearest' });
  if (hasFocus) focus.focus({ preventScroll: true });
  else say(byId('step').textContent);
}

/** Tells those who listen what changed away from where they are. */
const say = (text) => { byId('told').textContent = text; };

// ---- folds ----

/** Shows rows of a fold, and leaves what is before and after them folded. */
function open(fold, from, to) {
  const isWhole = from === fold.from && to === fold.to;
  const told = (from, to) => (isWhole ? fold.text : `… ${to - from} steps, ${rows[from].at} to ${rows[to - 1].at} …`);
  const parts = [[fold.from, from, false], [from, to, true], [to, fold.to, false]].filter(([from, to]) => from < to);
  folds.splice(folds.indexOf(fold), 1, ...parts.map(([from, to, open]) => ({ from, to, open, text: told(from, to) })));
}

const keep = (change) => {
  const [row] = span(items[current]), wasFold = Boolean(items[current].fold);
  change();
  build();
  // A row that is folded again is in its fold's place; a fold stays chosen.
  const at = place[row];
  go(wasFold && items[at - 1]?.fold?.from === row ? at - 1 : at);
  nameFolds();
  say(`${items.length} rows are shown`);
};

function toggle(fold) {
  keep(() => {
    if (fold.open) fold.open = false;
    else open(fold, fold.from, Math.min(fold.to, fold.from + MAX_UNFOLDED));
  });
}

/** The fold that is open around the chosen row, or that is chosen itself. */
const around = () => {
  const row = items.length ? span(items[current])[0] : -1;
  return folds.find((fold) => fold.from <= row && row < fold.to);
};

const folded = () => folds.filter((fold) => !fold.open);

function unfoldMore() {
  let room = MAX_UNFOLDED;
  keep(() => {
    for (const fold of folded()) {
      const to = Math.min(fold.to, fold.from + room);
      room -= to - fold.from;
      if (to > fold.from) open(fold, fold.from, to);
    }
  });
}

function foldAll() {
  keep(() => { folds = run.folds.map((fold) => ({ ...fold, open: false })); });
}

function nameFolds() {
  const count = folded().reduce((sum, fold) => sum + fold.to - fold.from, 0);
  byId('unfold').hidden = !count;
  byId('unfold').textContent = count <= MAX_UNFOLDED ? 'Unfold all' : 'Unfold more';
  byId('fold').hidden = folds.every((fold) => !fold.open);
}

/** Goes to a row, and unfolds what it is in. */
function reveal(row) {
  const { fold } = items[place[row]];
  if (fold) {
    const isShort = fold.to - fold.from <= MAX_UNFOLDED;
    open(fold, isShort ? fold.from : Math.max(fold.from, row - MAX_UNFOLDED / 4), isShort ? fold.to : Math.min(fold.to, row + MAX_UNFOLDED / 4));
    build();
    nameFolds();
  }
  go(place[row]);
}

// ---- search ----

let matches = [];

function search() {
  const wanted = byId('search').value.toLowerCase();
  matches = wanted ? rows.flatMap((row, index) => (row.line.toLowerCase().includes(wanted) ? [index] : [])) : [];
  matched = new Set(matches);
  count();
  mark();
}

function count() {
  const at = items.length && !items[current].fold ? matches.indexOf(items[current].row) + 1 : 0;
  byId('found').textContent = byId('search').value ? `${at || '–'} of ${matches.length}` : '';
}

function match(forwards) {
  if (!matches.length) return;
  const [first, last] = span(items[current]), isFold = items[current].fold;
  const beyond = forwards ? matches.find((row) => row > last || (isFold && row >= first)) : matches.findLast((row) => row < first);
  reveal(beyond ?? matches.at(forwards ? 0 : -1));
  count();
}

// ---- what the user does ----

function scale() {
  toScale = !toScale;
  byId('scale').setAttribute('aria-pressed', String(toScale));
  layOut();
  go(current);
}

const dark = () => (document.documentElement.dataset.theme || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
const nameTheme = () => { byId('theme').textContent = dark() ? 'Light' : 'Dark'; };

async function copy() {
  try {
    await navigator.clipboard.writeText(run.replay);
    byId('copied').textContent = 'copied';
  } catch {
    // Without the clipboard the line is chosen, to be copied by hand.
    getSelection().selectAllChildren(byId('replay'));
    byId('copied').textContent = 'press Ctrl-C';
  }
}

const leaf = () => Math.max(1, Math.floor(view.clientHeight / ROW) - 3);
const KEYS = {
  ArrowDown: () => go(current + 1), j: () => go(current + 1),
  ArrowUp: () => go(current - 1), k: () => go(current - 1),
  PageDown: () => go(current + leaf()), PageUp: () => go(current - leaf()),
  Home: () => go(0), End: () => go(items.length - 1),
  n: () => match(true), N: () => match(false), t: scale,
  u: () => (folded().length ? unfoldMore() : foldAll()), '/': () => byId('search').focus(),
  // A fold is a button, so Enter and the space bar unfold it without a word here.
  Escape: () => { if (around()?.open) toggle(around()); },
};

addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target === byId('search')) {
    if (event.key === 'Enter') match(!event.shiftKey);
    if (event.key === 'Escape') items[current]?.focus.focus();
    return;
  }
  const act = KEYS[event.key];
  if (!act || (event.target === byId('replay') && event.key.startsWith('Arrow'))) return;
  event.preventDefault();
  act();
});

byId('rows').addEventListener('click', (event) => {
  const at = items.findIndex(({ tr }) => tr.contains(event.target));
  if (at < 0) return;
  const { fold } = items[at];
  // Who chooses text to copy it keeps it chosen.
  if (!fold && String(getSelection())) return;
  go(at);
  if (fold && event.target.closest('button')) {
    toggle(fold);
  }
});
byId('first').onclick = KEYS.Home;
byId('back').onclick = KEYS.k;
byId('next').onclick = KEYS.j;
byId('last').onclick = KEYS.End;
byId('before').onclick = KEYS.N;
byId('after').onclick = KEYS.n;
byId('search').oninput = search;
byId('unfold').onclick = unfoldMore;
byId('fold').onclick = foldAll;
byId('scale').onclick = scale;
byId('copy').onclick = copy;
byId('theme').onclick = () => {
  document.documentElement.dataset.theme = dark() ? 'light' : 'dark';
  nameTheme();
};
matchMedia('(prefers-color-scheme: dark)').onchange = nameTheme;

// ---- the page opens ----

const longest = (texts) => texts.reduce((most, text) => Math.max(most, text.length), 0);
table.style.setProperty('--hosts', hosts.length);
table.style.setProperty('--name', Math.min(28, longest(hosts)));
table.style.setProperty('--at', longest(rows.map((row) => row.at)));
const names = flights.map(({ from, to }) => `${hosts[from]} → ${hosts[to]}`).concat(hosts);
// Bold letters may be a little wider.
table.style.setProperty('--who', Math.min(28, longest(names) + 1));
table.classList.toggle('lost', hasShares);
const broken = rows.findIndex((row) => row.kind === 'broken');
if (broken >= 0) {
  byId('verdict').hidden = false;
  byId('broken').textContent = `${rows[broken].at} s: ${rows[broken].text.replace(/^broken /, 'broken: ')}`;
  byId('broken').onclick = () => reveal(broken);
}
if (turned >= 0) {
  const before = rows.slice(0, turned).findLast((row) => row.share !== undefined && row.share !== rows[turned].share);
  byId('turn').hidden = false;
  byId('turn').textContent = `${rows[turned].at} s: here it turned` + (before ? `: ${before.share}% of random continuations fail before it, ${rows[turned].share}% after` : '');
  byId('turn').onclick = () => reveal(turned);
}
byId('replay').textContent = run.replay;
nameTheme();
nameFolds();
build();
go(0, true);
items[0]?.focus.focus({ preventScroll: true });
addEventListener('beforeprint', () => {
  document.body.classList.add('paper');
  layOut();
});
addEventListener('afterprint', () => {
  document.body.classList.remove('paper');
  layOut();
});
let width = view.clientWidth;
new ResizeObserver(() => {
  if (view.clientWidth === width) return;
  width = view.clientWidth;
  layOut();
}).observe(view);
