// Python's grammar in plain JavaScript: source text to the syntax tree of Python's `ast`.
//
// - `read(source)` gives { source, tree, tokens }: the nodes, their fields and the order of the
//   fields are those of Python 3.11, and the tests hold them against `ast.parse` on the
//   standard library. Load, Store and Del are the one thing that is not told apart.
// - What Python refuses is refused, with the line and the reason; so is the grammar of later
//   versions.
// - Each function has the name of what it reads, and stands as the grammar does: expressions
//   first, then f-strings, targets, statements, `match`. `i` is the next token.
// - A Constant has a `value` that is equal where Python's values are equal (1, 1.0, True),
//   and the kind of `literal` it is.

function curriculumPython() {
  "use strict";
  const { Refused, PAIRS, words, tokens, number, unescaped } = curriculumPythonTokens();

  // --- the tree ------------------------------------------------------------------------

  const BINARY = [{ "|": "BitOr" }, { "^": "BitXor" }, { "&": "BitAnd" },
    { "<<": "LShift", ">>": "RShift" }, { "+": "Add", "-": "Sub" },
    { "*": "Mult", "/": "Div", "//": "FloorDiv", "%": "Mod", "@": "MatMult" }];
  const AUGMENTED = { "**=": "Pow" };
  for (const level of BINARY) for (const sign in level) AUGMENTED[sign + "="] = level[sign];
  const UNARY = { "+": "UAdd", "-": "USub", "~": "Invert" };
  const COMPARE = { "==": "Eq", "!=": "NotEq", "<": "Lt", "<=": "LtE", ">": "Gt", ">=": "GtE",
    in: "In" };
  const LAST = new Set([...words(") ] } = : ; in"), ...Object.keys(AUGMENTED)]);
  const LITERALS = { True: ["bool", "n:1"], False: ["bool", "n:0"], None: ["NoneType", "None"] };
  const bare = (type, fields = {}) => ({ type, ...fields }); // a node without a place
  const LOAD = bare("Load");

  function parser(all) {
    let i = 0;
    const isSign = (t) => t.kind === "sign" || t.kind === "word";
    const at = (text, k = 0) => all[i + k]?.text === text && isSign(all[i + k]);
    const kind = (name, k = 0) => all[i + k]?.kind === name;
    const take = (text) => at(text) && ++i > 0;
    const shown = (t) => t.text.split("\n")[0] || { newline: "the line’s end", indent: "an indentation",
      dedent: "the block’s end", end: "the end" }[t.kind];
    const fail = (reason) => {
      const t = all[i];
      const newer = t.text === "[" && /^(?:def|class)$/.test(all[i - 2]?.text)
        || ["type", "except"].includes(all[i - 1]?.text) && t.kind === "name";
      throw new Refused(t.row, (reason || `Python 3.11 does not expect “${shown(t)}” here`)
        + (newer && !reason ? "; later versions may" : ""));
    };
    const need = (text) => take(text) || fail();
    const node = (type, from, fields) => ({ type, line: all[from].row, column: all[from].column,
      first: all[from].n, behind: all[i].n, ...fields });
    const name = () => kind("name") ? all[i++].name : fail();
    /** The result of f; or undefined, back where it began, if Python does not expect that. */
    function attempt(f) {
      const from = i;
      try {
        return f();
      } catch (problem) {
        if (!(problem instanceof Refused) || problem.sure) throw problem;
        i = from;
      }
    }
    /** Items until `end`, which is taken; commas between them, and perhaps one behind. */
    function list(end, item) {
      const items = [];
      while (!at(end)) {
        items.push(item());
        if (!take(",")) break;
      }
      need(end);
      return items;
    }

    // --- expressions

    /** One item, or a Tuple of several. */
    function tuple(item, last = LAST) {
      const from = i, first = item(), elts = [first];
      if (!at(",")) return first;
      while (take(",") && !kind("newline") && !(isSign(all[i]) && last.has(all[i].text)))
        elts.push(item());
      return node("Tuple", from, { elts, ctx: LOAD });
    }

    function starred(item) {
      const from = i;
      if (!take("*")) return item();
      const value = binary(0);
      return node("Starred", from, { value, ctx: LOAD });
    }
    const expressions = () => tuple(() => starred(expression));
    const starNamed = () => starred(named);
    const value = () => at("yield") ? yielded() : expressions();

    function named() {
      const from = i;
      if (!(kind("name") && at(":=", 1))) return expression();
      const id = name();
      const target = node("Name", from, { id, ctx: LOAD });
      i++;
      return node("NamedExpr", from, { target, value: expression() });
    }

    function yielded() {
      const from = i;
      need("yield");
      if (take("from")) {
        return node("YieldFrom", from, { value: expression() });
      }
      const none = kind("newline") || isSign(all[i]) && LAST.has(all[i].text);
      return node("Yield", from, { value: none ? null : expressions() });
    }

    function expression() {
      const from = i;
      if (take("lambda")) {
        const args = parameters(":", false), body = expression();
        return node("Lambda", from, { args, body });
      }
      const body = boolean("or");
      if (!take("if")) return body;
      const test = boolean("or");
      need("else");
      return node("IfExp", from, { test, body, orelse: expression() });
    }

    function boolean(word) {
      const below = word === "or" ? () => boolean("and") : inversion;
      const from = i, first = below();
      if (!at(word)) return first;
      const values = [first];
      while (take(word)) values.push(below());
      return node("BoolOp", from, { op: bare(word === "or" ? "Or" : "And"), values });
    }

    function inversion() {
      const from = i;
      if (!take("not")) return comparison();
      return node("UnaryOp", from, { op: bare("Not"), operand: inversion() });
    }

    function comparison() {
      const from = i, left = binary(0), ops = [], comparators = [];
      for (;;) {
        let op = isSign(all[i]) && Object.hasOwn(COMPARE, all[i].text) && COMPARE[all[i].text];
        if (op) i++;
        else if (take("is")) op = take("not") ? "IsNot" : "Is";
        else if (at("not") && at("in", 1)) { op = "NotIn"; i += 2; }
        else break;
        ops.push(bare(op));
        comparators.push(binary(0));
      }
      return ops.length ? node("Compare", from, { left, ops, comparators }) : left;
    }

    function binary(level) {
      const from = i, signs = BINARY[level];
      if (!signs) return factor();
      let left = binary(level + 1);
      while (all[i].kind === "sign" && Object.hasOwn(signs, all[i].text)) {
        const op = bare(signs[all[i++].text]), right = binary(level + 1);
        left = node("BinOp", from, { left, op, right });
      }
      return left;
    }

    function factor() {
      const from = i;
      if (kind("sign") && Object.hasOwn(UNARY, all[i].text)) {
        const op = bare(UNARY[all[i++].text]), operand = factor();
        return node("UnaryOp", from, { op, operand });
      }
      let left;
      if (take("await")) {
        left = node("Await", from, { value: primary() });
      } else left = primary();
      if (!take("**")) return left;
      return node("BinOp", from, { left, op: bare("Pow"), right: factor() });
    }

    function primary() {
      const from = i;
      let value = atom();
      for (;;) {
        if (take(".")) {
          value = node("Attribute", from, { value, attr: name(), ctx: LOAD });
        } else if (at("(")) {
          const given = called();
          value = node("Call", from, { func: value, ...given });
        } else if (take("[")) {
          let slice = tuple(sliced, new Set(["]"]));
          if (slice.type === "Starred")
            slice = { ...slice, type: "Tuple", elts: [slice], value: undefined };
          need("]");
          value = node("Subscript", from, { value, slice, ctx: LOAD });
        } else return value;
      }
    }

    function sliced() {
      if (at("*")) return starred(named);
      const from = i, ends = () => at(":") || at("]") || at(",");
      const lower = at(":") ? null : named();
      if (!take(":")) return lower;
      const upper = ends() ? null : expression();
      const step = take(":") && !ends() ? expression() : null;
      return node("Slice", from, { lower, upper, step });
    }

    /** Arguments in brackets; a generator may be the only one of a call, not of a class. */
    function called(isCall = true) {
      const open = i;
      need("(");
      const args = [], keywords = [];
      let unpacked = false;
      list(")", () => {
        const from = i;
        if (take("**")) {
          unpacked = true;
          const value = expression();
          keywords.push(node("keyword", from, { value }));
        } else if (kind("name") && at("=", 1)) {
          const arg = name();
          need("=");
          const value = expression();
          keywords.push(node("keyword", from, { arg, value }));
        } else if (at("*")) {
          if (unpacked) fail();
          i++;
          const value = expression();
          args.push(node("Starred", from, { value, ctx: LOAD }));
        } else if (keywords.length) fail("an argument without a name follows one with a name");
        else {
          const elt = named();
          if (!comprehends(elt)) args.push(elt);
          else {
            const generators = comprehensions();
            if (!isCall || args.length || !at(")")) fail("a generator needs brackets of its own");
            args.push(node("GeneratorExp", open, { elt, generators }));
          }
        }
      });
      return { args, keywords };
    }

    function comprehensions() {
      const found = [];
      while (at("for") || at("async") && at("for", 1)) {
        take("async");
        need("for");
        const target = targets();
        need("in");
        const iter = boolean("or"), ifs = [];
        while (take("if")) ifs.push(boolean("or"));
        found.push(bare("comprehension", { target, iter, ifs }));
      }
      return found;
    }
    const comprehends = (element) => (at("for") || at("async"))
      && (element.type !== "Starred" || fail());

    function atom() {
      const from = i, t = all[i];
      if (t.kind === "name") {
        const id = name();
        return node("Name", from, { id, ctx: LOAD });
      }
      if (t.kind === "number") {
        const [literal, same] = number(t.text, fail);
        i++;
        return node("Constant", from, { value: same, literal });
      }
      if (t.kind === "string") return strings();
      if (t.kind === "word" && Object.hasOwn(LITERALS, t.text)) {
        const [literal, same] = LITERALS[all[i++].text];
        return node("Constant", from, { value: same, literal });
      }
      if (take("...")) return node("Constant", from, { value: "...", literal: "ellipsis" });
      if (take("(")) return bracketed(from);
      if (take("[")) {
        if (take("]")) return node("List", from, { elts: [], ctx: LOAD });
        const elt = starNamed();
        if (comprehends(elt)) {
          const generators = comprehensions();
          need("]");
          return node("ListComp", from, { elt, generators });
        }
        const elts = take(",") ? [elt, ...list("]", starNamed)] : need("]") && [elt];
        return node("List", from, { elts, ctx: LOAD });
      }
      if (take("{")) return braces(from);
      return fail();
    }

    function bracketed(from) {
      if (take(")")) return node("Tuple", from, { elts: [], ctx: LOAD });
      if (at("yield")) {
        const inner = yielded();
        need(")");
        return inner;
      }
      const elt = starNamed();
      if (comprehends(elt)) {
        const generators = comprehensions();
        need(")");
        return node("GeneratorExp", from, { elt, generators });
      }
      if (take(",")) {
        const elts = [elt, ...list(")", starNamed)];
        return node("Tuple", from, { elts, ctx: LOAD });
      }
      if (elt.type === "Starred") fail("a star alone in brackets");
      need(")");
      return elt;
    }

    function braces(from) {
      const pair = () => {
        if (take("**")) return [null, binary(0)];
        const key = expression();
        need(":");
        return [key, expression()];
      };
      if (take("}")) return node("Dict", from, { keys: [], values: [] });
      const isPlain = !at("*") && !(kind("name") && at(":=", 1)); // may be a key
      const elt = at("**") ? null : starNamed();
      if (!elt || isPlain && at(":")) {
        if (elt) i++;
        const first = elt ? [elt, expression()] : pair();
        if (elt && comprehends(elt)) {
          const generators = comprehensions();
          need("}");
          return node("DictComp", from, { key: first[0], value: first[1], generators });
        }
        const pairs = take(",") ? [first, ...list("}", pair)] : need("}") && [first];
        return node("Dict", from, { keys: pairs.map((p) => p[0]), values: pairs.map((p) => p[1]) });
      }
      if (comprehends(elt)) {
        const generators = comprehensions();
        need("}");
        return node("SetComp", from, { elt, generators });
      }
      const elts = take(",") ? [elt, ...list("}", starNamed)] : need("}") && [elt];
      return node("Set", from, { elts });
    }

    // --- texts; an f-string holds expressions

    function strings() {
      const from = i, parts = [], isBytes = all[i].prefix.includes("b");
      let text = "", formatted = false;
      const flush = () => {
        if (text) parts.push({ type: "Constant", line: all[from].row, value: `s:${text}`,
          literal: "str" });
        text = "";
      };
      for (; kind("string"); i++) {
        const { prefix, body, row } = all[i];
        if (prefix.includes("b") !== isBytes) fail("bytes and text stand side by side");
        if (!prefix.includes("f")) text += unescaped(body, prefix, fail);
        else {
          formatted = true;
          const [rest] = inside(body, 0, prefix, row, 0, (part) => {
            if (typeof part === "string") text += part;
            else { flush(); parts.push(part); }
          });
          if (rest < body.length) fail("an f-string has a lone }");
        }
      }
      if (!formatted)
        return node("Constant", from, { value: `${isBytes ? "b" : "s"}:${text}`,
          literal: isBytes ? "bytes" : "str" });
      flush();
      return node("JoinedStr", from, { values: parts });
    }

    /** Parts of an f-string from k on, each given to `add`; nested: within a format. */
    function inside(body, k, prefix, row, nested, add) {
      const line = (at) => row + body.slice(0, at).split("\n").length - 1;
      let start = k;
      const literal = () => { if (k > start) add(unescaped(body.slice(start, k), prefix, fail)); };
      while (k < body.length) {
        const c = body[k];
        if (c === "\\" && !prefix.includes("r")) {
          if (body[k + 1] === "{" || body[k + 1] === "}") { k++; continue; }
          k += 2;
        } else if (c !== "{" && c !== "}") k++;
        else if (body[k + 1] === c && !nested) {
          k++;
          literal();
          start = ++k;
        } else if (c === "}") break;
        else {
          literal();
          if (nested > 1) fail("formats within formats within formats");
          [k] = field(body, k + 1, prefix, line(k), row, nested, add);
          start = k;
        }
      }
      literal();
      return [k];
    }

    function field(body, k, prefix, line, row, nested, add) {
      const start = k, open = [];
      let quote = "";
      for (; k < body.length; k++) {
        const c = body[k];
        if (c === "\\") fail("an f-string has a backslash within { }");
        if (quote) { if (body.startsWith(quote, k)) { k += quote.length - 1; quote = ""; } continue; }
        if (c === "'" || c === '"') {
          quote = body.startsWith(c.repeat(3), k) ? c.repeat(3) : c;
          k += quote.length - 1;
        } else if ("([{".includes(c)) open.push(c);
        else if (c === "#") fail("an f-string has a # within { }");
        else if (!open.length && "!:}=<>".includes(c)) {
          if (body[k + 1] === "=" && "!=<>".includes(c)) k++;
          else if (c !== "<" && c !== ">") break;
        } else if (c in PAIRS && open.pop() !== PAIRS[c]) fail("an f-string has an unmatched bracket");
      }
      const text = body.slice(start, k);
      if (quote || open.length || !text.trim()) fail("an f-string has no expression within { }");
      const inner = parser(tokens(`(${text})`, line)).formatted();
      if (body[k] === "=") {
        while (/\s/.test(body[++k] || "x"));
        add(body.slice(start, k));
      }
      if (body[k] === "!") {
        if (!"sra".includes(body[k + 1] || "x")) fail("an f-string has a ! without s, r or a");
        k += 2;
      }
      let spec = null;
      if (body[k] === ":") {
        const values = [];
        [k] = inside(body, k + 1, prefix, row, nested + 1, (part) => {
          const before = values[values.length - 1];
          if (typeof part !== "string") values.push(part);
          else if (before?.type !== "Constant")
            values.push({ type: "Constant", line, value: `s:${part}`, literal: "str" });
        });
        spec = { type: "JoinedStr", line: row, values };
      }
      if (body[k] !== "}") fail("an f-string has a { without }");
      add({ type: "FormattedValue", line, value: inner, format_spec: spec });
      return [k + 1];
    }

    // --- targets and parameters

    const SINGLE = words("Name Attribute Subscript");
    function checked(target, single = false) {
      if (SINGLE.has(target.type)) return target;
      if (single || !["Tuple", "List", "Starred"].includes(target.type))
        fail("nothing can be assigned to what stands here");
      if (target.type === "Starred" && target.value.type === "Starred") fail();
      (target.elts || [target.value]).forEach((t) => checked(t));
      return target;
    }
    const targets = () => checked(tuple(() => starred(() => binary(0))));

    function argument(hints, star) {
      const from = i, arg = name();
      const annotation = hints && take(":") ? star ? starred(expression) : expression() : null;
      return node("arg", from, { arg, annotation });
    }

    function parameters(end, hints) {
      const args = bare("arguments", { posonlyargs: [], args: [], vararg: null, kwonlyargs: [],
        kw_defaults: [], kwarg: null, defaults: [] });
      let star = false, slash = false;
      list(end, () => {
        if (args.kwarg) fail();
        if (take("/")) {
          if (slash || star || !args.args.length) fail();
          slash = true;
          [args.posonlyargs, args.args] = [args.args, []];
        } else if (take("**")) args.kwarg = argument(hints);
        else if (take("*")) {
          if (star) fail();
          star = true;
          if (!at(",")) args.vararg = argument(hints, true);
          else if (!kind("name", 1)) fail("names must follow a * alone");
        } else {
          const one = argument(hints), standard = take("=") ? expression() : null;
          if (star) args.kwonlyargs.push(one), args.kw_defaults.push(standard);
          else {
            args.args.push(one);
            if (standard) args.defaults.push(standard);
            else if (args.defaults.length) fail("a parameter without a default follows one with");
          }
        }
      });
      return args;
    }

    // --- statements

    function simple() {
      const from = i, word = all[i].kind === "word" ? all[i].text : "";
      const ends = () => kind("newline") || at(";");
      const plain = { pass: "Pass", break: "Break", continue: "Continue" }[word];
      if (plain) { i++; return node(plain, from); }
      if (take("return")) {
        return node("Return", from, { value: ends() ? null : expressions() });
      }
      if (take("raise")) {
        const exc = ends() ? null : expression(), cause = exc && take("from") ? expression() : null;
        return node("Raise", from, { exc, cause });
      }
      if (take("global") || take("nonlocal")) {
        do name(); while (take(","));
        return node(word === "global" ? "Global" : "Nonlocal", from);
      }
      if (take("del")) {
        const check = (t) => SINGLE.has(t.type) || ["Tuple", "List"].includes(t.type)
          && t.elts.every(check) || fail("this cannot be deleted");
        const targets = [];
        do targets.push(binary(0)); while (take(",") && !ends());
        targets.forEach(check);
        return node("Delete", from, { targets });
      }
      if (take("assert")) {
        const test = expression(), msg = take(",") ? expression() : null;
        return node("Assert", from, { test, msg });
      }
      if (take("import")) {
        const names = [];
        do names.push(alias(dotted)); while (take(","));
        return node("Import", from, { names });
      }
      if (take("from")) return importFrom(from);
      return assignment(from);
    }

    function alias(item) {
      const from = i;
      item();
      if (take("as")) name();
      return node("alias", from);
    }
    function dotted() {
      do name(); while (take("."));
    }

    function importFrom(from) {
      const start = i;
      while (take(".") || take("...")) continue;
      if (i === start || !at("import")) dotted();
      need("import");
      let names = [];
      if (at("*")) names = [node("alias", i++)];
      else if (take("(")) {
        names = list(")", () => alias(name));
        if (!names.length) fail();
      } else do names.push(alias(name)); while (take(","));
      return node("ImportFrom", from, { names });
    }

    function assignment(from) {
      let one = value();
      if (at(":")) {
        const target = checked(one, true);
        i++;
        const annotation = expression(), given = take("=") ? value() : null;
        return node("AnnAssign", from, { target, annotation, value: given });
      }
      if (kind("sign") && Object.hasOwn(AUGMENTED, all[i].text)) {
        const target = checked(one, true), op = bare(AUGMENTED[all[i++].text]), given = value();
        return node("AugAssign", from, { target, op, value: given });
      }
      const found = [];
      while (at("=")) {
        found.push(checked(one));
        i++;
        one = value();
      }
      return found.length ? node("Assign", from, { targets: found, value: one })
        : node("Expr", from, { value: one });
    }

    function block() {
      need(":");
      if (!kind("newline")) return line();
      i++;
      if (!kind("indent")) fail("an indented block should follow");
      i++;
      const body = [];
      while (!kind("dedent")) body.push(...statement());
      i++;
      return body;
    }

    function line() {
      const body = [];
      do body.push(simple()); while (take(";") && !kind("newline"));
      if (!kind("newline")) fail();
      i++;
      return body;
    }
    const otherwise = () => take("else") ? block() : [];

    function conditional() {
      const chain = [];
      do {
        const from = i++, test = named(), body = block();
        chain.push([from, test, body]);
      } while (at("elif"));
      let orelse = otherwise();
      for (const [from, test, body] of chain.reverse())
        orelse = [node("If", from, { test, body, orelse })];
      return orelse;
    }

    function statement() {
      const from = i, word = all[i].kind === "word" ? all[i].text : "";
      if (at("@")) return [decorated()];
      if (word === "if") return conditional();
      if (word === "async") {
        i++;
        const made = at("def") ? define(i - 1, []) : at("for") ? loop() : at("with") ? within() : fail();
        return [{ ...made, type: `Async${made.type}`, line: all[from].row }];
      }
      if (word === "while") {
        i++;
        const test = named(), body = block(), orelse = otherwise();
        return [node("While", from, { test, body, orelse })];
      }
      if (word === "for") return [loop()];
      if (word === "with") return [within()];
      if (word === "try") return [trial()];
      if (word === "def" || word === "class") return [define(i, [])];
      if (kind("name") && all[i].text === "match") {
        const made = attempt(matching);
        if (made) return [made];
      }
      return line();
    }

    function loop() {
      const from = i++, target = targets();
      need("in");
      const iter = expressions(), body = block(), orelse = otherwise();
      return node("For", from, { target, iter, body, orelse });
    }

    function within() {
      const from = i++;
      const item = () => {
        const context_expr = expression();
        const optional_vars = take("as") ? checked(starred(() => binary(0))) : null;
        return bare("withitem", { context_expr, optional_vars });
      };
      const items = attempt(() => {
        need("(");
        const found = list(")", item);
        return found.length && at(":") ? found : fail();
      }) || [];
      if (!items.length) do items.push(item()); while (take(","));
      return node("With", from, { items, body: block() });
    }

    function trial() {
      const from = i++, body = block(), handlers = [];
      let star = null;
      while (at("except")) {
        const start = i++, starred = take("*");
        if (star !== null && star !== starred) fail("except and except* are mixed");
        star = starred;
        const caught = at(":") && !star ? null : expression();
        if (caught && take("as")) name();
        const inner = block();
        handlers.push(node("ExceptHandler", start, { caught, body: inner }));
      }
      const orelse = handlers.length ? otherwise() : [];
      const finalbody = take("finally") ? block() : [];
      if (!handlers.length && !finalbody.length) fail("try needs an except or a finally");
      return node(star ? "TryStar" : "Try", from, { body, handlers, orelse, finalbody });
    }

    function decorated() {
      const decorators = [];
      while (take("@")) {
        decorators.push(named());
        if (!kind("newline")) fail();
        i++;
      }
      const from = i;
      if (take("async")) {
        if (!at("def")) fail();
        return { ...define(from, decorators), type: "AsyncFunctionDef" };
      }
      return at("def") || at("class") ? define(from, decorators) : fail();
    }

    function define(from, decorator_list) {
      if (take("class")) {
        const its = name(), { args: bases, keywords } = at("(") ? called(false) : { args: [], keywords: [] };
        const body = block();
        return node("ClassDef", from, { name: its, bases, keywords, body, decorator_list });
      }
      need("def");
      const its = name();
      need("(");
      const args = parameters(")", true), returns = take("->") ? expression() : null, body = block();
      return node("FunctionDef", from, { name: its, args, body, decorator_list, returns });
    }

    // --- match

    function matching() {
      const from = i++, subject = tuple(starNamed);
      if (subject.type === "Starred") fail();
      need(":");
      if (!kind("newline") || !kind("indent", 1) || all[i + 2].text !== "case") fail();
      i += 2;
      try {
        const cases = [];
        while (!kind("dedent")) cases.push(oneCase());
        i++;
        return node("Match", from, { subject, cases });
      } catch (problem) {
        problem.sure = true;
        throw problem;
      }
    }

    function oneCase() {
      if (!(kind("name") && all[i].text === "case")) fail();
      const from = ++i;
      let pattern = starPattern();
      if (at(",")) {
        const patterns = [pattern];
        while (take(",") && !at(":") && !at("if")) patterns.push(starPattern());
        pattern = node("MatchSequence", from, { patterns });
      } else if (pattern.type === "MatchStar") fail();
      const guard = take("if") ? named() : null, body = block();
      return bare("match_case", { pattern, guard, body });
    }

    function starPattern() {
      const from = i;
      if (!take("*")) return asPattern();
      name();
      return node("MatchStar", from);
    }

    function asPattern() {
      const from = i, first = closed(), patterns = [first];
      while (take("|")) patterns.push(closed());
      const pattern = patterns.length > 1 ? node("MatchOr", from, { patterns }) : first;
      if (!take("as")) return pattern;
      const its = name();
      if (its === "_") fail("a pattern cannot be named _");
      return node("MatchAs", from, { pattern, name: its });
    }

    function literalPattern() {
      const from = i, t = all[i];
      if (t.kind === "string" || t.kind === "word" && Object.hasOwn(LITERALS, t.text)) return atom();
      const signed = () => {
        const start = i, minus = take("-");
        if (!kind("number")) fail();
        const operand = atom();
        return minus ? node("UnaryOp", start, { op: bare("USub"), operand }) : operand;
      };
      const left = signed();
      if (!at("+") && !at("-")) return left;
      const op = bare(BINARY[4][all[i++].text]), right = signed();
      if (right.literal !== "complex" || (left.operand || left).literal === "complex") fail();
      return node("BinOp", from, { left, op, right });
    }

    function closed() {
      const from = i, t = all[i];
      if (t.kind === "name") {
        let value = node("Name", from, { id: name(), ctx: LOAD });
        while (take(".")) {
          value = node("Attribute", from, { value, attr: name(), ctx: LOAD });
        }
        if (take("(")) return classPattern(from, value);
        if (value.type === "Attribute") return node("MatchValue", from, { value });
        return node("MatchAs", from, { pattern: null, name: value.id === "_" ? null : value.id });
      }
      if (take("[")) {
        return node("MatchSequence", from, { patterns: list("]", starPattern) });
      }
      if (take("(")) {
        if (take(")")) return node("MatchSequence", from, { patterns: [] });
        const first = starPattern();
        if (take(",")) {
          return node("MatchSequence", from, { patterns: [first, ...list(")", starPattern)] });
        }
        need(")");
        return first.type === "MatchStar" ? node("MatchSequence", from, { patterns: [first] }) : first;
      }
      if (take("{")) return mappingPattern(from);
      const value = literalPattern();
      return t.kind === "word" ? node("MatchSingleton", from) : node("MatchValue", from, { value });
    }

    function mappingPattern(from) {
      const keys = [], patterns = [];
      let rest = false;
      list("}", () => {
        if (rest) fail();
        if (take("**")) { rest = name() !== "_" || fail(); return; }
        const start = i;
        const key = kind("name") ? closed() : literalPattern();
        if (key.type.startsWith("Match") && key.type !== "MatchValue" || start === i) fail();
        keys.push(key.type === "MatchValue" ? key.value : key);
        need(":");
        patterns.push(asPattern());
      });
      return node("MatchMapping", from, { keys, patterns });
    }

    function classPattern(from, cls) {
      const patterns = [], kwd_patterns = [];
      list(")", () => {
        if (kind("name") && at("=", 1)) {
          i += 2;
          kwd_patterns.push(asPattern());
        } else if (kwd_patterns.length) fail();
        else patterns.push(asPattern());
      });
      return node("MatchClass", from, { cls, patterns, kwd_patterns });
    }

    return {
      module() {
        const body = [];
        while (!kind("end")) body.push(...statement());
        return bare("Module", { body });
      },
      /** What stands within { } of an f-string. */
      formatted() {
        const inner = value();
        return kind("newline") ? inner : fail();
      },
    };
  }

  // --- the whole -----------------------------------------------------------------------

  const isNode = (x) => x !== null && typeof x === "object" && typeof x.type === "string";
  /** [field, value] of a node's fields that hold nodes, in the order of Python's `_fields`. */
  const fields = (node) => Object.entries(node).filter(([, value]) =>
    Array.isArray(value) || isNode(value));
  const children = (node) => fields(node).flatMap(([, value]) => value).filter(isNode);

  /**
   * Source text to { tree, tokens }, tokens without those of layout.
   * Throws: an Error with `line`, saying what cannot be read.
   */
  function read(text) {
    const source = text.replace(/\r\n?/g, "\n");
    const odd = source.search(/\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/);
    if (odd >= 0)
      throw new Refused(source.slice(0, odd).split("\n").length, "this is no text file");
    const all = tokens(source);
    const tree = parser(all).module();
    return { source, tree, tokens: all.filter((t) => !["newline", "indent", "dedent", "end"].includes(t.kind)) };
  }

  return { Refused, read, fields, children, isNode, number, unescaped };
}
