// Runs TinyPy programs in the page: the language of chapter 2, with Python's numbers.
//
// - Whole numbers are BigInt and never overflow; a quotient is a double, as in Python.
// - What TinyPy does not have (texts, functions, lists, imports) is one line that says so.
// - Loops end after 10,000 statements.

function curriculumTinyPy() {
  "use strict";
  const WORDS = ["if", "elif", "else", "for", "in", "while", "not", "and", "or", "print",
    "range"];
  const SIGN = /\s*(?:(\d+)|([A-Za-z_]\w*)|(==|!=|<=|>=|[-+*\/()<>=:,]))/y;
  const COMPARE = {
    "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b,
    ">=": (a, b) => a >= b, "==": (a, b) => a == b, "!=": (a, b) => a != b,
  }; // JavaScript compares BigInt and double exactly, as Python does

  class TinyPyError extends Error {
    constructor(line, message, kind = "SyntaxError") {
      super(`line ${line}: ${message}`);
      Object.assign(this, { line, kind });
    }
  }

  // --- numbers -------------------------------------------------------------------------

  const isWhole = (x) => typeof x === "bigint";
  const number = (x) => (typeof x === "boolean" ? BigInt(x) : x);

  function double(x, line) {
    const found = Number(x);
    if (isWhole(x) && !Number.isFinite(found))
      throw new TinyPyError(line, "the number is too large for a quotient", "OverflowError");
    return found;
  }

  function arithmetic(sign, left, right, line) {
    const a = number(left), b = number(right);
    if (sign === "/") {
      if (b == 0) throw new TinyPyError(line, "division by zero", "ZeroDivisionError");
      return isWhole(a) && isWhole(b) ? quotient(a, b, line) : double(a, line) / double(b, line);
    }
    const [x, y] = isWhole(a) && isWhole(b) ? [a, b] : [double(a, line), double(b, line)];
    const found = sign === "+" ? x + y : sign === "-" ? x - y : x * y;
    if (isWhole(found) && found.toString(16).length > 2000)
      throw new TinyPyError(line, "the number has too many digits for this page", "Limit");
    return found;
  }

  /** a / b of whole numbers, rounded once, also where they exceed a double. */
  function quotient(a, b, line) {
    const limit = 1n << 53n, size = (x) => (x < 0n ? -x : x);
    if (size(a) <= limit && size(b) <= limit) return Number(a) / Number(b);
    const bits = (x) => size(x).toString(2).length;
    const shift = 56 - (bits(a) - bits(b)); // leaves 56 or 57 bits, of which 53 are kept
    const top = shift > 0 ? size(a) << BigInt(shift) : size(a);
    const under = shift < 0 ? size(b) << BigInt(-shift) : size(b);
    const rest = top % under ? 1n : 0n; // only whether there is one matters
    const found = Number((top / under) | rest) * 2 ** -shift;
    if (!Number.isFinite(found))
      throw new TinyPyError(line, "the quotient is too large", "OverflowError");
    return a < 0n !== b < 0n ? -found : found;
  }

  /** A value as Python prints it. */
  function repr(x) {
    if (typeof x === "boolean") return x ? "True" : "False";
    if (isWhole(x)) return x.toString();
    if (Number.isNaN(x)) return "nan";
    if (!Number.isFinite(x)) return x < 0 ? "-inf" : "inf";
    const sign = x < 0 || Object.is(x, -0) ? "-" : "";
    const [digits, power] = Math.abs(x).toExponential().split("e"); // shortest, as repr
    const d = digits.replace(".", ""), e = Number(power);
    if (e < -4 || e >= 16) {
      const two = String(Math.abs(e)).padStart(2, "0");
      return `${sign}${digits}e${e < 0 ? "-" : "+"}${two}`;
    }
    if (e < 0) return `${sign}0.${"0".repeat(-e - 1)}${d}`;
    return `${sign}${d.slice(0, e + 1).padEnd(e + 1, "0")}.${d.slice(e + 1) || "0"}`;
  }

  // --- reading -------------------------------------------------------------------------

  /** The lines that hold something: { number, indent, signs }. */
  function linesOf(code) {
    const lines = [];
    code.split("\n").forEach((text, i) => {
      const bare = text.replace(/#.*/, "").trimEnd();
      if (!bare.trim()) return;
      const indent = bare.match(/^[ \t]*/)[0], signs = [];
      SIGN.lastIndex = indent.length;
      while (SIGN.lastIndex < bare.length) {
        const at = SIGN.lastIndex, found = SIGN.exec(bare);
        if (!found)
          throw new TinyPyError(i + 1, `TinyPy has no “${bare.slice(at).trim()[0]}”`);
        const [, digits, word, sign] = found;
        if (digits && /^[A-Za-z_.]/.test(bare.slice(SIGN.lastIndex)))
          throw new TinyPyError(i + 1, `“${digits}” must be a whole number, and stand alone`);
        if (digits && /^0+[1-9]/.test(digits))
          throw new TinyPyError(i + 1, `Python does not allow the zero before ${digits}`);
        signs.push(digits ? { number: BigInt(digits), text: digits }
          : word && !WORDS.includes(word) ? { name: word, text: word }
          : { text: word || sign });
      }
      lines.push({ number: i + 1, indent, signs });
    });
    return lines;
  }

  /** Reads one line from left to right. */
  class Reader {
    constructor(line) {
      Object.assign(this, { line: line.number, signs: line.signs, at: 0 });
    }
    get next() {
      return this.signs[this.at] || { text: "" };
    }
    fail(wanted) {
      const found = this.next.text ? `“${this.next.text}”` : "the end of the line";
      throw new TinyPyError(this.line, `${wanted} should stand where ${found} is`);
    }
    has(text) {
      if (this.next.text !== text) return false;
      this.at++;
      return true;
    }
    expect(text) {
      if (!this.has(text)) this.fail(`“${text}”`);
    }
    name() {
      if (!this.next.name) this.fail("a variable");
      return this.signs[this.at++].name;
    }
    end() {
      if (this.at < this.signs.length) this.fail("the end of the line");
    }

    // An expression becomes a function of the variables. Weakest operators first.
    expression() {
      let left = this.both();
      while (this.has("or")) {
        const a = left, b = this.both();
        left = (v) => { const x = a(v); return truth(x) ? x : b(v); };
      }
      return left;
    }
    both() {
      let left = this.negation();
      while (this.has("and")) {
        const a = left, b = this.negation();
        left = (v) => { const x = a(v); return truth(x) ? b(v) : x; };
      }
      return left;
    }
    negation() {
      if (!this.has("not")) return this.comparison();
      const a = this.negation();
      return (v) => !truth(a(v));
    }
    comparison() {
      const a = this.sum(), holds = COMPARE[this.next.text];
      if (!holds) return a;
      this.at++;
      const b = this.sum();
      if (COMPARE[this.next.text])
        throw new TinyPyError(this.line, "TinyPy compares two values at a time");
      return (v) => holds(number(a(v)), number(b(v)));
    }
    sum() {
      return this.chain("+", "-", () => this.product());
    }
    product() {
      return this.chain("*", "/", () => this.signed());
    }
    chain(one, other, part) {
      let left = part();
      while (this.next.text === one || this.next.text === other) {
        const sign = this.signs[this.at++].text, a = left, b = part(), line = this.line;
        left = (v) => arithmetic(sign, a(v), b(v), line);
      }
      return left;
    }
    signed() {
      if (this.has("+")) return this.signed();
      if (!this.has("-")) return this.atom();
      const a = this.signed();
      return (v) => -number(a(v));
    }
    atom() {
      const sign = this.next, line = this.line;
      if (this.has("(")) {
        const inside = this.expression();
        this.expect(")");
        return inside;
      }
      if (sign.number === undefined && !sign.name) this.fail("a number or a variable");
      this.at++;
      if (sign.name) {
        if (this.next.text === "(")
          throw new TinyPyError(line, `TinyPy has no function “${sign.name}”`);
        return (v) => {
          if (v.has(sign.name)) return v.get(sign.name);
          throw new TinyPyError(line, `${sign.name} has no value yet`, "NameError");
        };
      }
      return () => sign.number;
    }
  }

  const truth = (x) => (typeof x === "boolean" ? x : x != 0);

  /** The statements of the block that begins at lines[at]: [statements, next line]. */
  function block(lines, at, indent) {
    const found = [];
    while (at < lines.length && lines[at].indent.length >= indent.length) {
      if (lines[at].indent !== indent)
        throw new TinyPyError(lines[at].number, "the line is indented too far or unevenly");
      [found[found.length], at] = statement(lines, at);
    }
    return [found, at];
  }

  /** The indented block under the line before `at`. */
  function below(lines, at, reader) {
    reader.expect(":");
    reader.end();
    const line = lines[at], head = lines[at - 1];
    if (!line || line.indent.length <= head.indent.length)
      throw new TinyPyError(head.number, "an indented line should follow");
    return block(lines, at, line.indent);
  }

  function statement(lines, at) {
    const r = new Reader(lines[at]), line = r.line, indent = lines[at].indent;
    at++;
    if (r.has("print")) {
      r.expect("(");
      const value = r.expression();
      r.expect(")");
      r.end();
      return [{ line, run: (state) => state.print(repr(value(state.variables))) }, at];
    }
    if (r.has("if")) {
      const cases = [];
      let part = r, test = r.expression(), body;
      for (;;) {
        [body, at] = below(lines, at, part);
        cases.push([test, body]);
        if (!lines[at] || lines[at].indent !== indent) break;
        part = new Reader(lines[at]);
        const last = part.has("else");
        if (!last && !part.has("elif")) break;
        test = last ? () => true : part.expression();
        at++;
        if (!last) continue;
        [body, at] = below(lines, at, part);
        cases.push([test, body]);
        break;
      }
      return [{ line, run(state) {
        const chosen = cases.find(([condition]) => truth(condition(state.variables)));
        if (chosen) run(chosen[1], state);
      } }, at];
    }
    if (r.has("while")) {
      const test = r.expression();
      let body;
      [body, at] = below(lines, at, r);
      return [{ line, run(state) {
        while (truth(test(state.variables))) {
          state.count(line);
          run(body, state);
        }
      } }, at];
    }
    if (r.has("for")) {
      const name = r.name(), bounds = [];
      r.expect("in");
      r.expect("range");
      r.expect("(");
      do bounds.push(r.expression()); while (r.has(","));
      r.expect(")");
      let body;
      [body, at] = below(lines, at, r);
      return [{ line, run: (state) => loop(name, bounds, body, state, line) }, at];
    }
    const name = r.next.name;
    if (!name) r.fail("a variable, print, if, for or while");
    if (lines[at - 1].signs[1]?.text !== "=")
      throw new TinyPyError(line, `TinyPy has no “${name}” here; a line is name = value,`
        + " print(…), if, for or while");
    r.at = 2;
    const value = r.expression();
    r.end();
    return [{ line, run: (state) => state.variables.set(name, value(state.variables)) }, at];
  }

  function loop(name, bounds, body, state, line) {
    const given = bounds.map((bound) => number(bound(state.variables)));
    if (given.length > 3 || !given.every(isWhole))
      throw new TinyPyError(line, "range takes one to three whole numbers", "TypeError");
    const [start, stop] = given.length > 1 ? given : [0n, given[0]];
    const step = given.length > 2 ? given[2] : 1n;
    if (step === 0n) throw new TinyPyError(line, "the step of range is 0", "ValueError");
    for (let i = start; step > 0n ? i < stop : i > stop; i += step) {
      state.count(line);
      state.variables.set(name, i);
      run(body, state);
    }
  }

  function run(statements, state) {
    for (const one of statements) {
      state.count(one.line);
      one.run(state);
    }
  }

  /**
   * Run a program: { output, error }. The output is what was printed, without the last
   * line break; the error is null or { line, kind, message }, the kind named as in Python.
   */
  function execute(code) {
    const printed = [], state = {
      variables: new Map(),
      print: (text) => printed.push(text),
      steps: 0,
      count(line) {
        if (++this.steps > 10000)
          throw new TinyPyError(line, "stopped after 10,000 statements; is the loop endless?",
            "Limit");
      },
    };
    let error = null;
    try {
      const lines = linesOf(code);
      run(block(lines, 0, "")[0], state);
    } catch (problem) {
      if (!(problem instanceof TinyPyError)) throw problem;
      error = { line: problem.line, kind: problem.kind, message: problem.message };
    }
    return { output: printed.join("\n"), error };
  }

  return { execute, repr };
}
