import { afterAll, expect, test } from "bun:test";
import { getFile } from "../../../../src/system/net/get.ts";

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch({ url }) {
    const { pathname } = new URL(url);
    if (pathname === "/moved") return Response.redirect("/file");
    return pathname === "/file" ? new Response("content") : new Response("", { status: 404 });
  },
});
afterAll(async () => {
  await server.stop(true);
});

const get = (path: string, maxBytes = 100) => getFile(new URL(path, server.url), maxBytes);

test("a file, and nothing but that", async () => {
  expect((await get("/file")).toString()).toBe("content");
  expect(get("/file", 6)).rejects.toThrow("it is longer than");
  expect(get("/missing")).rejects.toThrow("the answer is 404");
});

test("T03 no redirect is followed", async () => {
  expect(get("/moved")).rejects.toThrow("the answer is 302");
});

test("a file that comes in pieces of unknown number, for a user with a password", async () => {
  const asked: (string | null)[] = [];
  using other = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch({ headers }) {
      asked.push(headers.get("authorization"));
      const pieces = ["con", "te", "nt"];
      const pull = (controller: ReadableStreamDefaultController) => {
        const piece = pieces.shift();
        if (piece === undefined) controller.close();
        else controller.enqueue(Buffer.from(piece));
      };
      return new Response(new ReadableStream({ pull }));
    },
  });
  const url = new URL(other.url);
  Object.assign(url, { username: "u", password: "p w" });
  expect((await getFile(url, 100)).toString()).toBe("content");
  expect(asked).toEqual([`Basic ${btoa("u:p w")}`]);
});

test("nobody listens", async () => {
  expect(getFile(new URL("http://127.0.0.1:1/"), 100)).rejects.toThrow();
});
