import * as z from "zod";

/** A request to the producer of a run, open until a `control.acknowledged` names its id. */
export const controlRequestSchema = z.object({
  control_id: z.string(),
  action: z.enum(["cancel", "approve", "reject", "input"]),
  by: z.string(),
  reason: z.string().optional(),
});
export type ControlRequest = z.infer<typeof controlRequestSchema>;
