// Measures a page, or a picture, as a browser has laid it out: whether texts lie over each other or over what is drawn,
// whether any is cut off, and whether all can be read. It looks at a page in all its states, and tries the keyboard.
(() => {
  const seen = { labels: 0, drawn: 0, contrast: 21, faults: [] };
  const where = location.pathname.split('/').pop() + location.hash + ' ' + innerWidth;
  const fault = (what) => { if (seen.faults.length < 40) seen.faults.push(`${where}: ${what}`); };
  const MIN_CONTRAST = 4.5, SLACK = 0.5;

  // ---- boxes ----

  const isHidden = (element) => element.closest('.unseen, [hidden], script, style, noscript, title')
    || element.checkVisibility?.({ visibilityProperty: true }) === false;

  /** What has a scroll bar of its own: what is in there does not lie over what is elsewhere. */
  function scroller(element) {
    if (element === document.body) return element;
    if (!scrollers.has(element)) {
      const isOne = /auto|scroll|hidden/.test(getComputedStyle(element).overflowY) && element.namespaceURI.endsWith('xhtml');
      scrollers.set(element, isOne ? element : scroller(element.parentElement));
    }
    return scrollers.get(element);
  }
  const scrollers = new WeakMap();

  /** All texts, each with the boxes of its lines. */
  function labels() {
    const found = new Map();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode, element = node.parentElement;
      if (!node.data.trim() || isHidden(element)) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const boxes = element.namespaceURI.endsWith('svg') ? [element.getBoundingClientRect()] : [...range.getClientRects()];
      // A button is one label, and so is a name with the arrow in it.
      const owner = element.closest('.who') ?? element;
      if (!found.has(owner)) found.set(owner, { element: owner, scroller: scroller(owner), boxes: [] });
      found.get(owner).boxes.push(...boxes.filter((box) => box.width > 0));
    }
    return [...found.values()];
  }

  /** What is drawn, as lines from end to end and as boxes. */
  function drawn() {
    const all = [];
    for (const shape of document.querySelectorAll('svg line, svg path, svg circle, svg rect.share')) {
      if (shape.closest('defs') || isHidden(shape)) continue;
      const isStraight = shape.localName === 'line' || (shape.localName === 'path' && /^M\S+ \S+[LHV][^a-zA-Z]+$/.test(shape.getAttribute('d')));
      const { left, right, top, bottom } = shape.getBoundingClientRect();
      const place = scroller(shape);
      if (isStraight) {
        const matrix = shape.getScreenCTM();
        const [from, to] = [0, shape.getTotalLength()].map((at) => shape.getPointAtLength(at).matrixTransform(matrix));
        all.push({ shape, scroller: place, from, to, top, bottom });
      } else {
        all.push({ shape, scroller: place, box: { left, right, top, bottom }, top, bottom });
      }
    }
    return all;
  }

  const overlap = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > SLACK && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > SLACK;

  /** Whether a line goes through a box: what is left of it between the box's sides. */
  function crosses({ from, to }, box) {
    let [begin, end] = [0, 1];
    for (const [start, span, low, high] of [[from.x, to.x - from.x, box.left, box.right], [from.y, to.y - from.y, box.top, box.bottom]]) {
      if (Math.abs(span) < 1e-9) {
        if (start <= low || start >= high) return false;
        continue;
      }
      const [one, other] = [(low - start) / span, (high - start) / span];
      begin = Math.max(begin, Math.min(one, other));
      end = Math.min(end, Math.max(one, other));
    }
    return begin < end;
  }

  /** Things by the stripes of the page that they are in. */
  const STRIPE = 64;
  function stripes(things, extent) {
    const all = new Map();
    for (const thing of things) {
      const [top, bottom] = extent(thing);
      for (let at = Math.floor(top / STRIPE); at <= Math.floor(bottom / STRIPE); at++) {
        if (!all.has(at)) all.set(at, []);
        all.get(at).push(thing);
      }
    }
    return all;
  }

  const short = (element) => `"${element.textContent.trim().slice(0, 30)}"`;

  function boxes(state, texts) {
    const shapes = drawn();
    seen.labels += texts.length;
    seen.drawn += shapes.length;
    const all = texts.flatMap((label) => label.boxes.map((box) => ({ label, box })));
    const byStripe = stripes(all, ({ box }) => [box.top, box.bottom]);
    for (const near of byStripe.values()) {
      near.forEach((one, index) => {
        for (const other of near.slice(index + 1)) {
          if (one.label === other.label || one.label.scroller !== other.label.scroller) continue;
          if (overlap(one.box, other.box)) fault(`${state}: ${short(one.label.element)} lies over ${short(other.label.element)}`);
        }
      });
    }
    for (const [stripe, near] of stripes(shapes, ({ top, bottom }) => [top, bottom])) {
      for (const { label, box } of byStripe.get(stripe) ?? []) {
        for (const { shape, scroller, box: other, from, to } of near) {
          if (scroller !== label.scroller) continue;
          if (other ? overlap(box, other) : crosses({ from, to }, box)) fault(`${state}: ${short(label.element)} lies over a ${shape.getAttribute('class')}`);
        }
      }
    }
    for (const { element, scroller, boxes } of texts) {
      const { left } = scroller.getBoundingClientRect();
      const right = left + (scroller === document.body ? innerWidth : scroller.clientLeft + scroller.clientWidth);
      if (boxes.some((box) => box.right > right + SLACK || box.left < left - SLACK)) fault(`${state}: ${short(element)} is cut off`);
    }
  }

  // ---- what can be read ----

  /** A function that works out each answer once. */
  const once = (make) => {
    const known = new Map();
    return (key) => {
      if (!known.has(key)) known.set(key, make(key));
      return known.get(key);
    };
  };
  const probe = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = once((color) => {
    probe.clearRect(0, 0, 1, 1);
    probe.fillStyle = color;
    probe.fillRect(0, 0, 1, 1);
    return [...probe.getImageData(0, 0, 1, 1).data];
  });

  const luminance = once((color) => {
    const [r, g, b] = rgba(color).map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  });

  function contrast(ink, ground) {
    const [dark, light] = [luminance(ink), luminance(ground)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  }

  function colors(state, texts) {
    const ground = once((element) => {
      const color = element ? getComputedStyle(element).backgroundColor : '#fff';
      return rgba(color)[3] > 0 ? color : ground(element.parentElement);
    });
    const grounds = new Set([...document.querySelectorAll('rect.ground, rect.shade')].map((rect) => getComputedStyle(rect).fill));
    for (const { element } of texts) {
      const isSvg = element.namespaceURI.endsWith('svg'), style = getComputedStyle(element);
      for (const below of isSvg ? grounds : [ground(element)]) {
        const ratio = contrast(isSvg ? style.fill : style.color, below);
        seen.contrast = Math.min(seen.contrast, ratio);
        if (ratio < MIN_CONTRAST) fault(`${state}: ${short(element)} has a contrast of ${ratio.toFixed(2)}`);
      }
    }
  }

  // ---- the page and its states ----

  function look(state) {
    const texts = labels();
    boxes(state, texts);
    colors(state, texts);
    if (document.documentElement.scrollWidth > innerWidth) fault(`${state}: the page is wider than the window`);
    const parts = ['header', '#verdict:not([hidden])', '#view', 'aside'].map((name) => document.querySelector(name)).filter(Boolean);
    parts.forEach((part, index) => {
      for (const other of parts.slice(index + 1)) {
        if (overlap(part.getBoundingClientRect(), other.getBoundingClientRect())) fault(`${state}: ${part.localName} lies over ${other.localName}`);
      }
    });
  }

  const press = (key) => (document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  const chosen = () => [...document.querySelectorAll('#rows tr')].findIndex((row) => row.hasAttribute('aria-current'));
  const holds = (what, isSo) => { if (!isSo) fault(`keyboard: ${what}`); };

  function keyboard() {
    const shown = () => document.querySelectorAll('#rows tr').length;
    const last = shown() - 1;
    for (const [key, at] of [['End', last], ['k', Math.max(0, last - 1)], ['Home', 0], ['j', Math.min(1, last)], ['ArrowUp', 0]]) {
      press(key);
      holds(`${key} goes to ${at}, not ${chosen()}`, chosen() === at);
      const row = document.querySelectorAll('#rows tr')[at];
      holds(`${key} has the focus follow`, row.contains(document.activeElement));
      holds('one row can be reached by Tab', document.querySelectorAll('#rows [tabindex="0"]').length === 1);
    }
    const fold = document.querySelector('#rows [aria-expanded="false"]');
    if (!fold) return;
    // A browser makes a click of Enter on a button.
    fold.click();
    holds('Enter unfolds', shown() > last + 1 && document.activeElement.getAttribute('aria-expanded') === 'true');
    press('j');
    press('Escape');
    holds('Escape folds again', shown() === last + 1 && document.activeElement.getAttribute('aria-expanded') === 'false');
    press('u');
    holds('u unfolds all', !document.querySelector('#rows [aria-expanded="false"]'));
    press('u');
    holds('u folds all', shown() === last + 1);
    press('Home');
  }

  /** Whether all steps are in the table in their order, and all that can be used has a name. */
  function aloud() {
    const rows = [...document.querySelectorAll('#rows tr:not(.fold)')];
    holds(`${rows.length} of ${run.rows.length} steps are there`, rows.length === run.rows.length);
    rows.forEach((row, index) => {
      const step = run.rows[index], text = [...row.cells].filter((cell) => !cell.hasAttribute('aria-hidden')).map((cell) => cell.textContent).join(' ');
      if (!text.includes(step.text) || !text.includes(step.at)) fault(`step ${index} is not read: ${text}`);
    });
    for (const button of document.querySelectorAll('button, input')) {
      const name = button.getAttribute('aria-label') ?? (button.labels?.[0]?.textContent || button.textContent);
      if (!button.closest('[hidden]') && !name.trim()) fault(`${button.id} has no name`);
    }
    if (!document.querySelector('table > caption')?.textContent.trim()) fault('the table has no caption');
  }

  if (location.hash === '#paper') {
    dispatchEvent(new Event('beforeprint'));
    look('on paper');
  } else if (document.getElementById('ladder')) {
    document.documentElement.dataset.theme = location.hash.slice(1);
    look('as it opens');
    keyboard();
    scale();
    look('to scale');
    scale();
    if (folds.length) unfoldMore();
    aloud();
    look('unfolded');
    document.getElementById('search').value = 'e';
    search();
    match(true);
    view.scrollTop = 0;
    look('searched');
  } else {
    const texts = labels();
    boxes('drawn', texts);
    colors('drawn', texts);
  }
  parent.postMessage(JSON.stringify(seen), '*');
})();
