import { describe, expect, test } from "vitest";
import { readLogForm, showLog } from "./show-log.ts";

const timestamp = Date.parse("2026-11-21T02:30:00.123Z");
const own = (line: Record<string, unknown>) => ({
  timestamp,
  level: "info",
  message: JSON.stringify({ at: "2026-11-21T02:30:00.100Z", level: "info", ...line }),
});
const request = own({
  event: "request",
  request_id: "r-1",
  method: "POST",
  route: "/api/runs/:id/events",
  status: 409,
  duration_ms: 4.2,
  principal: "administrator",
  role: "administrator",
  run_id: null,
  code: "RUN_ENDED",
});

describe("the server's log on a terminal", () => {
  test("a request is one short line", () => {
    expect(showLog("pretty", request)).toBe(
      "02:30:00 POST /api/runs/:id/events 409 4.2ms principal=administrator role=administrator code=RUN_ENDED",
    );
  });

  test("what is sent cannot move the cursor or begin a line", () => {
    const hostile = own({ event: "request", method: "\u001b[2J\nGET", route: null, status: 404, duration_ms: 1 });
    expect(showLog("pretty", hostile)).toBe("02:30:00 \\u001b[2J\\u000aGET page 404 1ms");
    expect(showLog("problems", { timestamp, level: "error", message: "\u009b31m" })).toBe(
      '02:30:00 runtime message="\\u009b31m"',
    );
  });

  test("as JSON every line is one, also what the runtime says itself", () => {
    expect(showLog("json", request)).toBe(request.message);
    const runtime = showLog("json", { timestamp, level: "warn", message: "kj: broken\npipe" });
    expect(JSON.parse(runtime ?? "")).toEqual({
      at: "2026-11-21T02:30:00.123Z",
      level: "warn",
      event: "runtime",
      message: "kj: broken\npipe",
    });
    expect(runtime).not.toContain("\n");
  });

  test("off is off, and any other word is refused", () => {
    expect(showLog("off", request)).toBeNull();
    expect(readLogForm("")).toBe("problems");
    expect(() => readLogForm("loud")).toThrow('RUNCAST_LOG must be one of problems, pretty, json, off, not "loud"');
  });
});
