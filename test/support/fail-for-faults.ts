import { afterAll, afterEach, expect } from "vitest";
import { takeSocketFaults } from "./socket-traffic.ts";

/** A frame or a closing that the contract does not allow fails the test in which it came. */
const expectNoFaults = async (): Promise<void> => expect(await takeSocketFaults()).toEqual([]);
afterEach(expectNoFaults);
afterAll(expectNoFaults);
