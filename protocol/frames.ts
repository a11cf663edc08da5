import * as z from "zod";
import { controlRequestSchema } from "./control.ts";
import { runIdSchema, RUN_STATUSES } from "./event.ts";
import { endDataSchema, runSchema } from "./api.ts";

/** Control lines of the three sockets. A line with `sequence` is an event; a line with `op` is one of these. */
const sequence = z.int().min(0);
const status = z.enum(RUN_STATUSES);

export const helloSchema = z.object({
  op: z.literal("hello"),
  run_id: runIdSchema,
  status,
  last_sequence: sequence,
  watcher_id: z.string(),
});
export const caughtUpSchema = z.object({ op: z.literal("caught_up"), sequence });
export const presentWatcherSchema = z.object({
  watcher_id: z.string(),
  name: z.string(),
  colour: z.string(),
  first: sequence.nullable(),
  last: sequence.nullable(),
  follow: z.boolean(),
});
export const presenceSchema = z.object({
  op: z.literal("presence"),
  count: z.int().min(0),
  watchers: z.array(presentWatcherSchema).optional(),
});
export const damagedSchema = z.object({ op: z.literal("damaged"), first: sequence, last: sequence });
export const endSchema = endDataSchema.extend({ op: z.literal("end") });

/** Server → watcher on `runcast.v1`. */
export const watcherFrameSchema = z.discriminatedUnion("op", [
  helloSchema,
  caughtUpSchema,
  presenceSchema,
  damagedSchema,
  endSchema,
]);
export type WatcherFrame = z.infer<typeof watcherFrameSchema>;

/** Watcher → server on `runcast.v1`, besides the bare text `ping`. */
export const watcherCommandSchema = z.discriminatedUnion("op", [
  z.strictObject({ op: z.literal("ack"), sequence }),
  z.strictObject({ op: z.literal("view"), first: sequence, last: sequence, follow: z.boolean() }),
]);
export type WatcherCommand = z.infer<typeof watcherCommandSchema>;

/** Server → producer on `runcast.produce.v1`. */
export const producerFrameSchema = z.discriminatedUnion("op", [
  z.object({ op: z.literal("hello"), run_id: runIdSchema, status, expected: z.int().min(1) }),
  z.object({
    op: z.literal("ack"),
    producer_sequence: z.int().min(1),
    first_sequence: sequence.nullable(),
    last_sequence: sequence.nullable(),
    duplicate: z.boolean(),
  }),
  z.object({ op: z.literal("error"), code: z.string(), detail: z.string(), expected: z.int().min(1).optional() }),
  controlRequestSchema.extend({ op: z.literal("control") }),
]);
export type ProducerFrame = z.infer<typeof producerFrameSchema>;

/** First line of a producer's frame; the batch's lines follow it. */
export const producerAppendSchema = z.strictObject({ op: z.literal("append"), producer_sequence: z.int().min(1) });

/** Server → client on `runcast.workspace.v1`. After `hello` come all open runs, each as a `run` line. */
export const workspaceFrameSchema = z.discriminatedUnion("op", [
  z.object({ op: z.literal("hello"), workspace_id: z.string() }),
  z.object({ op: z.literal("run"), run: runSchema }),
  z.object({ op: z.literal("run_deleted"), run_id: runIdSchema }),
]);
export type WorkspaceFrame = z.infer<typeof workspaceFrameSchema>;

export const PING = "ping";
export const PONG = "pong";
