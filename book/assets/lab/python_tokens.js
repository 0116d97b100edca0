// The tokens of Python in plain JavaScript, and the values of its literals.
//
// - `tokens(source)` splits a text as Python 3.11 does, layout included; python.js makes a
//   tree of them.
// - What Python refuses is refused, with the line and the reason. So is what this page does
//   not know: \N{names} in texts, unusual letters in names, a backslash that begins a line.

function curriculumPythonTokens() {
  "use strict";

  class Refused extends Error {
    constructor(line, reason) {
      super(`line ${line}: ${reason}`);
      this.line = line;
    }
  }

  // --- tokens --------------------------------------------------------------------------

  const words = (text) => new Set(text.split(" "));
  const KEYWORDS = words("False None True and as assert async await break class continue def"
    + " del elif else except finally for from global if import in is lambda nonlocal not or"
    + " pass raise return try while with yield");
  const NAME = /[\p{XIDS}_]\p{XIDC}*/uy;
  const NUMBER = new RegExp("0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|"
    + "(?:[0-9](?:_?[0-9])*\\.?(?:[0-9](?:_?[0-9])*)?|\\.[0-9](?:_?[0-9])*)"
    + "(?:[eE][+-]?[0-9](?:_?[0-9])*)?[jJ]?", "y");
  const STRING = /([rR][bB]?|[bB][rR]?|[uU]|[fF][rR]?|[rR][fF])?('''|"""|'|")/y;
  const SIGN = new RegExp("\\*\\*=|//=|>>=|<<=|\\.\\.\\.|!=|->|:=|[-+*/%&|^@<>=]=|\\*\\*|//|"
    + "<<|>>|[-+*/%&|^@<>=~()\\[\\]{},:;.]", "y");
  const AFTER_NUMBER = /^(?:and|else|for|if|in|is|or|not)/;
  const PAIRS = { ")": "(", "]": "[", "}": "{" };
  const MOST_BRACKETS = 200, MOST_INDENTS = 100; // Python's own limits

  /**
   * The tokens of a text. Each has kind, text, row, column, endRow, endColumn (columns in
   * UTF-16 units) and n, the number of tokens before it that are code and no layout.
   */
  function tokens(source, row = 1) {
    const found = [], open = [], indents = [[0, 0]];
    let i = 0, begin = 0, fresh = true, n = 0; // `begin`: where this line begins
    const fail = (reason) => { throw new Refused(row, reason); };
    const match = (pattern) => { pattern.lastIndex = i; return pattern.exec(source); };
    const add = (kind, text, from = row, column = i - begin) => {
      const layout = ["newline", "indent", "dedent", "end"].includes(kind);
      found.push({ kind, text, row: from, column, n, endRow: row,
        endColumn: column + text.length });
      n += layout ? 0 : 1;
      return found[found.length - 1];
    };

    function indentation() {
      let column = 0, other = 0; // a tab reaches to the next 8; or counts as 1
      for (; " \t\f".includes(source[i] || "x"); i++) {
        if (source[i] === "\f") column = other = 0;
        else [column, other] = [source[i] === "\t" ? (column >> 3) * 8 + 8 : column + 1, other + 1];
      }
      if ("\n#".includes(source[i] ?? "\n")) return; // a line without code
      if (source[i] === "\\") fail("a line that begins with a backslash is not known here");
      fresh = false;
      const mixed = () => fail("tabs and spaces are mixed");
      let [top, topOther] = indents[indents.length - 1];
      if (column === top && other !== topOther) mixed();
      if (column > top) {
        if (other <= topOther) mixed();
        if (indents.length >= MOST_INDENTS) fail("too many levels of indentation");
        indents.push([column, other]);
        add("indent", "");
      }
      while (column < top) {
        indents.pop();
        add("dedent", "");
        [top, topOther] = indents[indents.length - 1];
        if (column > top) fail("this indentation matches no line above");
        if (column === top && other !== topOther) mixed();
      }
    }

    function string([opened, prefix = "", quote]) {
      const from = row, column = i - begin, start = i;
      for (i += opened.length; !source.startsWith(quote, i); i++) {
        if (source[i] === "\\") i++;
        if (i >= source.length || source[i] === "\n" && quote.length === 1 && source[i - 1] !== "\\")
          throw new Refused(from, "a text has no closing quote");
        if (source[i] === "\n") [row, begin] = [row + 1, i + 1];
      }
      i += quote.length;
      const token = add("string", source.slice(start, i), from, column);
      Object.assign(token, { endColumn: i - begin, prefix: prefix.toLowerCase(),
        body: source.slice(start + opened.length, i - quote.length) });
    }

    while (i < source.length) {
      if (fresh && !open.length) indentation();
      const c = source[i];
      let m;
      if (c === undefined) break;
      if (c === "\n") {
        if (!open.length && !fresh) { add("newline", ""); fresh = true; }
        [row, begin] = [row + 1, ++i];
      } else if (c === " " || c === "\t" || c === "\f") i++;
      else if (c === "#") while (i < source.length && source[i] !== "\n") i++;
      else if (c === "\\") {
        if (source[i + 1] !== "\n" || i + 2 >= source.length)
          fail("a backslash must end its line, and a line must follow");
        [row, begin, i] = [row + 1, i + 2, i + 2];
      } else if ((m = match(STRING))) string(m);
      else if ((m = match(NUMBER))) {
        const next = source.slice(i + m[0].length, i + m[0].length + 4);
        if (/^[\p{XIDC}]/u.test(next) && !AFTER_NUMBER.test(next)
          || /^0[0-9_]*[1-9][0-9_]*$/.test(m[0])) fail("this number is not one of Python's");
        add("number", m[0]);
        i += m[0].length;
      } else if ((m = match(NAME))) {
        const name = m[0].normalize("NFKC");
        if (!/^[\p{L}\p{N}_]+$/u.test(m[0]) || !/^[\p{XIDS}_]\p{XIDC}*$/u.test(name)
          || KEYWORDS.has(name) && name !== m[0])
          fail(`the name “${m[0]}” has letters that are not known here`);
        const token = add(KEYWORDS.has(m[0]) ? "word" : "name", m[0]);
        token.name = name;
        i += m[0].length;
      } else if ((m = match(SIGN))) {
        if ("([{".includes(m[0]) && open.push(m[0]) > MOST_BRACKETS) fail("too many brackets");
        if (m[0] in PAIRS && open.pop() !== PAIRS[m[0]]) fail(`“${m[0]}” closes nothing`);
        add("sign", m[0]);
        i += m[0].length;
      } else fail(`“${String.fromCodePoint(source.codePointAt(i))}” stands for nothing in Python`);
    }
    if (open.length) fail(`“${open.pop()}” is never closed`);
    if (!fresh) add("newline", "");
    while (indents.pop() && indents.length) add("dedent", "");
    add("end", "");
    return found;
  }

  // --- values --------------------------------------------------------------------------

  function number(text, fail) {
    const plain = text.replace(/_/g, "");
    const same = (x) => Number.isInteger(x) ? `n:${BigInt(x)}` : `n:${x}`;
    if (/[jJ]$/.test(plain)) {
      const x = Number(plain.slice(0, -1));
      return ["complex", x ? `c:${x}` : "n:0"];
    }
    if (!/^0[xXbBoO]/.test(plain) && /[.eE]/.test(plain)) return ["float", same(Number(plain))];
    const whole = BigInt(plain.replace(/^0+(?=[0-9])/, "")).toString();
    if (whole.length > 4300) fail("a number of more than 4,300 digits");
    return ["int", `n:${whole}`];
  }

  const ESCAPES = { "\n": "", a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v",
    "\\": "\\", "'": "'", '"': '"' };
  const ESCAPE = /\\(?:([0-7]{1,3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\s\S]))/g;

  /** The text that a literal stands for. */
  function unescaped(body, prefix, fail) {
    const bytes = prefix.includes("b");
    if (bytes && /[^\x00-\x7f]/.test(body)) fail("bytes can only hold ASCII characters");
    if (prefix.includes("r")) return body;
    return body.replace(ESCAPE, (all, octal, x, u, U, other) => {
      if (octal) return String.fromCharCode(parseInt(octal, 8) & (bytes ? 255 : 511));
      if (x) return String.fromCharCode(parseInt(x, 16));
      if (bytes) return u || U || !(other in ESCAPES) ? other === "x" ? fail("a wrong \\x") : all
        : ESCAPES[other];
      if (u || U) {
        const code = parseInt(u || U, 16);
        if (code > 0x10ffff) fail("a \\U beyond the last character");
        return code >= 0xd800 && code < 0xe000 ? `\0${code}\0` : String.fromCodePoint(code);
      }
      if (other === "N") fail("\\N{…} in a text is not known here");
      if ("xuU".includes(other)) fail(`an unfinished \\${other} in a text`);
      return other in ESCAPES ? ESCAPES[other] : all;
    });
  }

  return { Refused, KEYWORDS, PAIRS, words, tokens, number, unescaped };
}
