// The GPT of chapter 4 in plain JavaScript: the same classes and names as
// curriculum/model.py and curriculum/evaluation/generate.py, one character at a time.
//
// - Everything stands inside one function, so that a page can send its text to a worker.
// - Weights are half precision in the file and single precision here, as in the package;
//   all else is double precision, so logits differ from PyTorch's in the fifth decimal.
// - A weight matrix is stored as PyTorch stores it: row o holds the weights of output o.
// - The cache keeps keys, values and, of the last character, the attention weights.

function curriculumGPT() {
  "use strict";

  // --- layers ------------------------------------------------------------------------

  /** The sum of a[i + k] * b[j + k] for k below n. */
  function dot(a, i, b, j, n) {
    let sum = 0;
    for (let k = 0; k < n; k++) sum += a[i + k] * b[j + k];
    return sum;
  }

  function add(x, y) {
    for (let i = 0; i < x.length; i++) x[i] += y[i];
  }

  class Linear {
    constructor(weight, bias, inputs) {
      this.weight = weight;
      this.bias = bias;
      this.inputs = inputs;
      this.result = new Float64Array(weight.length / inputs);
    }
    /** Four outputs at a time: each number of x is fetched once for all four. */
    forward(x) {
      const { weight, bias, inputs, result } = this;
      let o = 0;
      for (; o + 3 < result.length; o += 4) {
        const i0 = o * inputs, i1 = i0 + inputs, i2 = i1 + inputs, i3 = i2 + inputs;
        let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        for (let i = 0; i < inputs; i++) {
          const value = x[i];
          s0 += weight[i0 + i] * value;
          s1 += weight[i1 + i] * value;
          s2 += weight[i2 + i] * value;
          s3 += weight[i3 + i] * value;
        }
        result[o] = s0;
        result[o + 1] = s1;
        result[o + 2] = s2;
        result[o + 3] = s3;
      }
      for (; o < result.length; o++) {
        let sum = 0;
        for (let i = 0; i < inputs; i++) sum += weight[o * inputs + i] * x[i];
        result[o] = sum;
      }
      if (bias) add(result, bias);
      return result;
    }
  }

  class LayerNorm {
    constructor(weight) {
      this.weight = weight;
      this.result = new Float64Array(weight.length);
    }
    forward(x) {
      const n = x.length;
      let mean = 0, variance = 0;
      for (let i = 0; i < n; i++) mean += x[i] / n;
      for (let i = 0; i < n; i++) variance += (x[i] - mean) ** 2 / n;
      const scale = 1 / Math.sqrt(variance + 1e-5);
      for (let i = 0; i < n; i++) this.result[i] = (x[i] - mean) * scale * this.weight[i];
      return this.result;
    }
  }

  /** The error function; off by at most 1.5e-7 (Abramowitz & Stegun, 7.1.26). */
  function erf(x) {
    const t = 1 / (1 + 0.3275911 * Math.abs(x));
    const sum = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741
      + t * (-1.453152027 + t * 1.061405429))));
    const y = 1 - sum * Math.exp(-x * x);
    return x < 0 ? -y : y;
  }

  function gelu(x) {
    for (let i = 0; i < x.length; i++) x[i] *= 0.5 * (1 + erf(x[i] * Math.SQRT1_2));
    return x;
  }

  function softmax(x) {
    let top = -Infinity, sum = 0;
    for (const value of x) top = Math.max(top, value);
    for (let i = 0; i < x.length; i++) sum += x[i] = Math.exp(x[i] - top);
    for (let i = 0; i < x.length; i++) x[i] /= sum;
    return x;
  }

  // --- the model ---------------------------------------------------------------------

  class KVCache {
    constructor(c) {
      this.length = 0; // characters read so far
      const make = (n) => Array.from({ length: c.n_layer }, () => new Float64Array(n));
      this.keys = make(c.block_size * c.n_embd);
      this.values = make(c.block_size * c.n_embd);
      this.attention = []; // of the last character: [layer][head], weights up to itself
    }
  }

  class Attention {
    constructor(c, qkv, out) {
      this.n_head = c.n_head;
      this.qkv = qkv;
      this.out = out;
      this.y = new Float64Array(c.n_embd);
    }
    forward(x, cache, layer) {
      const C = x.length, D = C / this.n_head, T = cache.length;
      const qkv = this.qkv.forward(x); // query, key, value: C numbers each
      const keys = cache.keys[layer], values = cache.values[layer];
      keys.set(qkv.subarray(C, 2 * C), T * C);
      values.set(qkv.subarray(2 * C), T * C);
      const y = this.y.fill(0);
      cache.attention[layer] = [];
      for (let h = 0; h < this.n_head; h++) {
        const weights = new Float32Array(T + 1);
        for (let s = 0; s <= T; s++)
          weights[s] = dot(qkv, h * D, keys, s * C + h * D, D) / Math.sqrt(D);
        softmax(weights);
        for (let s = 0; s <= T; s++)
          for (let d = h * D; d < (h + 1) * D; d++)
            y[d] += weights[s] * values[s * C + d];
        cache.attention[layer].push(weights);
      }
      return this.out.forward(y);
    }
  }

  class Block {
    constructor(norm1, attention, norm2, mlp) {
      Object.assign(this, { norm1, attention, norm2, mlp });
    }
    /** Adds to x in place: communication between positions, then work within this one. */
    forward(x, cache, layer) {
      add(x, this.attention.forward(this.norm1.forward(x), cache, layer));
      add(x, this.mlp[1].forward(gelu(this.mlp[0].forward(this.norm2.forward(x)))));
    }
  }

  class GPT {
    /** config: as GPTConfig. weights: name -> Float32Array, named as in PyTorch. */
    constructor(config, weights) {
      const C = config.n_embd;
      const linear = (name, inputs = C) =>
        new Linear(weights[name + ".weight"], weights[name + ".bias"], inputs);
      const norm = (name) => new LayerNorm(weights[name + ".weight"]);
      this.config = config;
      this.characters = weights["characters.weight"];
      this.positions = weights["positions.weight"];
      this.blocks = Array.from({ length: config.n_layer }, (_, i) => {
        const at = `blocks.${i}.`;
        const attention = new Attention(
          config, linear(at + "attention.qkv"), linear(at + "attention.out"));
        const mlp = [linear(at + "mlp.0"), linear(at + "mlp.2", 4 * C)];
        return new Block(norm(at + "norm1"), attention, norm(at + "norm2"), mlp);
      });
      this.norm = norm("norm");
      this.head = linear("head");
    }

    /** Read one token after those in the cache; the scores of all possible next ones. */
    forward(token, cache) {
      const { n_embd: C, block_size } = this.config, T = cache.length;
      if (T >= block_size)
        throw new Error(`the text is longer than the context of ${block_size} characters`);
      const x = new Float64Array(C);
      for (let i = 0; i < C; i++)
        x[i] = this.characters[token * C + i] + this.positions[T * C + i];
      this.blocks.forEach((block, layer) => block.forward(x, cache, layer));
      cache.length++;
      return this.head.forward(this.norm.forward(x)); // (V,), overwritten by the next call
    }
  }

  // --- text --------------------------------------------------------------------------

  class CharTokenizer {
    constructor(alphabet) {
      this.alphabet = Array.from(alphabet);
      this.number = new Map(this.alphabet.map((c, i) => [c, i]));
    }
    encode(text) {
      return Array.from(text, (c, i) => {
        if (this.number.has(c)) return this.number.get(c);
        const line = Array.from(text).slice(0, i).filter((d) => d === "\n").length + 1;
        throw new Error(`line ${line}: the model has never seen the character “${c}”; it`
          + ` knows only ${this.alphabet.filter((d) => d.trim()).join(" ")}`);
      });
    }
    decode(tokens) {
      return Array.from(tokens, (t) => this.alphabet[t]).join("");
    }
  }

  /** The likeliest token; of equals the first, as in PyTorch. */
  function sampleNextToken(logits) {
    let best = 0;
    for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i;
    return best;
  }

  /**
   * Continue `prompt` by up to `maxNewTokens` tokens, the likeliest each, until the text
   * ends in `stop` (two tokens, or none).
   *
   * each(step): called for every new token with { token, probability, likeliest, attention }:
   * its probability, the three likeliest with theirs, and [layer][head] the weights with
   * which the position before it looked back. Waits between slices of 20 ms, so that a
   * page or a worker stays awake; ends early when `cancelled()` is true.
   */
  async function generate(model, prompt, maxNewTokens, stop, each, cancelled = () => false) {
    if (!prompt.length) throw new Error("the program is empty; write at least one character");
    const room = model.config.block_size - prompt.length;
    if (room < 0)
      throw new Error(`the program has ${prompt.length} characters; the model reads at`
        + ` most ${model.config.block_size}`);
    const cache = new KVCache(model.config), text = Array.from(prompt);
    let slice = performance.now();
    const most = prompt.length + Math.min(maxNewTokens, room);
    while (text.length < most) {
      if (performance.now() - slice > 20) {
        await new Promise((go) => setTimeout(go));
        slice = performance.now();
      }
      if (cancelled()) break;
      const logits = model.forward(text[cache.length], cache);
      if (cache.length < text.length) continue; // still reading the prompt
      const token = sampleNextToken(logits);
      const p = softmax(Float32Array.from(logits));
      const likeliest = Array.from(p, (value, i) => [i, value])
        .sort((a, b) => b[1] - a[1]).slice(0, 3);
      text.push(token);
      each({ token, probability: p[token], likeliest, attention: cache.attention.slice() });
      if (stop.length && stop.every((s, i) => text[text.length - stop.length + i] === s)) break;
    }
    return text.slice(prompt.length);
  }

  // --- files -------------------------------------------------------------------------

  const FORMATS = { "curriculum-web-1": [16], "curriculum-web-2": [8, 4] }; // bits a weight
  const CALL = "curriculumModel(";
  const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    + "!#$%&()*+-;<=>?@^_`{|}~";

  /** The three texts of a file made by `python -m curriculum export`; runs nothing in it. */
  function textsOf(file) {
    try {
      if (!file.startsWith(CALL)) throw new Error();
      const texts = JSON.parse(`[${file.slice(CALL.length, file.lastIndexOf(")"))}]`);
      if (texts.length !== 3 || texts.some((t) => typeof t !== "string")) throw new Error();
      return texts;
    } catch {
      throw new Error("this is no model for this page; write one with"
        + " “python -m curriculum export --to web model.safetensors”");
    }
  }

  /** { header, model, tokenizer } of the three texts. */
  async function readModel(headerText, weightsText, digest) {
    if (typeof DecompressionStream === "undefined")
      throw new Error("this browser is too old to unpack a model; any of 2023 or later can");
    if (sha256(new TextEncoder().encode(`${headerText}\n${weightsText}`)) !== digest)
      throw new Error("the file is damaged: it does not match its digest; export it again");
    const header = JSON.parse(headerText);
    const { format, bits = 16 } = header;
    if (!Object.hasOwn(FORMATS, format) || !FORMATS[format].includes(bits))
      throw new Error(`the file has the format “${format}” with ${bits} bits; this page reads`
        + ` ${Object.keys(FORMATS).join(" and ")}`);
    const problem = misfit(header);
    if (problem) throw new Error(`the file describes no model: ${problem}`);
    const packed = base85(weightsText).subarray(0, header.bytes);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const unpacked = await new Response(stream).arrayBuffer().catch(() => {
      throw new Error("the weights of the file cannot be unpacked; export it again");
    });
    const weights = unpackedWeights(new Uint8Array(unpacked), header);
    const tokenizer = new CharTokenizer(header.alphabet);
    return { header, model: new GPT(header.config, weights), tokenizer };
  }

  /** name -> Float32Array, of the unpacked bytes of a file (curriculum/export.py). */
  function unpackedWeights(bytes, { tensors, bits = 16, group }) {
    const size = (shape) => shape.reduce((a, b) => a * b, 1), groups = (shape) =>
      shape[0] * Math.ceil(shape[1] / Math.min(group || Infinity, shape[1]));
    const isTable = (shape) => bits < 16 && shape.length === 2;
    const lengths = tensors.map(([, shape]) => isTable(shape) ? groups(shape) : size(shape));
    const n = lengths.reduce((a, b) => a + b, 0), weights = {};
    const tables = tensors.map(([, shape]) => isTable(shape) ? Math.ceil(size(shape) * bits / 8) : 0);
    if (bytes.length !== 2 * n + tables.reduce((a, b) => a + b, 0))
      throw new Error("the file holds too few or too many weights");
    const numbers = halves(bytes.subarray(0, 2 * n));
    let at = 0, byte = 2 * n;
    tensors.forEach(([name, shape], i) => {
      const mine = numbers.subarray(at, (at += lengths[i]));
      weights[name] = isTable(shape) ? restored(bytes.subarray(byte, (byte += tables[i])), mine,
        shape, bits, group) : mine;
    });
    return weights;
  }

  /** Whole numbers of 8 or 4 bits, times the scale of their group (curriculum/quantise.py). */
  function restored(bytes, scales, [rows, columns], bits, group) {
    const size = Math.min(group || columns, columns), perRow = Math.ceil(columns / size);
    const weights = new Float32Array(rows * columns);
    for (let i = 0; i < weights.length; i++) {
      const whole = bits === 8 ? (bytes[i] << 24) >> 24 : ((bytes[i >> 1] >> (4 * (i & 1))) & 15) - 8;
      const row = Math.floor(i / columns), column = i - row * columns;
      weights[i] = whole * scales[row * perRow + Math.floor(column / size)];
    }
    return weights;
  }

  /** What is wrong with a header; "" if nothing is. */
  function misfit({ config, alphabet, tensors }) {
    const limits = { vocab_size: 256, block_size: 4096, n_layer: 64, n_head: 64, n_embd: 2048 };
    for (const [name, most] of Object.entries(limits)) {
      const value = config?.[name];
      if (!Number.isInteger(value) || value < 1 || value > most)
        return `${name} is ${value}; it must be from 1 to ${most}`;
    }
    const { vocab_size: V, block_size: T, n_layer, n_head, n_embd: C } = config;
    if (C % n_head) return `n_embd is ${C}, not a multiple of n_head = ${n_head}`;
    if (typeof alphabet !== "string" || Array.from(alphabet).length !== V)
      return `its alphabet does not have ${V} characters`;
    const wanted = { "characters.weight": [V, C], "positions.weight": [T, C],
      "norm.weight": [C], "head.weight": [V, C], "head.bias": [V] };
    for (let i = 0; i < n_layer; i++)
      for (const [name, shape] of [["norm1.weight", [C]], ["attention.qkv.weight", [3 * C, C]],
        ["attention.out.weight", [C, C]], ["attention.out.bias", [C]], ["norm2.weight", [C]],
        ["mlp.0.weight", [4 * C, C]], ["mlp.2.weight", [C, 4 * C]]])
        wanted[`blocks.${i}.${name}`] = shape;
    const found = Object.fromEntries(Array.isArray(tensors) ? tensors : []);
    const names = new Set([...Object.keys(wanted), ...Object.keys(found)]);
    for (const name of names)
      if (String(wanted[name]) !== String(found[name])) return `${name} does not fit its shape`;
    return "";
  }

  /** Half-precision numbers, all high bytes before all low bytes, as single precision. */
  function halves(bytes) {
    const n = bytes.length / 2, numbers = new Float32Array(n);
    for (let i = 0; i < n; i++) {
      const sign = bytes[i] & 0x80 ? -1 : 1, exponent = (bytes[i] >> 2) & 31;
      const fraction = ((bytes[i] & 3) << 8) | bytes[n + i];
      if (exponent === 31)
        throw new Error("the model has weights that are not finite: its training diverged");
      numbers[i] = exponent
        ? sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
        : sign * fraction * 2 ** -24;
    }
    return numbers;
  }

  /** Five digits of base 85 are four bytes. */
  function base85(text) {
    const value = new Uint8Array(128);
    for (let i = 0; i < 85; i++) value[DIGITS.charCodeAt(i)] = i;
    const bytes = new Uint8Array((text.length / 5) * 4), view = new DataView(bytes.buffer);
    for (let i = 0; i * 5 < text.length; i++) {
      let number = 0;
      for (let k = 0; k < 5; k++) number = number * 85 + value[text.charCodeAt(5 * i + k)];
      view.setUint32(4 * i, number);
    }
    return bytes;
  }

  /** SHA-256 in hex. Browsers have their own, but not on pages served by plain http. */
  function sha256(bytes) {
    const primes = [];
    for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
    const turn = (x, n) => (x >>> n) | (x << (32 - n));
    const bits = (x) => ((x % 1) * 2 ** 32) >>> 0; // the first 32 bits after the point
    const K = Uint32Array.from(primes, (p) => bits(Math.cbrt(p)));
    const H = Uint32Array.from(primes.slice(0, 8), (p) => bits(Math.sqrt(p)));
    const padded = new Uint8Array((bytes.length + 72) & ~63);
    padded.set(bytes);
    padded[bytes.length] = 0x80;
    const view = new DataView(padded.buffer), w = new Uint32Array(64);
    view.setUint32(padded.length - 8, Math.floor(bytes.length / 2 ** 29));
    view.setUint32(padded.length - 4, bytes.length << 3);
    for (let block = 0; block < padded.length; block += 64) {
      for (let i = 0; i < 64; i++) {
        if (i < 16) {
          w[i] = view.getUint32(block + 4 * i);
          continue;
        }
        const x = w[i - 15], y = w[i - 2];
        w[i] = w[i - 16] + w[i - 7]
          + (turn(x, 7) ^ turn(x, 18) ^ (x >>> 3))
          + (turn(y, 17) ^ turn(y, 19) ^ (y >>> 10));
      }
      let [a, b, c, d, e, f, g, h] = H;
      for (let i = 0; i < 64; i++) {
        const s1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25);
        const s0 = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22);
        const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
        const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
      }
      [a, b, c, d, e, f, g, h].forEach((value, i) => { H[i] += value; });
    }
    return Array.from(H, (x) => x.toString(16).padStart(8, "0")).join("");
  }

  return { CharTokenizer, GPT, KVCache, generate, readModel, sampleNextToken, sha256, softmax,
    textsOf };
}
