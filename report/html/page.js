/* SPDX-License-Identifier: BSD-2-Clause */
/* The page's script: timeline, flame graph, search, copying and saving. Draws from the JSON in #data (html_data.c);
 * what stands in the page already does not need it: a comparison has none. Texts from the target go into the page as
 * text nodes only. */
'use strict';
(() => {
  const SVG = 'http://www.w3.org/2000/svg';
  const embedded = document.getElementById('data');
  const data = embedded ? JSON.parse(embedded.textContent) : {};
  const states = data.states;

  function make(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }
  function svg(tag, attributes, ...children) {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }
  function duration(ns) {
    for (const [unit, size] of [['s', 1e9], ['ms', 1e6], ['us', 1e3]])
      if (ns >= size) return `${(ns / size).toPrecision(3).replace(/e.*/, '')} ${unit}`;
    return `${Math.round(ns)} ns`;
  }
  function css(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
  function button(text, action, attributes) {
    const node = make('button', { type: 'button', ...attributes }, text);
    node.addEventListener('click', action);
    return node;
  }

  /* ---- copy, save ---- */
  function say(text) { document.getElementById('said').textContent = text; }
  async function copy() {
    const text = document.getElementById('markdown').content.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = make('textarea', { readonly: '' });
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
    }
    say('Copied.');
  }
  function save() {
    const report = document.getElementById('report');
    const link = make('a', { download: report.dataset.name });
    link.href = URL.createObjectURL(new Blob([report.textContent], { type: 'application/json' }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    say(report.dataset.cut ? `Saved; ${report.dataset.cut}.` : 'Saved.');
  }
  document.getElementById('copy').addEventListener('click', copy);
  document.getElementById('save').addEventListener('click', save);
  document.getElementById('save').hidden = !document.getElementById('report');
  document.querySelector('.tools').hidden = false;

  /* ---- states: the same colours and patterns on a canvas as in SVG ---- */
  function patternOf(context, state) {
    const source = document.getElementById(`p${state}`);
    const tile = document.createElement('canvas');
    const scale = devicePixelRatio || 1;
    tile.width = tile.height = Math.round(8 * scale);
    const t = tile.getContext('2d');
    t.scale(tile.width / 8, tile.height / 8);
    t.fillStyle = getComputedStyle(source.querySelector('rect')).fill;
    t.fillRect(0, 0, 8, 8);
    const path = source.querySelector('path');
    if (path) {
      t.strokeStyle = 'rgba(255, 255, 255, 0.55)';
      t.lineWidth = 1.2;
      t.stroke(new Path2D(path.getAttribute('d')));
    }
    const pattern = context.createPattern(tile, 'repeat');
    pattern.setTransform(new DOMMatrix().scale(1 / scale));
    return pattern;
  }
  function legend(used) {
    const node = make('div', { class: 'legend' });
    for (const state of used) {
      const key = svg('svg', { class: 'key', width: 14, height: 14, 'aria-hidden': 'true' },
        svg('rect', { class: `s${state}`, width: 14, height: 14 }));
      node.append(make('span', {}, key, ` ${states[state]}`));
    }
    return node;
  }

  /* ---- timeline ---- */
  function timeline(place) {
    const t = data.timeline;
    if (t.rows.length === 0) return;
    const ROW = 18, NAMES = 170, AXIS = 22;
    const end = Math.max(1, ...t.rows.map((row) => row.death), data.wall_ns / t.unit_ns);
    for (const row of t.rows) {
      row.starts = new Float64Array(row.spans.length / 2 + 1);
      let at = row.birth;
      for (let i = 0; i < row.spans.length; i += 2) {
        row.starts[i / 2] = at;
        at += row.spans[i];
      }
      row.starts[row.spans.length / 2] = at;
    }
    const lane = t.holders.length > 0 ? 1 : 0;
    const used = [...new Set(t.rows.flatMap((row) => row.spans.filter((_, i) => i % 2 === 1)))].sort((a, b) => a - b);
    let rows = t.rows.map((_, i) => i), first = 0, from = 0, to = end, arrows = true, drag = null;

    const canvas = make('canvas', { class: 'canvas', tabindex: 0, role: 'img',
      'aria-label': 'Timeline of the threads. Arrow keys move, plus and minus zoom, Home shows all. A table follows.' });
    const tip = make('div', { class: 'tip', hidden: '' });
    const search = make('input', { type: 'search', placeholder: 'find a thread', 'aria-label': 'find a thread' });
    const notes = [];
    if (t.resolution_ns > 0) notes.push(`neighbouring spans shorter than ${duration(t.resolution_ns)} were made one, of the state most of it was in`);
    if (t.decimation > 1) notes.push(`${t.decimation} neighbouring slices were made one while measuring`);
    if (t.omitted > 0) notes.push(`${t.omitted} threads have no row`);
    if (t.arrows_left_out > 0) notes.push(`arrows for the ${t.arrows.length / 4} longest waits only`);
    if (lane) notes.push(`who held the ${t.lock} is inferred from whose wait for it ended last`);

    const c = canvas.getContext('2d');
    let patterns = null, width = 0, height = 0;
    const visible = () => Math.floor((height - AXIS) / ROW) - lane;
    const x = (at) => NAMES + (at - from) / (to - from) * (width - NAMES);
    const at = (px) => from + (px - NAMES) / (width - NAMES) * (to - from);

    function resize() {
      const scale = devicePixelRatio || 1;
      width = canvas.clientWidth;
      height = AXIS + ROW * Math.min(Math.max(rows.length, 1) + lane, 28);
      canvas.style.height = `${height}px`;
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
      c.setTransform(scale, 0, 0, scale, 0, 0);
      patterns = null;
      draw();
    }
    function spanAt(row, when) {
      let low = 0, high = row.spans.length / 2;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (row.starts[middle + 1] <= when) low = middle + 1; else high = middle;
      }
      return low;
    }
    function drawSpans(row, y) {
      const n = row.spans.length / 2;
      let last = NAMES - 1;
      for (let i = spanAt(row, from); i < n && row.starts[i] < to; i++) {
        const right = Math.min(x(row.starts[i + 1]), width);
        if (right <= last + 0.5) continue; // within the pixel before it
        const left = Math.max(x(row.starts[i]), last, NAMES);
        c.fillStyle = patterns[row.spans[2 * i + 1]];
        c.fillRect(left, y + 2, Math.max(right - left, 0.7), ROW - 4);
        last = right;
      }
    }
    function drawName(text, y) {
      c.fillStyle = css('--text');
      c.fillText(text, 6, y + ROW - 5, NAMES - 12);
    }
    function drawHolders() {
      let y = AXIS;
      drawName(`${t.lock} holder`, y);
      for (let i = 0; i < t.holders.length; i += 2) {
        const begin = t.holders[i], stop = i + 2 < t.holders.length ? t.holders[i + 2] : t.rows[t.holders[i + 1]].death;
        if (stop < from || begin > to) continue;
        const left = Math.max(x(begin), NAMES);
        c.fillStyle = `hsl(${t.holders[i + 1] * 137 % 360} 60% 50%)`;
        c.fillRect(left, y + 2, Math.max(Math.min(x(stop), width) - left, 0.5), ROW - 4);
      }
    }
    function drawArrows(shown) {
      c.strokeStyle = css('--text');
      c.lineWidth = 1;
      c.globalAlpha = 0.55;
      let drawn = 0; // the longest waits come first; more than this in view is a blot
      for (let i = 0; i < t.arrows.length && drawn < 60; i += 4) {
        const [a, aAt, b, bAt] = t.arrows.slice(i, i + 4);
        const ya = shown.get(a), yb = shown.get(b);
        if (ya === undefined || yb === undefined || bAt < from || aAt > to) continue;
        drawn++;
        const x1 = Math.max(x(aAt), NAMES), x2 = Math.min(Math.max(x(bAt), NAMES), width), down = yb > ya ? 1 : -1;
        c.beginPath();
        c.moveTo(x1, ya + ROW / 2);
        c.lineTo(x2, yb + ROW / 2 - 7 * down);
        c.moveTo(x2 - 3, yb + ROW / 2 - 11 * down);
        c.lineTo(x2, yb + ROW / 2 - 7 * down);
        c.lineTo(x2 + 3, yb + ROW / 2 - 11 * down);
        c.stroke();
      }
      c.globalAlpha = 1;
    }
    function drawAxis() {
      const span = (to - from) * t.unit_ns, step = [1, 2, 5].map((k) => k * 10 ** Math.floor(Math.log10(span / 5))).find((s) => span / s <= 8) || span / 5;
      c.fillStyle = css('--dim');
      c.strokeStyle = css('--line');
      for (let ns = Math.ceil(from * t.unit_ns / step) * step; ns <= to * t.unit_ns; ns += step) {
        const px = x(ns / t.unit_ns);
        c.beginPath();
        c.moveTo(px, AXIS - 4);
        c.lineTo(px, height);
        c.stroke();
        c.fillText(duration(ns), px + 3, 13);
      }
    }
    function draw() {
      if (!patterns) patterns = states.map((_, i) => patternOf(c, i));
      c.clearRect(0, 0, width, height);
      c.font = '12px system-ui, sans-serif';
      drawAxis();
      if (lane) drawHolders();
      const shown = new Map();
      for (let k = 0; k < visible() && first + k < rows.length; k++) {
        const row = t.rows[rows[first + k]], y = AXIS + ROW * (k + lane);
        shown.set(rows[first + k], y);
        drawName(`${row.name} ${row.tid}`, y);
        drawSpans(row, y);
      }
      if (arrows && (shown.size <= 64)) drawArrows(shown);
      if (rows.length > visible()) {
        const whole = height - AXIS;
        c.fillStyle = css('--dim');
        c.fillRect(width - 4, AXIS + whole * first / rows.length, 4, Math.max(whole * visible() / rows.length, 8));
      }
    }
    function scroll(by) { first = Math.max(0, Math.min(first + by, rows.length - visible())); draw(); }
    function move(share) {
      const by = (to - from) * share, shift = Math.max(-from, Math.min(by, end - to));
      from += shift;
      to += shift;
      draw();
    }
    function zoom(factor, around) {
      const middle = around === undefined ? (from + to) / 2 : around, least = Math.max(10 / t.unit_ns, end / 1e6);
      const span = Math.min(Math.max((to - from) * factor, least), end);
      from = Math.max(0, Math.min(middle - (middle - from) / (to - from) * span, end - span));
      to = from + span;
      draw();
    }
    function all() { from = 0; to = end; draw(); }

    canvas.addEventListener('wheel', (event) => {
      if (event.ctrlKey || event.shiftKey) {
        event.preventDefault();
        zoom(event.deltaY > 0 ? 1.25 : 0.8, at(event.offsetX));
      } else if (rows.length > visible()) {
        event.preventDefault();
        scroll(event.deltaY > 0 ? 3 : -3);
      }
    }, { passive: false });
    canvas.addEventListener('pointerdown', (event) => { drag = { x: event.offsetX, from, to }; canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener('pointerup', () => { drag = null; });
    canvas.addEventListener('pointermove', (event) => {
      if (drag) {
        const by = (drag.x - event.offsetX) / (width - NAMES) * (drag.to - drag.from);
        const shift = Math.max(-drag.from, Math.min(by, end - drag.to));
        from = drag.from + shift;
        to = drag.to + shift;
        draw();
      }
      hover(event.offsetX, event.offsetY);
    });
    canvas.addEventListener('pointerleave', () => { tip.hidden = true; });
    function hover(px, py) {
      const k = Math.floor((py - AXIS) / ROW) - lane, when = at(px);
      tip.hidden = true;
      if (px < NAMES || py < AXIS) return;
      if (k < 0) {
        let i = t.holders.length - 2;
        while (i >= 0 && t.holders[i] > when) i -= 2;
        if (i < 0) return;
        tip.textContent = `${t.lock} held by ${t.rows[t.holders[i + 1]].name} ${t.rows[t.holders[i + 1]].tid}`;
      } else {
        const row = t.rows[rows[first + k]];
        if (!row || when < row.birth || when > row.starts[row.spans.length / 2]) return;
        const i = spanAt(row, when);
        if (2 * i >= row.spans.length) return;
        tip.textContent = `${row.name} ${row.tid}: ${states[row.spans[2 * i + 1]]} ${duration(row.spans[2 * i] * t.unit_ns)} at ${duration(row.starts[i] * t.unit_ns)}`;
      }
      tip.hidden = false;
      tip.style.left = `${Math.min(px + 14, width - 260)}px`;
      tip.style.top = `${py + 14}px`;
    }
    canvas.addEventListener('keydown', (event) => {
      const keys = { ArrowLeft: () => move(-0.2), ArrowRight: () => move(0.2), ArrowUp: () => scroll(-1), ArrowDown: () => scroll(1),
        PageUp: () => scroll(-20), PageDown: () => scroll(20), '+': () => zoom(0.6), '=': () => zoom(0.6), '-': () => zoom(1.6), Home: all };
      if (!keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
    search.addEventListener('input', () => {
      const words = search.value.toLowerCase();
      rows = t.rows.map((_, i) => i).filter((i) => `${t.rows[i].name} ${t.rows[i].tid} ${t.rows[i].pid}`.toLowerCase().includes(words));
      first = 0;
      resize();
    });
    const toggle = button('Arrows', () => { arrows = !arrows; toggle.setAttribute('aria-pressed', arrows); draw(); }, { 'aria-pressed': 'true' });
    place.append(
      make('div', { class: 'bar-of-tools' }, search, button('Zoom in', () => zoom(0.5)), button('Zoom out', () => zoom(2)), button('All', all), toggle),
      legend(used), make('div', { class: 'lanes' }, canvas, tip),
      make('p', { class: 'why' }, `${t.rows.length} threads. Drag or arrow keys move, Ctrl and the wheel or + and - zoom, the wheel scrolls.${notes.length ? ` Note: ${notes.join('; ')}.` : ''}`));
    new ResizeObserver(() => { if (canvas.clientWidth !== width) resize(); }).observe(canvas);
    for (const media of ['(prefers-color-scheme: dark)', 'print']) matchMedia(media).addEventListener('change', resize);
    resize();
  }

  /* ---- flame graph ---- */
  function flame(place) {
    const f = data.flame;
    if (f.sites.length === 0) {
      place.append(make('p', {}, 'No stacks were taken.'));
      return;
    }
    const HEIGHT = 18, names = f.frames.map(([name, file, line]) => ({ name, where: file ? `${file.split('/').pop()}${line ? `:${line}` : ''}` : '' }));
    let mode = 'off', thread = '', root = null, zoomed = null, words = '';
    const drawing = svg('svg', { class: 'flame', role: 'group', 'aria-label': 'Flame graph' });
    const status = make('p', { class: 'why', role: 'status' });
    const threads = [...new Map(f.sites.map((site) => [site.tid, site])).keys()].sort((a, b) => a - b);

    function build() {
      root = { name: 'all', ns: 0, count: 0, children: new Map(), state: 15, parent: null };
      for (const site of f.sites) {
        if ((mode === 'on') !== (site.state === 0) || (thread && site.tid !== +thread)) continue;
        let node = root;
        node.ns += site.ns;
        node.count += site.count;
        for (const id of [`s${site.state}`, ...site.stack]) {
          if (!node.children.has(id))
            node.children.set(id, { id, name: typeof id === 'string' ? states[site.state] : names[id].name,
              where: typeof id === 'string' ? '' : names[id].where, ns: 0, count: 0, state: site.state, children: new Map(), parent: node });
          node = node.children.get(id);
          node.ns += site.ns;
          node.count += site.count;
        }
      }
      zoomed = root;
    }
    const label = (node) => node.where ? `${node.name} (${node.where})` : node.name;
    const found = (node) => words && label(node).toLowerCase().includes(words);
    function foundNs(node) {
      if (found(node)) return node.ns;
      let sum = 0;
      for (const child of node.children.values()) sum += foundNs(child);
      return sum;
    }
    function tell(node) {
      const share = root.ns ? (100 * node.ns / root.ns).toFixed(1) : '0';
      status.textContent = `${label(node)}: ${duration(node.ns)}, ${share} %, ${node.count} ${mode === 'on' ? 'samples' : 'waits'}`;
    }
    function box(node, left, width, depth) {
      const group = svg('g', { tabindex: 0, role: 'button', 'aria-label': `${label(node)} ${duration(node.ns)}` });
      const rect = svg('rect', { class: `${typeof node.id === 'string' ? 's' : 'c'}${node.state}${found(node) ? ' found' : ''}`, x: left, y: depth * HEIGHT, width, height: HEIGHT - 1 });
      group.append(svg('title', {}, `${label(node)}: ${duration(node.ns)}`), rect);
      if (width > 40) {
        const room = Math.floor(width / 6.3), text = label(node);
        group.append(svg('text', { x: left + 4, y: depth * HEIGHT + 13 }, text.length > room ? `${text.slice(0, Math.max(room - 2, 1))}..` : text));
      }
      const open = () => { zoomed = node === zoomed && node.parent ? node.parent : node; draw(); };
      group.addEventListener('click', open);
      group.addEventListener('keydown', (event) => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); open(); } });
      group.addEventListener('pointerenter', () => tell(node));
      group.addEventListener('focus', () => tell(node));
      drawing.append(group);
    }
    function draw() {
      const width = drawing.clientWidth || 1000, path = [];
      let depth = 0, deepest = 0;
      drawing.replaceChildren();
      for (let node = zoomed; node; node = node.parent) path.unshift(node);
      for (const node of path) box(node, 0, width, depth++);
      (function below(node, left, scale, level) {
        for (const child of [...node.children.values()].sort((a, b) => b.ns - a.ns)) {
          const w = child.ns * scale;
          if (w < 0.5) break;
          deepest = Math.max(deepest, level);
          box(child, left, w, level);
          below(child, left, scale, level + 1);
          left += w;
        }
      })(zoomed, 0, zoomed.ns ? width / zoomed.ns : 0, depth);
      const rows = Math.max(deepest + 1, depth);
      drawing.setAttribute('viewBox', `0 0 ${width} ${rows * HEIGHT}`);
      drawing.style.height = `${rows * HEIGHT}px`;
      if (words) status.textContent = `"${words}": ${duration(foundNs(root))} of ${duration(root.ns)}`;
      else tell(zoomed);
    }
    function set(change) { change(); build(); draw(); }
    const off = button('Off-CPU: waiting', () => set(() => { mode = 'off'; press(); }), { 'aria-pressed': 'true' });
    const on = button('On-CPU', () => set(() => { mode = 'on'; press(); }), { 'aria-pressed': 'false' });
    function press() { off.setAttribute('aria-pressed', mode === 'off'); on.setAttribute('aria-pressed', mode === 'on'); }
    const choose = make('select', { 'aria-label': 'thread' }, make('option', { value: '' }, 'all threads'),
      ...threads.map((tid) => make('option', { value: tid }, `thread ${tid}`)));
    choose.addEventListener('change', () => set(() => { thread = choose.value; }));
    const search = make('input', { type: 'search', placeholder: 'find a function', 'aria-label': 'find a function' });
    search.addEventListener('input', () => { words = search.value.toLowerCase(); draw(); });
    place.append(make('div', { class: 'bar-of-tools' }, off, on, choose, search, button('All', () => { zoomed = root; draw(); })), drawing, status);
    if (f.left_out > 0) place.append(make('p', { class: 'why' }, `${f.left_out} places with the least time are not drawn.`));
    if (!f.sites.some((site) => site.state !== 0)) { mode = 'on'; press(); }
    build();
    draw();
    new ResizeObserver(() => draw()).observe(place);
  }

  if (embedded) {
    timeline(document.getElementById('timeline'));
    flame(document.getElementById('flame'));
  }
  document.documentElement.dataset.ready = 'yes';
})();
