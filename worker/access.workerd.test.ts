import { expect, test } from "vitest";
import { ACCESS } from "./access.ts";
import { app } from "./app.ts";

test("the access table and the application have the same routes", () => {
  const routes = new Set(
    app.routes.filter(({ method, path }) => method !== "ALL" && path.startsWith("/api/")).map(({ method, path }) => `${method} ${path}`),
  );
  expect([...routes].sort()).toEqual(ACCESS.map(({ method, path }) => `${method} ${path}`).sort());
});
