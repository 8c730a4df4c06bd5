// The page of `fusor serve`: what is drawn goes to the model, what it says is shown.
(() => {
  const input = document.getElementById('input');
  const { name, height, width, rank, reading } = input.dataset;
  // Of the classes or the values, where they have names; else their numbers.
  const names = JSON.parse(input.dataset.names);
  const nameOf = (i) => names[i] ?? String(i);
  const [rows, columns] = [Number(height), Number(width)];
  const answer = document.getElementById('answer');
  const bars = document.getElementById('bars');
  let asked = 0;

  async function ask(instance) {
    const mine = ++asked;
    const { predictions, error } = await answerTo(instance);
    // Another one has been asked meanwhile.
    if (mine !== asked) return;
    if (error) fail(error);
    else show(predictions[0]);
  }

  async function answerTo(instance) {
    try {
      const response = await fetch(`/v1/models/${name}:predict`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ instances: [instance] }),
      });
      return await response.json();
    } catch (error) {
      return { error: `The model cannot be reached (${error.message}): is fusor serve still running?` };
    }
  }

  /** What is asked for is no longer waited for. */
  function clear() {
    asked++;
    answer.className = '';
    answer.replaceChildren();
    bars.replaceChildren();
  }

  function fail(message) {
    clear();
    answer.className = 'failed';
    answer.textContent = message;
  }

  function show(outputs) {
    clear();
    if (reading === 'values') {
      answer.className = 'values';
      answer.append(...outputs.map((value, i) => row(nameOf(i), element('b', value.toPrecision(6)))));
      return;
    }
    const probabilities = probabilitiesOf(outputs);
    answer.textContent = nameOf(probabilities.indexOf(Math.max(...probabilities)));
    bars.append(
      ...probabilities.map((probability, i) => {
        const [track, bar] = [element('div'), element('i')];
        bar.style.width = `${100 * probability}%`;
        track.append(bar);
        return row(nameOf(i), track, element('span', probability.toFixed(3)));
      }),
    );
  }

  /** One for each class, as `fusor predict` reads the outputs: a single one is the probability of class 1. */
  function probabilitiesOf(outputs) {
    if (reading === 'softmax') {
      const most = Math.max(...outputs);
      const powers = outputs.map((logit) => Math.exp(logit - most));
      const sum = powers.reduce((a, b) => a + b, 0);
      return powers.map((power) => power / sum);
    }
    const each = reading === 'sigmoid' ? outputs.map((logit) => 1 / (1 + Math.exp(-logit))) : outputs;
    return each.length === 1 ? [1 - each[0], each[0]] : each;
  }

  function row(label, ...cells) {
    const made = element('div');
    made.className = 'row';
    made.append(element('span', label), ...cells);
    return made;
  }

  function element(tag, text = '') {
    const made = document.createElement(tag);
    made.textContent = text;
    return made;
  }

  const canvas = document.getElementById('canvas');
  if (!canvas) {
    document.getElementById('ask').addEventListener('click', () => {
      let instance;
      try {
        instance = JSON.parse(document.getElementById('row').value);
      } catch (error) {
        fail(`This is no JSON: ${error.message}`);
        return;
      }
      ask(instance);
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
    pen.clearRect(0, 0, canvas.width, canvas.height);
    clear();
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
