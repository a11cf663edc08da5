import * as z from "zod";

/** What `GET /api/runs/{id}/metrics` answers. */
export const metricPointSchema = z.object({
  sequence: z.int().min(1),
  created_at: z.string(),
  value: z.number(),
  at: z.number().optional().describe("The position that its producer gave it"),
});
export type MetricPoint = z.infer<typeof metricPointSchema>;

export const metricHistorySchema = z.object({
  items: z
    .array(
      z.object({
        name: z.string(),
        unit: z.string().nullable(),
        count: z.int().min(0).describe("How many values were recorded"),
        points: z
          .array(metricPointSchema)
          .describe("All of them, or the lowest and the highest of equally many neighbours, in the order of the log"),
      }),
    )
    .describe("One for each name, in the order of the query"),
  scanned_to: z.int().min(0).describe("What was recorded up to this sequence is here"),
  complete: z.boolean().describe("False: the time was over; go on with `after_sequence` as `scanned_to` says"),
});
export type MetricHistory = z.infer<typeof metricHistorySchema>;
