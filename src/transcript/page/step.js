// ---- stepping ----

const shown = () => (hovered === null ? current : hovered);

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

function element(name, kind, text) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
}

const HOW = { running: 'running', done: 'ended: success', failed: 'ended: failure', down: 'down' };

function tell() {
  if (!rows.length) {
    byId('step').textContent = 'Nothing happened.';
    return;
  }
  const index = shown(), row = rows[index];
  byId('step').textContent = `${index + 1} of ${rows.length}, at ${row.at} s\n${row.line}`;
  byId('hosts').replaceChildren(...states(index).map((state, host) => {
    const card = element('div', host === row.host ? 'host here' : 'host');
    const head = element('h3', '', hosts[host]);
    head.append(element('span', 'how ' + state.how, HOW[state.how]));
    const counts = [`sent ${state.sent}`, state.lost && `${state.lost} of that never came in`, `received ${state.came}`, state.coming && `on the way to it ${state.coming}`];
    card.append(head, element('p', '', counts.filter(Boolean).join(' · ')));
    if (state.open.size) card.append(element('p', '', 'open: ' + [...state.open].join(', ')));
    if (state.said) card.append(element('p', 'said', state.said));
    return card;
  }));
}

function go(index) {
  if (!rows.length) return;
  current = Math.max(0, Math.min(rows.length - 1, index));
  hovered = null;
  const [top, bottom] = [view.scrollTop + TOP, view.scrollTop + view.clientHeight - ROW];
  if (tops[current] < top + ROW) view.scrollTop = tops[current] - TOP - 2 * ROW;
  else if (tops[current] > bottom) view.scrollTop = tops[current] - view.clientHeight + 3 * ROW;
  const here = x(rows[current].host);
  if (here < view.scrollLeft + lefts.first || here > view.scrollLeft + view.clientWidth) view.scrollLeft = here - view.clientWidth / 2;
  redraw();
  tell();
}

// ---- search ----

function search() {
  const wanted = byId('search').value.toLowerCase();
  matches = wanted ? rows.flatMap((row, index) => (row.line.toLowerCase().includes(wanted) ? [index] : [])) : [];
  matched = new Set(matches);
  count();
  redraw();
}

function count() {
  const at = matches.indexOf(current) + 1;
  byId('found').textContent = byId('search').value ? `${at || '–'} of ${matches.length}` : '';
}

function match(forwards) {
  if (!matches.length) return;
  const beyond = forwards ? matches.find((index) => index > current) : matches.findLast((index) => index < current);
  go(beyond ?? matches.at(forwards ? 0 : -1));
  count();
}

// ---- what the user does ----

function layOut() {
  measure();
  go(current);
}

function scale() {
  toScale = !toScale;
  byId('scale').setAttribute('aria-pressed', String(toScale));
  layOut();
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

const page = () => Math.max(1, Math.floor(view.clientHeight / ROW) - 3);
const KEYS = {
  ArrowDown: () => go(current + 1), j: () => go(current + 1), ArrowRight: () => go(current + 1),
  ArrowUp: () => go(current - 1), k: () => go(current - 1), ArrowLeft: () => go(current - 1),
  PageDown: () => go(current + page()), PageUp: () => go(current - page()),
  Home: () => go(0), End: () => go(rows.length - 1),
  n: () => match(true), N: () => match(false), t: scale, '/': () => byId('search').focus(),
};

addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target === byId('search')) {
    if (event.key === 'Enter') match(!event.shiftKey);
    if (event.key === 'Escape') view.focus();
    return;
  }
  const act = KEYS[event.key];
  if (!act || (event.target === byId('replay') && event.key.startsWith('Arrow'))) return;
  event.preventDefault();
  act();
});

const rowUnder = (event) => {
  const height = event.clientY - view.getBoundingClientRect().top + view.scrollTop;
  const index = rowAt(height - ROW / 2);
  return index < rows.length && Math.abs(tops[index] - height) <= ROW / 2 ? index : null;
};
view.addEventListener('mousemove', (event) => {
  const index = rowUnder(event);
  if (index === hovered) return;
  hovered = index;
  redraw();
  tell();
});
view.addEventListener('mouseleave', () => {
  hovered = null;
  redraw();
  tell();
});
view.addEventListener('click', (event) => {
  const index = rowUnder(event);
  if (index !== null) go(index);
});
view.addEventListener('scroll', () => requestAnimationFrame(redraw));
byId('first').onclick = KEYS.Home;
byId('back').onclick = KEYS.k;
byId('next').onclick = KEYS.j;
byId('last').onclick = KEYS.End;
byId('before').onclick = KEYS.N;
byId('after').onclick = KEYS.n;
byId('search').oninput = search;
byId('scale').onclick = scale;
byId('copy').onclick = copy;
byId('theme').onclick = () => {
  document.documentElement.dataset.theme = dark() ? 'light' : 'dark';
  nameTheme();
};
matchMedia('(prefers-color-scheme: dark)').onchange = nameTheme;
new ResizeObserver(layOut).observe(view);
byId('replay').textContent = run.replay;
nameTheme();
layOut();
view.focus({ preventScroll: true });
