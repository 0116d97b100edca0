// The scorers of curriculum/difficulty in plain JavaScript, for a tree from python.js.
//
// - `curriculumScore(source, cdm)` gives { scores, rows }; `rows` say what each line adds.
// - The functions have the names of the package's, and do the same in the same order:
//   decisions.py, documentation.py, lexical.py, explain.py, parse.py, cdm.py. Tests hold the
//   numbers against the package's, equal to the last digit.

function curriculumScorer() {
  "use strict";
  const P = curriculumPython();
  const MAX_NESTING = 200, MAX_ELIF = 1000;
  const CUT = [2, 4], LABELS = ["easy", "medium", "hard"]; // labels.PAPER_CUT
  const isIn = (node, names) => node !== null && names.split(" ").includes(node.type);
  const FUNCTIONS = "FunctionDef AsyncFunctionDef";

  function elifBelow(node) {
    if (node.type !== "If" || node.orelse.length !== 1) return null;
    const below = node.orelse[0];
    return below.type === "If" && below.column === node.column ? below : null;
  }

  // --- parse.py: what is nested too deeply; depth -------------------------------------------

  function checkNesting({ source, tree }) {
    if ([...source].length <= MAX_NESTING || !tooDeepAt(tree, P.children)) return;
    for (const start of walk(tree)) {
      let length = 0;
      for (let node = start; (node = elifBelow(node)); length++);
      if (length > MAX_ELIF) throw new P.Refused(start.line, "more than 1,000 elif in a chain");
    }
    const inside = (node) => {
      const found = [];
      for (let below; node; node = below) {
        below = elifBelow(node);
        for (const child of P.children(node)) if (child !== below) found.push(child);
      }
      return found;
    };
    const line = tooDeepAt(tree, inside);
    if (line) throw new P.Refused(line, `nested more than ${MAX_NESTING} levels deep`);
  }

  function tooDeepAt(tree, children) {
    let level = [tree], line = 1;
    for (let k = 0; k < MAX_NESTING; k++) {
      level = level.flatMap(children);
      if (!level.length) return 0;
      line = (level.find((node) => node.line) || { line }).line;
    }
    return line;
  }

  function* walk(tree) {
    const stack = [tree];
    while (stack.length) {
      const node = stack.pop();
      yield node;
      stack.push(...P.children(node));
    }
  }

  const BLOCKS = ["body", "orelse", "handlers", "finalbody", "cases"];
  const blocks = (node) => BLOCKS.map((name) => [name, node[name]])
    .filter(([, block]) => Array.isArray(block) && block.length);

  function depth(tree) {
    let deepest = 0;
    const stack = [[tree, 0]];
    while (stack.length) {
      let [node, level] = stack.pop();
      if (isIn(node, "If For AsyncFor While Try TryStar With AsyncWith Match"))
        deepest = Math.max(deepest, ++level);
      const flat = elifBelow(node);
      for (const [, inner] of blocks(node))
        for (const child of inner) stack.push([child, level - (child === flat ? 1 : 0)]);
    }
    return deepest;
  }

  // --- decisions.py ------------------------------------------------------------------------

  /** Rows [line, construct, ours, radon], in the order written. */
  function decisions(tree) {
    const rows = [], place = { inside: "module", ours: 1, radon: 1 };
    const stack = [[tree, place, false, 1]];
    while (stack.length) {
      const [node, place, isElif, above] = stack.pop();
      const line = node.line || (node.target || node.pattern || {}).line || above;
      for (const [construct, ours, radon] of points(node, isElif, place.inside))
        rows.push([line, construct, ours * place.ours, radon * place.radon]);
      const below = elifBelow(node);
      stack.push(...placed(node, place).map(([c, p]) => [c, p, c === below, line]).reverse());
    }
    return rows;
  }

  function placed(node, place) {
    let head = { ...place, radon: 0 }, body = node.type === "Assert" ? head : place;
    if (node.type === "ClassDef")
      body = { ...(place.inside === "module" ? place : head), inside: "class" };
    else if (isIn(node, FUNCTIONS))
      body = { ...(place.inside === "function" ? head : place), inside: "function" };
    else head = body;
    return P.fields(node).flatMap(([name, value]) => {
      const its = { ...(name === "body" ? body : head) };
      if (name === "annotation" || name === "returns") its.ours = 0;
      return [value].flat().filter(P.isNode).map((child) => [child, its]);
    });
  }

  const times = (n, row) => Array(Math.max(0, n)).fill(row);

  function points(node, isElif, inside) {
    const n = (list) => (list || []).length, some = (list) => n(list) ? 1 : 0;
    switch (node.type) {
      case "If": return [[isElif ? "elif" : "if", 1, 1]];
      case "IfExp": return [["conditional expression", 1, 1]];
      case "For": case "AsyncFor": case "While": {
        const word = node.type === "While" ? "while" : "for";
        return [[word, 1, 1], ...times(some(node.orelse), [`else of ${word}`, 1, 1])];
      }
      case "BoolOp":
        return [[node.op.type.toLowerCase(), n(node.values) - 1, n(node.values) - 1]];
      case "Compare":
        return times(n(node.ops) > 1 ? 1 : 0, ["chained comparison", n(node.ops) - 1, 0]);
      case "Try": case "TryStar": {
        const radon = node.type === "Try" ? 1 : 0;
        return [...times(n(node.handlers), [radon ? "except" : "except*", 1, radon]),
          ...times(some(node.orelse), ["else of try", 1, radon]),
          ...times(some(node.finalbody), ["finally", 0, 0])];
      }
      case "comprehension":
        return [["for in a comprehension", 1, 1],
          ...times(n(node.ifs), ["if in a comprehension", 1, 1])];
      case "Match": {
        const mayFail = node.cases.filter((c) => !alwaysMatches(c.pattern)).length;
        const isDefault = node.cases.some((c) => c.pattern.type === "MatchAs" && !c.pattern.pattern);
        return [["case", mayFail, Math.max(0, n(node.cases) - isDefault)]];
      }
      case "match_case": return times(node.guard ? 1 : 0, ["guard of a case", 1, 0]);
      case "MatchOr": return [["| in a case", n(node.patterns) - 1, 0]];
      case "Assert": return [["assert", 1, 1]];
      case "With": case "AsyncWith": return [["with", 0, 0]];
      case "Expr": return times(isText(node.value) ? 1 : 0, ["documentation", 0, 0]);
      case "arguments": {
        const given = n(node.defaults) + node.kw_defaults.filter(Boolean).length;
        return times(given, ["default value", 0, 0]);
      }
      case "ClassDef": return ofHead(node, "class", inside !== "module");
      case "FunctionDef": case "AsyncFunctionDef": {
        const method = times(inside === "class" ? 1 : 0, [`method ${node.name}`, 0, 1]);
        return [...method, ...ofHead(node, "def", inside === "function")];
      }
      case "AnnAssign": return [["type hint", 0, 0]];
      case "arg": return times(node.annotation ? 1 : 0, ["type hint", 0, 0]);
    }
    return [];
  }

  const isText = (node) => node.type === "Constant" && node.literal === "str";
  const ofHead = (node, word, nested) => [
    ...times(nested ? 1 : 0, [`${word} ${node.name}, nested`, 0, 0]),
    ...times(node.decorator_list.length, ["decorator", 0, 0]),
    ...times(node.returns ? 1 : 0, ["type hint", 0, 0])];

  function alwaysMatches(pattern) {
    if (pattern.type === "MatchAs") return !pattern.pattern || alwaysMatches(pattern.pattern);
    return pattern.type === "MatchOr" && pattern.patterns.some(alwaysMatches);
  }

  // --- documentation.py ----------------------------------------------------------------------

  const isIdle = (statement, parent) => statement.type === "Expr" && isText(statement.value)
    || statement.type === "AnnAssign" && !statement.value && parent.type !== "ClassDef";

  /** [first, behind, replaced] of the tokens that do not count. */
  function spans(tree, tokens) {
    const found = [], text = (i) => tokens[i]?.text;
    for (const node of walk(tree)) {
      for (const [, block] of blocks(node)) {
        const idle = block.filter((s) => isIdle(s, node));
        const empty = idle.length === block.length && node.type !== "Module";
        for (const s of idle) {
          const replaced = empty && s === block[0];
          found.push([s.first, s.behind + (!replaced && text(s.behind) === ";" ? 1 : 0), replaced]);
        }
      }
      for (const hint of [node.annotation, node.returns].filter(Boolean)) {
        let [i, j] = [hint.first, hint.behind];
        while (text(i - 1) === "(") [i, j] = [i - 1, j + 1];
        found.push([i - 1, j, false]);
      }
    }
    return found.sort((a, b) => a[0] - b[0] || b[1] - a[1]);
  }

  /** The tokens outside the spans, where they stand once the spans are gone. */
  function without(tokens, spans) {
    const kept = [], moves = new Map();
    let behind = 0;
    const moved = (row, column) => {
      const [to, left] = moves.get(row) || [row, 0];
      return [to, column - left];
    };
    const keep = (part) => {
      for (const t of part) {
        const [row, column] = moved(t.row, t.column), [endRow, endColumn] = moved(t.endRow, t.endColumn);
        kept.push({ ...t, row, column, endRow, endColumn, line: t.row });
      }
    };
    for (const [i, j, replaced] of spans) {
      if (i < behind) continue;
      keep(tokens.slice(behind, i));
      let [row, column] = moved(tokens[i].row, tokens[i].column);
      let { endRow, endColumn } = tokens[j - 1];
      if (replaced)
        kept.push({ kind: "word", text: "pass", row, column, endRow: row, endColumn: column + 4,
          line: tokens[i].row });
      else if (j < tokens.length && tokens[j].row === endRow) {
        const last = kept[kept.length - 1];
        if (last?.endRow === row) column = last.endColumn;
        else endColumn = tokens[j].column;
        moves.set(endRow, [row, endColumn - column]);
      }
      behind = j;
    }
    keep(tokens.slice(behind));
    return kept;
  }

  // --- lexical.py ------------------------------------------------------------------------------

  const CLOSING = ")]}", PAIRS = { "(": "( )", "[": "[ ]", "{": "{ }" };
  const AFTER_OPERAND = { "(": "call ( )", "[": "index [ ]" };
  const TWO_WORDS = { "not in": "not in", "is not": "is not", "except *": "except" };

  /** What a word counts as: numbers and texts by their value, names as Python knows them. */
  function byValue(t) {
    if (t.kind === "number") return P.number(t.text).join(" ");
    if (t.kind === "string" && !t.prefix.includes("f"))
      return (t.prefix.includes("b") ? "b:" : "s:") + P.unescaped(t.body, t.prefix);
    return t.name || t.text;
  }

  function lex(tokens) {
    const lastColumn = new Map(), operators = new Map(), operands = new Map(), perLine = new Map();
    for (const t of tokens) {
      if (t.endRow > t.row) t.text.split("\n").forEach((part, k) =>
        lastColumn.set(t.row + k, part.length + (k ? 0 : t.column)));
      else lastColumn.set(t.row, t.endColumn);
    }
    const counted = tokens.filter((t) => t.text !== ";");
    let afterOperand = false, total = 0;
    for (let i = 0; i < counted.length; i++) {
      const t = counted[i], two = TWO_WORDS[`${t.text} ${counted[i + 1]?.text}`];
      const isOperator = two || t.kind === "word" && !["True", "False", "None"].includes(t.text)
        || t.kind === "sign" && t.text !== "..." && !CLOSING.includes(t.text);
      total++;
      if (two) i++;
      if (!isOperator && CLOSING.includes(t.text)) { afterOperand = true; continue; }
      const word = two || isOperator
        && (afterOperand && AFTER_OPERAND[t.text] || PAIRS[t.text] || t.text) || byValue(t);
      const counts = isOperator ? operators : operands;
      counts.set(word, (counts.get(word) || 0) + 1);
      const line = perLine.get(t.line) || [0, 0];
      line[isOperator ? 0 : 1]++;
      perLine.set(t.line, line);
      afterOperand = !isOperator;
    }
    const widths = [...lastColumn.values()], sum = (values) => values.reduce((a, b) => a + b, 0);
    const [N1, N2] = [sum([...operators.values()]), sum([...operands.values()])];
    return {
      lines: widths.length, characters: sum(widths) + Math.max(widths.length - 1, 0), tokens: total,
      n1: operators.size, n2: operands.size, N1, N2, perLine,
      difficulty: operands.size ? operators.size / 2 * (N2 / operands.size) : 0,
    };
  }

  // --- explain.py: radon's Halstead --------------------------------------------------------------

  function halsteadRadon(tree) {
    const operators = new Set(), operands = new Set(), stack = [[tree, ""]];
    let applied = 0;
    while (stack.length) {
      const [node, context] = stack.pop();
      if (isIn(node, FUNCTIONS)) {
        for (const child of node.body) stack.push([child, node.name]);
        continue;
      }
      const [signs, parts] = operation(node);
      for (const sign of signs) operators.add(sign.type);
      for (const part of parts) {
        const value = part.type === "Constant" ? part.value : part.id || part.attr;
        const name = part.type === "Constant" ? value : `s:${value}`;
        operands.add(isIn(part, "Name Attribute Constant") ? `${context} ${name}` : part);
        applied++;
      }
      for (const child of P.children(node)) stack.push([child, context]);
    }
    return operands.size ? operators.size / 2 * (applied / operands.size) : 0;
  }

  function operation(node) {
    switch (node.type) {
      case "BinOp": return [[node.op], [node.left, node.right]];
      case "UnaryOp": return [[node.op], [node.operand]];
      case "BoolOp": return [[node.op], node.values];
      case "AugAssign": return [[node.op], [node.target, node.value]];
      case "Compare": return [node.ops, [node.left, ...node.comparators]];
    }
    return [[], []];
  }

  // --- cdm.py --------------------------------------------------------------------------------------

  /** The tree without docstrings and type hints; the nodes given are changed. */
  function bare(tree) {
    for (const node of walk(tree)) {
      for (const [name, block] of blocks(node)) {
        const kept = block.filter((s) => !isIdle(s, node)).map(plain);
        node[name] = kept.length || node.type === "Module" ? kept : [{ type: "Pass" }];
      }
      if (node.type === "arg") node.annotation = null;
      if (node.returns) node.returns = null;
    }
    return tree;
  }

  function plain(statement) {
    if (statement.type !== "AnnAssign") return statement;
    const { target, value } = statement;
    return value ? { type: "Assign", targets: [target], value } : { type: "Expr", value: target };
  }

  /** Steps down the tree, as "parent > child". */
  function constructs(tree) {
    const found = [], stack = [["", "Module", tree]];
    const kindOf = (node) => node.type === "Constant" ? `${node.literal} literal`
      : node.type === "TryStar" ? "Try" : node.type;
    while (stack.length) {
      const [parent, kind, node] = stack.pop();
      if (parent) found.push([parent, kind]);
      const below = [];
      for (const [name, value] of node ? P.fields(node) : []) {
        if (!Array.isArray(value)) {
          if (value.type !== "Load") below.push([kind, kindOf(value), value]);
        } else if (value.length) {
          const block = { orelse: "else", finalbody: "finally" }[name];
          if (block) below.push([kind, block, null]);
          for (const child of value.filter(P.isNode)) below.push([block || kind, kindOf(child), child]);
        }
      }
      stack.push(...below.reverse());
    }
    return found;
  }

  /** Exact sum, rounded once, as Python's math.fsum. */
  function exactSum(values) {
    const parts = [];
    for (let x of values) {
      let i = 0;
      for (let y of parts) {
        if (Math.abs(x) < Math.abs(y)) [x, y] = [y, x];
        const high = x + y, low = y - (high - x);
        if (low) parts[i++] = low;
        x = high;
      }
      parts.splice(i, parts.length, x);
    }
    let n = parts.length, high = n ? parts[--n] : 0, low = 0;
    while (n > 0) {
      const x = high, y = parts[--n];
      high = x + y;
      low = y - (high - x);
      if (low) break;
    }
    if (n > 0 && (low < 0 && parts[n - 1] < 0 || low > 0 && parts[n - 1] > 0)) {
      const y = low * 2, x = high + y;
      if (y === x - high) high = x;
    }
    return high;
  }

  /** Args: reference, as book/tools/lab.py writes it; the CDM is under equal weights. */
  function cdm(tree, views, reference) {
    const steps = constructs(bare(tree));
    const bits = steps.map(([parent, child]) => reference.bits[`${parent} > ${child}`]
      ?? reference.unseen[parent] ?? reference.unknown);
    const surprisal = steps.length ? exactSum(bits) / steps.length : 0;
    const share = (view, x) => {
      let below = 0;
      for (const [value, count] of reference.views[view]) if (value < x) below += count;
      return below / reference.programs;
    };
    const parts = {
      length: share("tokens", views.tokens),
      control_flow: (share("depth", views.depth) + share("branching", views.cyclomatic)) / 2,
      unfamiliarity: share("surprisal", surprisal),
    };
    let score = 0;
    for (const part of Object.values(parts)) score += (1 / 3) * part;
    return { score, surprisal, parts };
  }

  // --- the whole -----------------------------------------------------------------------------------

  const label = (x) => LABELS[(x >= CUT[0]) + (x >= CUT[1])];

  /**
   * Scores of a program, by the package's names, and rows [line, { ours, radon, operators,
   * operands, why }] of the lines that add to them.
   * Throws: an Error with `line` for a program that cannot be scored.
   */
  function score(text, reference = null) {
    let program;
    try {
      program = P.read(text);
    } catch (problem) {
      if (problem instanceof RangeError) throw new P.Refused(1, "nested too deeply for this page");
      throw problem;
    }
    checkNesting(program);
    const { tree, tokens } = program, found = decisions(tree);
    const rows = new Map();
    const row = (line) => {
      if (!rows.has(line)) rows.set(line, { ours: 0, radon: 0, operators: 0, operands: 0, why: [] });
      return rows.get(line);
    };
    for (const [line, construct, ours, radon] of found) {
      Object.assign(row(line), { ours: row(line).ours + ours, radon: row(line).radon + radon });
      if (ours || radon) row(line).why.push(construct);
    }
    const lexical = lex(without(inCharacters(program), spans(tree, tokens)));
    for (const [line, [operators, operands]] of lexical.perLine)
      Object.assign(row(line), { operators, operands });
    const cyclomatic = found.reduce((sum, r) => sum + r[2], 1);
    const cyclomatic_radon = found.reduce((sum, r) => sum + r[3], 1);
    const halstead_radon = halsteadRadon(tree), halstead_token = lexical.difficulty;
    const om_radon = (cyclomatic_radon + halstead_radon) / 2;
    const om_token = (cyclomatic + halstead_token) / 2;
    const scores = { lines: lexical.lines, characters: lexical.characters, tokens: lexical.tokens,
      cyclomatic, cyclomatic_radon, halstead_radon, halstead_token, om_radon, om_token,
      depth: depth(tree) };
    const counts = (({ n1, n2, N1, N2 }) => ({ n1, n2, N1, N2 }))(lexical);
    if (reference) {
      const { score, surprisal } = cdm(tree, scores, reference);
      Object.assign(scores, { cdm: score, unfamiliarity: surprisal });
    }
    return { scores, counts, labels: { om_radon: label(om_radon), om_token: label(om_token) },
      rows: [...rows].filter(([, r]) => r.ours || r.radon || r.operators || r.operands)
        .sort((a, b) => a[0] - b[0]), source: program.source };
  }

  /** The tokens with columns in characters, as Python counts, and not in UTF-16 units. */
  function inCharacters({ source, tokens }) {
    if (!/[\ud800-\udfff]/.test(source)) return tokens;
    const lines = source.split("\n");
    const width = (row, column) => [...lines[row - 1].slice(0, column)].length;
    return tokens.map((t) => ({ ...t, column: width(t.row, t.column),
      endColumn: width(t.endRow, t.endColumn),
      text: t.endRow > t.row ? t.text.replace(/[\ud800-\udbff][\udc00-\udfff]/g, "x") : t.text }));
  }

  return { score, label, exactSum };
}
