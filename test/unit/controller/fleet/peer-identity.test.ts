/** T05: which hosts may be called, and who may answer. */
import { expect, test } from "bun:test";
import { dialProblem, identityProblem } from "../../../../src/controller/fleet/peer-identity.ts";
import { targetOf } from "../../../../src/controller/fleet/targets.ts";
import type { AgentRecord } from "../../../../src/controller/store/agent-record.ts";
import { CtrlExecError } from "../../../../src/core/errors.ts";

const stranger = targetOf("10.0.0.5", undefined);
const web = targetOf("10.0.0.5", {
  kind: "agent",
  record: { hostname: "web-01" } as AgentRecord,
});

const shows = (commonName: string, dnsNames = [commonName]) => ({
  serial: "0a",
  commonName,
  dnsNames,
});

test("with strict, only registered hosts are called; without it, everyone", () => {
  const file = "/srv/c.conf";
  expect(dialProblem(stranger, { file, verify_agent_identity: "strict" })).toMatchObject({
    code: "untrusted",
    message: "Cannot call 10.0.0.5: it is not registered, and verify_agent_identity = strict",
    hint: "See: ctrl-exec list-agents --config /srv/c.conf",
  });
  expect(dialProblem(web, { file, verify_agent_identity: "strict" })).toBeUndefined();
  for (const verify_agent_identity of ["registry", "ca"] as const) {
    expect(dialProblem(stranger, { file, verify_agent_identity })).toBeUndefined();
    expect(dialProblem(web, { file, verify_agent_identity })).toBeUndefined();
  }
});

test("a host whose record cannot be used is never called", () => {
  const problem = new CtrlExecError("config", "it is damaged");
  for (const verify_agent_identity of ["strict", "registry", "ca"] as const) {
    expect(dialProblem({ ...stranger, problem }, { file: "", verify_agent_identity })).toBe(
      problem,
    );
  }
});

test("a registered host answers with its own certificate, unless any of the CA's will do", () => {
  const none = new Set<string>();
  const other = "10.0.0.5 answered with the certificate of db-01: refused";
  expect(identityProblem(web, shows("web-01"), "registry", none)).toBeUndefined();
  expect(identityProblem(web, shows("db-01"), "registry", none)).toBe(other);
  expect(identityProblem(web, shows("db-01"), "strict", none)).toBe(other);
  expect(identityProblem(web, shows("db-01"), "ca", none)).toBeUndefined();
  expect(identityProblem(web, shows("", []), "registry", none)).toBe(
    "10.0.0.5 answered with the certificate of nobody: refused",
  );
  expect(identityProblem(stranger, shows("db-01"), "registry", none)).toBeUndefined();
});

test("one that is revoked is never accepted", () => {
  const revoked = new Set(["0a"]);
  for (const policy of ["strict", "registry", "ca"] as const) {
    for (const target of [web, stranger]) {
      expect(identityProblem(target, shows("web-01"), policy, revoked)).toBe(
        "10.0.0.5 answered with the revoked certificate of web-01: refused",
      );
    }
  }
  expect(identityProblem(web, shows("", []), "ca", revoked)).toContain("of nobody");
});
