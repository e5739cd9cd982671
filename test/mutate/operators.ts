/** What each operator is changed into. */
import { SyntaxKind } from "typescript/unstable/ast";

/** The boundary moved, or the outcome turned round. */
export const BINARY: ReadonlyMap<SyntaxKind, readonly string[]> = new Map([
  [SyntaxKind.LessThanToken, ["<=", ">="]],
  [SyntaxKind.LessThanEqualsToken, ["<", ">"]],
  [SyntaxKind.GreaterThanToken, [">=", "<="]],
  [SyntaxKind.GreaterThanEqualsToken, [">", "<"]],
  [SyntaxKind.EqualsEqualsEqualsToken, ["!=="]],
  [SyntaxKind.ExclamationEqualsEqualsToken, ["==="]],
  [SyntaxKind.AmpersandAmpersandToken, ["||"]],
  [SyntaxKind.BarBarToken, ["&&"]],
  [SyntaxKind.QuestionQuestionToken, ["&&"]],
  [SyntaxKind.PlusToken, ["-"]],
  [SyntaxKind.MinusToken, ["+"]],
  [SyntaxKind.AsteriskToken, ["/"]],
  [SyntaxKind.SlashToken, ["*"]],
  [SyntaxKind.PercentToken, ["*"]],
  [SyntaxKind.AmpersandToken, ["|"]],
  [SyntaxKind.BarToken, ["&"]],
  [SyntaxKind.LessThanLessThanToken, [">>"]],
  [SyntaxKind.GreaterThanGreaterThanToken, ["<<"]],
  [SyntaxKind.PlusEqualsToken, ["-=", "="]],
  [SyntaxKind.MinusEqualsToken, ["+=", "="]],
  [SyntaxKind.QuestionQuestionEqualsToken, ["="]],
]);

/** `++` and `--`, before and after their operand. */
export const UNARY: ReadonlyMap<SyntaxKind, string> = new Map([
  [SyntaxKind.PlusPlusToken, "--"],
  [SyntaxKind.MinusMinusToken, "++"],
]);

/** What a function returns instead; the compiler says which of them it could. */
export const RETURNS: readonly string[] = ["undefined", "true", "false", "0", '""', "[]"];
