import { afterAll, afterEach, expect } from "vitest";
import { takeMet } from "./met.ts";
import { takeSocketFaults } from "./socket-traffic.ts";

/** A frame or a closing that the contract does not allow fails the test in which it came. */
const expectNoFaults = async (): Promise<void> => expect(await takeSocketFaults()).toEqual([]);
afterEach(async ({ task }) => {
  await expectNoFaults();
  task.meta.met = takeMet();
});
afterAll(expectNoFaults);
