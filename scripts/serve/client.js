// The page of `fusor serve`: what is drawn goes to the model, what it says is shown.
(() => {
  const input = document.getElementById('input');
  const { name, height, width, rank, classes } = input.dataset;
  // Where the classes have names; else their numbers.
  const names = JSON.parse(classes);
  const [rows, columns] = [Number(height), Number(width)];
  const answer = document.getElementById('answer');
  const bars = document.getElementById('bars');
  let asked = 0;

  async function ask(instance) {
    const mine = ++asked;
    const response = await fetch(`/v1/models/${name}:predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ instances: [instance] }),
    });
    const { predictions, error } = await response.json();
    if (mine === asked) show(error ? [] : predictions[0], error);
  }

  function show(values, error) {
    const best = values.indexOf(Math.max(...values));
    answer.textContent = error || (values.length > 1 ? (names[best] ?? String(best)) : values.join(''));
    bars.replaceChildren(
      ...values.map((value, i) => {
        const row = document.createElement('div');
        row.className = 'row';
        const [label, track, text] = ['span', 'div', 'span'].map((tag) => document.createElement(tag));
        const bar = document.createElement('i');
        label.textContent = names[i] ?? String(i);
        bar.style.width = `${100 * Math.min(1, Math.max(0, value))}%`;
        track.append(bar);
        text.textContent = value.toFixed(3);
        row.append(label, track, text);
        return row;
      }),
    );
  }

  const canvas = document.getElementById('canvas');
  if (!canvas) {
    document.getElementById('ask').addEventListener('click', () => {
      try {
        ask(JSON.parse(document.getElementById('row').value));
      } catch (error) {
        show([], error.message);
      }
    });
    return;
  }

  const pen = canvas.getContext('2d', { willReadFrequently: true });
  pen.lineWidth = 22;
  pen.lineCap = 'round';
  pen.lineJoin = 'round';
  pen.strokeStyle = '#fff';
  let last;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  };
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = place(event);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (!last) return;
    const at = place(event);
    pen.beginPath();
    pen.moveTo(...last);
    pen.lineTo(...at);
    pen.stroke();
    last = at;
  });
  canvas.addEventListener('pointerup', () => {
    last = undefined;
    const drawn = image();
    if (drawn) ask(drawn);
  });
  document.getElementById('clear').addEventListener('click', () => {
    asked++;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    show([]);
  });

  /** As MNIST was made: the drawing fits 20 of 28 pixels, and its centre of mass is in the middle. */
  function image() {
    const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
    let [left, top, right, bottom, mass, across, down] = [canvas.width, canvas.height, -1, -1, 0, 0, 0];
    for (let y = 0; y < canvas.height; y++) {
      for (let x = 0; x < canvas.width; x++) {
        const ink = data[4 * (y * canvas.width + x) + 3];
        if (ink === 0) continue;
        [left, right] = [Math.min(left, x), Math.max(right, x)];
        [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
        [mass, across, down] = [mass + ink, across + ink * x, down + ink * y];
      }
    }
    if (mass === 0) return undefined;
    const scale = ((20 / 28) * Math.min(rows, columns)) / Math.max(right - left + 1, bottom - top + 1);
    const small = document.createElement('canvas');
    [small.width, small.height] = [columns, rows];
    const to = small.getContext('2d');
    to.imageSmoothingQuality = 'high';
    to.setTransform(
      scale,
      0,
      0,
      scale,
      columns / 2 - (scale * across) / mass,
      rows / 2 - (scale * down) / mass,
    );
    to.drawImage(canvas, 0, 0);
    const pixels = to.getImageData(0, 0, columns, rows).data;
    const at = (y, x) => pixels[4 * (y * columns + x) + 3];
    return Array.from({ length: rows }, (_, y) =>
      Array.from({ length: columns }, (_, x) => (rank === '3' ? [at(y, x)] : at(y, x))),
    );
  }
})();
