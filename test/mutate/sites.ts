/** Where the sources can be changed: comparisons, operators, conditions, returns, calls made for their effect. */
import { type Node, type SourceFile, SyntaxKind } from "typescript/unstable/ast";
import {
  isArrowFunction,
  isAwaitExpression,
  isBinaryExpression,
  isBlock,
  isCallExpression,
  isConditionalExpression,
  isExpressionStatement,
  isIfStatement,
  isLiteralTypeNode,
  isNumericLiteral,
  isPostfixUnaryExpression,
  isPrefixUnaryExpression,
  isReturnStatement,
  isThrowStatement,
} from "typescript/unstable/ast/is";
import type { Change, Site } from "./change.ts";
import { BINARY, RETURNS, UNARY } from "./operators.ts";

/** A piece of the text, and what it becomes. `shown` is the node that a person reads it in. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
  readonly shown: Node;
}

/** @param file how the source is named in the sites, from the root of the checkout */
export function sitesOf(source: SourceFile, file: string): Site[] {
  const found: Site[] = [];
  const visit = (node: Node): void => {
    const edits = editsOf(node, source).filter((edit) => textOf(source, edit) !== edit.replacement);
    if (edits.length > 0) found.push(siteOf(edits, source, file, node));
    node.forEachChild(visit);
  };
  visit(source);
  return found;
}

function siteOf(edits: readonly Edit[], source: SourceFile, file: string, node: Node): Site {
  const changes = edits.map((edit) => changeOf(edit, source, file));
  const start = node.getStart(source);
  return { file, line: lineOf(source, start), start, changes };
}

function changeOf(edit: Edit, source: SourceFile, file: string): Change {
  const { start, end, replacement, shown } = edit;
  const from = shown.getStart(source);
  const to = shown.getEnd();
  const { line, character } = source.getLineAndCharacterOfPosition(start);
  return {
    file,
    line: line + 1,
    column: character + 1,
    start,
    end,
    replacement,
    before: source.text.slice(from, to),
    after: source.text.slice(from, start) + replacement + source.text.slice(end, to),
  };
}

function editsOf(node: Node, source: SourceFile): Edit[] {
  const replaced = (part: Node, replacement: string, shown: Node = node): Edit => ({
    start: part.getStart(source),
    end: part.getEnd(),
    replacement,
    shown,
  });

  if (isBinaryExpression(node)) {
    const { operatorToken } = node;
    const others = BINARY.get(operatorToken.kind) ?? [];
    return others.map((operator) => replaced(operatorToken, operator));
  }
  if (isPrefixUnaryExpression(node) || isPostfixUnaryExpression(node)) {
    const operand = node.operand.getText(source);
    if (node.operator === SyntaxKind.ExclamationToken) return [replaced(node, operand)];
    const other = UNARY.get(node.operator);
    if (other === undefined) return [];
    const before = isPrefixUnaryExpression(node);
    return [replaced(node, before ? other + operand : operand + other)];
  }
  if (node.kind === SyntaxKind.TrueKeyword || node.kind === SyntaxKind.FalseKeyword) {
    if (isLiteralTypeNode(node.parent)) return [];
    return [replaced(node, node.kind === SyntaxKind.TrueKeyword ? "false" : "true", node.parent)];
  }
  // A number by itself is a choice; one that something is compared with or added to is a boundary.
  if (isNumericLiteral(node) && isBinaryExpression(node.parent)) {
    if (!BINARY.has(node.parent.operatorToken.kind)) return [];
    return [replaced(node, `(${node.getText(source)} + 1)`, node.parent)];
  }
  if (isIfStatement(node)) {
    const { expression } = node;
    return ["true", "false"].map((value) => replaced(expression, value, expression));
  }
  if (isConditionalExpression(node)) {
    return [node.whenTrue, node.whenFalse].map((side) => replaced(node, side.getText(source)));
  }
  if (isReturnStatement(node) && node.expression !== undefined) {
    const { expression } = node;
    return RETURNS.map((value) => replaced(expression, value));
  }
  if (isArrowFunction(node) && !isBlock(node.body)) {
    return RETURNS.map((value) => replaced(node.body, value));
  }
  if (isExpressionStatement(node) && isCall(node.expression)) return [replaced(node, ";")];
  if (isThrowStatement(node)) return [replaced(node, ";")];
  return [];
}

function isCall(node: Node): boolean {
  return isCallExpression(node) || (isAwaitExpression(node) && isCallExpression(node.expression));
}

function textOf(source: SourceFile, { start, end }: Edit): string {
  return source.text.slice(start, end);
}

function lineOf(source: SourceFile, position: number): number {
  return source.getLineAndCharacterOfPosition(position).line + 1;
}
