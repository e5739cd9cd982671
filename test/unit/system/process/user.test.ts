import { expect, test } from "bun:test";
import { currentUser, userId, userName } from "../../../../src/system/process/user.ts";

const UNKNOWN = "4123456789";

test("users are known by their numbers and names", () => {
  expect([userName("0"), userName("root"), userName(UNKNOWN)]).toEqual(["root", "root", UNKNOWN]);
  expect([userId("root"), userId("0"), userId(UNKNOWN)]).toEqual([0, 0, 4_123_456_789]);
  for (const nobody of ["no-such-user", "", "0x0"]) expect(userId(nobody)).toBeNaN();
});

test("this process's user is that of its number, whatever the environment says", () => {
  const id = String(process.getuid?.());
  expect(userId(currentUser().name)).toBe(Number(id));
  const module = `${import.meta.dir}/../../../../src/system/process/user.ts`;
  const code = `process.getuid = () => ${UNKNOWN};
    console.log(JSON.stringify((await import(${JSON.stringify(module)})).currentUser()));`;
  const { stdout } = Bun.spawnSync([process.execPath, "-e", code]);
  expect(JSON.parse(stdout.toString())).toEqual({ name: UNKNOWN, home: "/" });
  if (id === "0") expect(currentUser()).toMatchObject({ name: "root", home: "/root" });
});
